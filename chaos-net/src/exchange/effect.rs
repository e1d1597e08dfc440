//! [`HttpEffect`]: what can happen to an exchange besides a delay.

use std::fmt;

use http::StatusCode;

use super::answer::Answer;
use super::headers::HeaderEdit;
use crate::body::BodyFault;
use crate::grpc::Status;
use crate::injected::InjectedKind;

/// What can happen to an exchange besides a delay; made by the functions of [`request`](crate::request),
/// [`response`](crate::response), [`body`](crate::body) and [`grpc`](crate::grpc).
#[derive(Debug, Clone)]
pub struct HttpEffect(pub(crate) Effect);

#[derive(Debug, Clone)]
pub(crate) enum Effect {
    Answer(Answer),
    Grpc(Status),
    Error(InjectedKind),
    Hang,
    Panic(String),
    RequestHeaders(HeaderEdit),
    ResponseStatus(StatusCode),
    ResponseHeaders(HeaderEdit),
    LoseResponse(InjectedKind),
    HangResponse,
    Body(BodyFault),
}

impl fmt::Display for HttpEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Effect::Answer(answer) => answer.fmt(f),
            Effect::Grpc(status) => status.fmt(f),
            Effect::Error(kind) => write!(f, "error: {kind}"),
            Effect::Hang => f.write_str("hang"),
            Effect::Panic(message) => write!(f, "panic {message:?}"),
            Effect::RequestHeaders(edit) => write!(f, "request: {edit}"),
            Effect::ResponseStatus(status) => write!(f, "response: status {}", status.as_u16()),
            Effect::ResponseHeaders(edit) => write!(f, "response: {edit}"),
            Effect::LoseResponse(kind) => write!(f, "response lost: {kind}"),
            Effect::HangResponse => f.write_str("response hangs"),
            Effect::Body(fault) => write!(f, "body: {fault}"),
        }
    }
}
