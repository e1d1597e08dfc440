//! A request over http.

use std::fmt;
use std::time::{Duration, Instant};

use bytes::Bytes;
use chaos_core::probe::Reading;
use chaos_core::units::duration::brief;
use chaos_core::{Clock, Error, Probe, Result, probe};
use http::header::{HOST, HeaderName, HeaderValue, USER_AGENT};
use http::{HeaderMap, Method, Request, Uri};
use http_body_util::{BodyExt, Empty, Limited};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::task::JoinSet;

/// The most of a body that is read to look for a text.
const MOST_BODY: usize = 1 << 20;

/// Asks `url` by GET and looks at the answer: a status of 2xx holds, unless [`status`](HttpProbe::status) says another.
///
/// # Errors
/// What is not a `http://` URL with a host. For https bring a closure of your own: `chaos_core::probe::check`.
pub fn http(url: &str) -> Result<HttpProbe> {
    let wrong = |why: &str| Error::invalid(format!("probe url {url:?} {why}"));
    let uri: Uri =
        url.parse().map_err(|error: http::uri::InvalidUri| wrong("is not a url").with_source(error))?;
    match uri.scheme_str() {
        Some("http") => {}
        Some("https") => {
            let why =
                "is https, which this probe does not speak: use `probe::check` with a client of your own";
            return Err(wrong(why));
        }
        _ => return Err(wrong("does not begin with http://")),
    }
    if uri.host().is_none_or(str::is_empty) {
        return Err(wrong("has no host"));
    }
    // The part behind the host: a port, if anything. `Uri` takes ports that do not exist and drops them.
    let authority = uri.authority().map_or("", |authority| authority.as_str());
    let host_and_port = authority.rsplit('@').next().unwrap_or(authority);
    let port = host_and_port.strip_prefix(uri.host().unwrap_or_default()).unwrap_or_default();
    if !port.is_empty() && !port[1..].parse::<u16>().is_ok_and(|port| port != 0) {
        return Err(wrong("needs a port from 1 to 65535"));
    }
    Ok(HttpProbe {
        uri,
        method: Method::GET,
        headers: HeaderMap::new(),
        status: None,
        contains: None,
        within: None,
    })
}

/// Whether a server answers as it should; made by [`http()`].
#[derive(Debug, Clone)]
#[must_use = "a probe measures nothing until an experiment takes it"]
pub struct HttpProbe {
    uri: Uri,
    method: Method,
    headers: HeaderMap,
    status: Option<u16>,
    contains: Option<String>,
    within: Option<Duration>,
}

impl HttpProbe {
    /// The answer must have this status, 100 to 999; an experiment refuses any other number.
    pub fn status(mut self, status: u16) -> Self {
        self.status = Some(status);
        self
    }

    /// The first 1 MiB of the body must contain `text`.
    pub fn body_contains(mut self, text: impl Into<String>) -> Self {
        self.contains = Some(text.into());
        self
    }

    /// An answer that takes longer does not hold: from connecting to the head, or to the body where that is looked at.
    pub fn within(mut self, bound: Duration) -> Self {
        self.within = Some(bound);
        self
    }

    /// Asks by another method, without a body.
    ///
    /// # Errors
    /// What is not a method.
    pub fn method(mut self, method: &str) -> Result<Self> {
        self.method = Method::from_bytes(method.as_bytes())
            .map_err(|error| Error::invalid(format!("{method:?} is not a method")).with_source(error))?;
        Ok(self)
    }

