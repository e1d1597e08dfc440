//! [`Classify`]: which calls have failed.

/// Says which calls have failed.
pub trait Classify<Res, E> {
    /// Whether a call with this result succeeded.
    fn is_ok(&self, result: &Result<Res, E>) -> bool;
}

/// A call that errs has failed.
#[derive(Debug, Clone, Copy, Default)]
pub struct ErrorsFail;

impl<Res, E> Classify<Res, E> for ErrorsFail {
    fn is_ok(&self, result: &Result<Res, E>) -> bool {
        result.is_ok()
    }
}

/// A call that errs, is answered 5xx, or with a gRPC status other than OK in the head, has failed.
///
/// A gRPC status in the trailers comes with the body's end, after the call is measured.
#[cfg(feature = "http")]
#[derive(Debug, Clone, Copy, Default)]
pub struct ServerErrorsFail;

#[cfg(feature = "http")]
impl<B, E> Classify<http::Response<B>, E> for ServerErrorsFail {
    fn is_ok(&self, result: &Result<http::Response<B>, E>) -> bool {
        result.as_ref().is_ok_and(|response| {
            let grpc_ok = response.headers().get("grpc-status").is_none_or(|status| status == "0");
            !response.status().is_server_error() && grpc_ok
        })
    }
}

/// Asks a closure; made by [`Meter::judging`](super::Meter::judging).
#[derive(Clone)]
pub struct Judge<F>(pub(super) F);

impl<Res, E, F: Fn(&Result<Res, E>) -> bool> Classify<Res, E> for Judge<F> {
    fn is_ok(&self, result: &Result<Res, E>) -> bool {
        (self.0)(result)
    }
}

impl<F> std::fmt::Debug for Judge<F> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Judge").finish_non_exhaustive()
    }
}
