//! [`MeterFuture`]: one measured call.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use chaos_core::measure::Call;
use pin_project_lite::pin_project;
use tokio::time::Instant;

use super::classify::Classify;

pin_project! {
    /// One measured call; dropped before it is answered, it counts as failed.
    #[derive(Debug)]
    #[must_use = "futures do nothing unless polled"]
    pub struct MeterFuture<F, C> {
        #[pin]
        inner: F,
        call: Option<Call>,
        classify: C,
    }
}

impl<F, C> MeterFuture<F, C> {
    pub(super) fn new(inner: F, call: Call, classify: C) -> Self {
        Self { inner, call: Some(call), classify }
    }
}

impl<F, C, Res, E> Future for MeterFuture<F, C>
where
    F: Future<Output = Result<Res, E>>,
    C: Classify<Res, E>,
{
    type Output = Result<Res, E>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let result = ready!(this.inner.poll(cx));
        if let Some(call) = this.call.take() {
            call.end(Instant::now(), this.classify.is_ok(&result));
        }
        Poll::Ready(result)
    }
}
