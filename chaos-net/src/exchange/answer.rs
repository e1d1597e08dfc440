//! [`Answer`]: a response that stands in for the service's.

use std::fmt;

use bytes::Bytes;
use chaos_core::{Error, Result};
use http::{HeaderMap, Method, Response, StatusCode};

use super::headers::{header_name, header_value};

/// A response that stands in for the service's: a status, headers, a body.
///
/// ```
/// use chaos_net::{Answer, request};
/// let busy = Answer::status(503)?.header("retry-after", "2")?.body("come back later");
/// let _rule = request::answer(busy).probability(0.1)?;
/// assert_eq!(Answer::status(99).unwrap_err().to_string(), "status 99 cannot end an exchange: use 200 to 999");
/// # Ok::<(), chaos_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Answer {
    /// A response with this status, no headers and an empty body.
    ///
    /// # Errors
    /// A code that is not in 200..=999: the ones below 200 announce a response and are none.
    pub fn status(code: u16) -> Result<Self> {
        Ok(Self { status: status_code(code)?, headers: HeaderMap::new(), body: Bytes::new() })
    }

    /// Adds a header.
    ///
    /// # Errors
    /// What is no header name or value.
    pub fn header(mut self, name: &str, value: &str) -> Result<Self> {
        self.headers.append(header_name(name)?, header_value(name, value)?);
        Ok(self)
    }

    /// The body. The answer to a HEAD request leaves it out.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }

    pub(crate) fn to(&self, method: &Method) -> Response<Bytes> {
        let body = if method == Method::HEAD { Bytes::new() } else { self.body.clone() };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers.clone();
        response
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "status {}", self.status.as_u16())
    }
}

pub(crate) fn status_code(code: u16) -> Result<StatusCode> {
    StatusCode::from_u16(code)
        .ok()
        .filter(|status| !status.is_informational())
        .ok_or_else(|| Error::invalid(format!("status {code} cannot end an exchange: use 200 to 999")))
}
