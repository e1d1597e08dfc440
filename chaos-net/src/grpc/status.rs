//! [`Status`]: a gRPC status as a trailers-only response.

use std::fmt;

use bytes::Bytes;
use chaos_core::{Error, Result};
use http::{HeaderValue, Response, header};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

/// The names of codes 0 to 16, by number.
const NAMES: [&str; 17] = [
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
];

/// What the gRPC protocol encodes in `grpc-message`: all but space to `~`, and `%`.
const ENCODED: &AsciiSet = &CONTROLS.add(b'%');

/// A gRPC status that is a fault.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Status {
    code: u8,
    message: String,
}

impl Status {
    pub(crate) fn try_new(code: i32, message: String) -> Result<Self> {
        match code {
            0 => Err(Error::invalid("gRPC code 0 is success, which is no fault: use 1 to 16")),
            1..=16 => Ok(Self { code: code as u8, message }),
            _ => Err(Error::invalid(format!("gRPC code {code} is not in 1..=16"))),
        }
    }

    /// The code that has this name.
    #[cfg(feature = "rules")]
    pub(crate) fn code_named(name: &str) -> Result<i32> {
        let at = NAMES.iter().position(|known| *known == name);
        at.map(|at| at as i32).ok_or_else(|| {
            Error::invalid(format!("gRPC code {name:?} is not one of {}", NAMES[1..].join(", ")))
        })
    }

    pub(crate) fn response(&self) -> Response<Bytes> {
        let mut response = Response::new(Bytes::new());
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/grpc"));
        headers.insert("grpc-status", HeaderValue::from(u16::from(self.code)));
        let message = utf8_percent_encode(&self.message, ENCODED).to_string();
        // All that is left is visible ASCII and spaces.
        if let Ok(message) = HeaderValue::from_str(&message) {
            headers.insert("grpc-message", message);
        }
        response
    }
}

impl fmt::Display for Status {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "gRPC status {}", NAMES[usize::from(self.code)])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_percent_encoded() {
        let status = Status::try_new(14, "100 % naïve\nline".to_owned()).unwrap();
        let response = status.response();
        assert_eq!(response.headers()["grpc-status"], "14");
        assert_eq!(response.headers()["grpc-message"], "100 %25 na%C3%AFve%0Aline");
        assert_eq!(status.to_string(), "gRPC status UNAVAILABLE");
    }

    #[test]
    fn codes_are_one_to_sixteen() {
        for code in [-1, 0, 17, i32::MAX] {
            assert!(Status::try_new(code, String::new()).unwrap_err().is_invalid(), "{code}");
        }
        for code in 1..=16 {
            assert!(Status::try_new(code, String::new()).is_ok(), "{code}");
        }
    }
}
