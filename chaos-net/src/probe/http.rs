//! [`http()`]: whether an HTTP server answers, rightly and in time.

use std::ops::RangeBounds;
use std::time::Duration;

use bytes::Bytes;
use chaos_core::probe::{Probe, Value};
use chaos_core::{Clock, Error, Result};
use http::header::{self, HeaderMap, HeaderName, HeaderValue};
use http::{Method, Request};
use http_body_util::Full;

use super::ask::{Answer, Ask, Stage};
use super::bounds::Bounds;
use super::exchange::{Reads, exchange};
use super::expect::Expect;
use super::settings::settings;
use super::url::Url;

/// How much of a body is read, unless said otherwise.
const BODY_LIMIT: usize = 1 << 20;

/// A probe that holds while a GET of `url` is answered with a status of 200 to 299 and a whole body; the methods of
/// [`HttpProbe`] ask for more.
///
/// ```
/// use chaos_core::units::ms;
/// use chaos_net::probe;
/// let probe = probe::http("http://127.0.0.1:8080/orders?dry=1")?
///     .method("POST")?
///     .header("authorization", "Bearer of-a-test")?
///     .body("{}")
///     .status_in(200..=202)?
///     .within(ms(300));
/// # let _ = chaos_core::Probe::from(probe);
/// # Ok::<(), chaos_core::Error>(())
/// ```
///
/// # Errors
/// What is not a URL with a host, `https://` and every other scheme but `http://`, port 0, and credentials in the URL.
pub fn http(url: &str) -> Result<HttpProbe> {
    let url = Url::parse(url)?;
    let mut headers = HeaderMap::new();
    headers.insert(header::HOST, url.host.clone());
    headers.insert(header::USER_AGENT, HeaderValue::from_static("chaos-probe"));
    headers.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    let ask = Get {
        url,
        method: Method::GET,
        headers,
        body: Bytes::new(),
        expect: Expect::default(),
        body_limit: BODY_LIMIT,
    };
    Ok(HttpProbe { ask, bounds: Bounds::default() })
}

/// One HTTP/1.1 request on a connection of its own. Made by [`http()`]; redirects are not followed: they are a status.
#[derive(Debug, Clone)]
#[must_use = "a probe measures nothing until an experiment takes it"]
pub struct HttpProbe {
    ask: Get,
    bounds: Bounds,
}

settings!(HttpProbe);

impl HttpProbe {
    /// The status must be this one, in place of what was said before. An experiment refuses what is not in
    /// 100..=999.
    pub fn status(mut self, code: u16) -> Self {
        self.ask.expect.status(code);
        self
    }

    /// The status must be one of these, in place of what was said before: `200..300`, `200..=204`.
    ///
    /// # Errors
    /// A range with nothing in it.
    pub fn status_in(mut self, codes: impl RangeBounds<u16>) -> Result<Self> {
        self.ask.expect.status_in(codes)?;
        Ok(self)
    }

    /// The body must have this text in it, within what is read of it; said again, all must be there. An
    /// experiment refuses an empty text.
    pub fn body_contains(mut self, text: impl Into<String>) -> Self {
        self.ask.expect.text(text.into());
        self
    }

    /// How much of the body is read; 1 MiB unless said otherwise. Up to there a body that is cut off fails the reading.
    /// 0 looks at the head alone: for streams that never end.
    pub fn body_limit(mut self, bytes: usize) -> Self {
        self.ask.body_limit = bytes;
        self
    }

    /// The method, in place of GET.
    ///
    /// # Errors
    /// What is no method, one in lower case, which servers do not know, and CONNECT, which asks nothing.
    pub fn method(mut self, method: &str) -> Result<Self> {
        let known = Method::from_bytes(method.as_bytes())
            .map_err(|source| Error::invalid(format!("{method:?} is not a method")).with_source(source))?;
        if method.bytes().any(|byte| byte.is_ascii_lowercase()) {
            return Err(Error::invalid(format!(
                "method {method:?} is not in capitals, as methods are: use {:?}",
                method.to_ascii_uppercase()
            )));
        }
        if known == Method::CONNECT {
            return Err(Error::invalid("method CONNECT asks nothing: use another, or probe::tcp"));
        }
        self.ask.method = known;
        Ok(self)
    }

    /// A header of the request: `host`, `user-agent` and `accept` in place of the probe's own, others beside what was
    /// said before. Values are kept out of reports and of `Debug`.
    ///
    /// # Errors
    /// What is no header name or value, and those that say how the message is framed.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self> {
        let key: HeaderName = name.parse().map_err(|source: header::InvalidHeaderName| {
            Error::invalid(format!("{name:?} is not a header name: use letters, digits and dashes"))
                .with_source(source)
        })?;
        // The value is not shown: it may be a secret.
        let mut value = HeaderValue::from_str(value).map_err(|source| {
            Error::invalid(format!("the value for header {name} is not one: use visible characters"))
                .with_source(source)
        })?;
        value.set_sensitive(true);
        let framing =
            [header::CONTENT_LENGTH, header::TRANSFER_ENCODING, header::CONNECTION, header::UPGRADE];
        if framing.contains(&key) {
            return Err(Error::invalid(format!("header {key} is the probe's own: leave it out")));
        }
        if [header::HOST, header::USER_AGENT, header::ACCEPT].contains(&key) {
            self.ask.headers.insert(key, value);
        } else {
            self.ask.headers.append(key, value);
        }
        Ok(self)
    }

    /// The body of the request; empty unless said otherwise.
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.ask.body = body.into();
        self
    }
}

#[derive(Debug, Clone)]
struct Get {
    url: Url,
    method: Method,
    headers: HeaderMap,
    body: Bytes,
    expect: Expect,
    body_limit: usize,
}

impl Get {
    fn request(&self) -> Request<Full<Bytes>> {
        let mut request = Request::new(Full::new(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = self.url.path_and_query.clone().into();
        *request.headers_mut() = self.headers.clone();
        request
    }
}

impl Ask for Get {
    const WHAT: &'static str = "an http probe";

    fn name(&self) -> String {
        format!("{} {}", self.method, self.url.shown)
    }

    fn expects(&self) -> String {
        self.expect.to_string()
    }

    fn flaw(&self) -> Option<String> {
        self.expect.flaw()
    }

    async fn ask(&self, stage: &mut Stage) -> Answer {
        let reads = Reads { limit: self.body_limit, keep: self.expect.reads() };
        let exchanged = exchange(&self.url.address, self.request(), reads, stage).await?;
        let status = exchanged.status;
        if let Some(wrong) = self.expect.wrong_status(status) {
            return Err(wrong);
        }
        match self.expect.wrong_body(&exchanged.body) {
            Some(wrong) => Err(format!("status {status}, but {wrong}")),
            None => Ok(format!("status {status}")),
        }
    }
}
