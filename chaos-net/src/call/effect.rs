//! [`CallEffect`]: what can happen to a call besides a delay.

use std::fmt;
use std::sync::Arc;

type Make<Req, T> = dyn Fn(&Req) -> T + Send + Sync;

/// What can happen to a call besides a delay; made by the functions of [`call`](crate::call).
#[non_exhaustive]
pub enum CallEffect<Req, Res, E> {
    /// It fails with what the closure makes; the service is not called.
    Error(Arc<Make<Req, E>>),
    /// It is answered with what the closure makes; the service is not called.
    Respond(Arc<Make<Req, Res>>),
    /// It hangs until the rule is reverted, then the service is called.
    Hang,
    /// The service is called, its answer is dropped, the caller gets the error.
    LoseResponse(Arc<Make<Req, E>>),
    /// The service is called, its answer is kept until the rule is reverted.
    HangResponse,
    /// It panics with this message.
    Panic(String),
}

impl<Req, Res, E> fmt::Debug for CallEffect<Req, Res, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(_) => f.write_str("error"),
            Self::Respond(_) => f.write_str("respond"),
            Self::Hang => f.write_str("hang"),
            Self::LoseResponse(_) => f.write_str("lose response"),
            Self::HangResponse => f.write_str("hang response"),
            Self::Panic(message) => write!(f, "panic {message:?}"),
        }
    }
}

#[cfg(feature = "rules")]
impl<Req, Res, E> CallEffect<Req, Res, E> {
    /// What data can say of a call whose types it does not know.
    pub(super) fn parse(effect: &serde_json::Value) -> chaos_core::Result<Self> {
        #[derive(serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        enum Data {
            Hang,
            HangResponse,
            Panic(String),
        }
        Ok(match crate::data::read(effect)? {
            Data::Hang => Self::Hang,
            Data::HangResponse => Self::HangResponse,
            Data::Panic(message) => Self::Panic(message),
        })
    }
}