    /// Asks with a header.
    ///
    /// # Errors
    /// What is not a header.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self> {
        let name = HeaderName::try_from(name)
            .map_err(|error| Error::invalid(format!("{name:?} is not a header's name")).with_source(error))?;
        let value = HeaderValue::try_from(value).map_err(|error| {
            Error::invalid(format!("{value:?} is not a header's value")).with_source(error)
        })?;
        self.headers.append(name, value);
        Ok(self)
    }

    /// How often it is taken while faults are in force.
    pub fn every(self, interval: Duration) -> Probe {
        Probe::from(self).every(interval)
    }

    /// How long one attempt may take.
    pub fn timeout(self, timeout: Duration) -> Probe {
        Probe::from(self).timeout(timeout)
    }

    /// How often an attempt that does not hold is repeated.
    pub fn retries(self, retries: u32) -> Probe {
        Probe::from(self).retries(retries)
    }

    async fn look(self) -> Result<Reading> {
        Clock::auto().require_real("an http probe")?;
        let begun = Instant::now();
        Ok(match self.ask(begun).await {
            Ok(reading) => reading,
            Err(error) => Reading::fail(error.chain()),
        })
    }

    async fn ask(&self, begun: Instant) -> Result<Reading> {
        let host = self.uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let stream = TcpStream::connect((host, self.uri.port_u16().unwrap_or(80)))
            .await
            .map_err(|error| Error::failed("no connection").with_source(error))?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream))
            .await
            .map_err(|error| Error::failed("no http connection").with_source(error))?;
        // Ended with this future, however that ends.
        let mut driving = JoinSet::new();
        driving.spawn(connection);
        let answer = sender
            .send_request(self.request()?)
            .await
            .map_err(|error| Error::failed("no answer").with_source(error))?;
        let status = answer.status();
        let wanted = self.status.map_or(status.is_success(), |wanted| status.as_u16() == wanted);
        if !wanted {
            return Ok(Reading::fail(format!("status {}", status.as_u16())));
        }
        let Some(text) = &self.contains else {
            return Ok(super::in_time(&format!("status {}", status.as_u16()), begun, self.within));
        };
        let body = Limited::new(answer.into_body(), MOST_BODY).collect().await;
        let body =
            body.map_err(|error| Error::failed("the body did not come whole").with_source(error))?.to_bytes();
        if !body.windows(text.len().max(1)).any(|part| part == text.as_bytes()) && !text.is_empty() {
            return Ok(Reading::fail(format!("no {text:?} in the {} bytes of the body", body.len())));
        }
        Ok(super::in_time(&format!("status {} with {text:?}", status.as_u16()), begun, self.within))
    }

    fn request(&self) -> Result<Request<Empty<Bytes>>> {
        let path = self.uri.path_and_query().map_or("/", |path| path.as_str());
        let mut request = Request::new(Empty::new());
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = path.parse().map_err(|error: http::uri::InvalidUri| {
            Error::failed("the path is not one").with_source(error)
        })?;
        let host = self.uri.authority().map_or("", |authority| authority.as_str());
        // Credentials in a URL are not part of the host.
        let host = host.rsplit('@').next().unwrap_or(host);
        if let Ok(host) = HeaderValue::try_from(host) {
            request.headers_mut().insert(HOST, host);
        }
        request.headers_mut().insert(USER_AGENT, HeaderValue::from_static("chaos-probe"));
        for (name, value) in &self.headers {
            request.headers_mut().insert(name, value.clone());
        }
        Ok(request)
    }

    fn tolerance(&self) -> String {
        let mut words = match self.status {
            Some(status) => format!("status {status}"),
            None => "status 2xx".to_owned(),
        };
        if let Some(text) = &self.contains {
            words.push_str(&format!(" with {text:?}"));
        }
        if let Some(within) = self.within {
            words.push_str(&format!(" within {}", brief(within)));
        }
        words
    }
}

impl From<HttpProbe> for Probe {
    fn from(http: HttpProbe) -> Self {
        let (name, tolerance) = (http.to_string(), http.tolerance());
        let flaw = http.status.filter(|status| !(100..=999).contains(status));
        let probe = probe::reading(name, move || http.clone().look()).tolerating(tolerance);
        match flaw {
            Some(status) => probe.flawed(format!("status {status} is not in 100..=999")),
            None => probe,
        }
    }
}

impl fmt::Display for HttpProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method, self.uri)
    }
}
