//! [`ChaosFuture`]: the future of a [`ChaosService`](super::ChaosService).

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tower_service::Service;

use super::held::Held;
use super::wire::Wire;

pin_project! {
    /// The future of a [`ChaosService`](super::ChaosService): the service's own, `F`, where the operation passes, boxed
    /// only where a rule hits. It is `Send` exactly if its parts are.
    #[must_use = "futures do nothing unless polled"]
    pub struct ChaosFuture<F, H> {
        #[pin]
        way: Way<F, H>,
    }
}

pin_project! {
    // Two variants and one of them pinned in place: a third moves the drop glue out of line.
    #[project = WayProjection]
    enum Way<F, H> {
        Pass { #[pin] future: F },
        Hit { held: Pin<Box<H>> },
    }
}

impl<F, H> ChaosFuture<F, H> {
    #[inline]
    pub(super) fn pass(future: F) -> Self {
        Self { way: Way::Pass { future } }
    }

    pub(super) fn hit(held: H) -> Self {
        Self { way: Way::Hit { held: Box::pin(held) } }
    }

    /// Whether a rule hit this operation.
    pub fn is_hit(&self) -> bool {
        matches!(self.way, Way::Hit { .. })
    }
}

impl<S, Op, X, Req, A> Future
    for ChaosFuture<S::Future, Held<S, Op, X, Req, S::Future, Op::Kept, Result<A, S::Error>>>
where
    S: Service<Req>,
    Op: Wire<X, Req, S::Response, S::Error, Answer = A>,
{
    type Output = Result<A, S::Error>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().way.project() {
            WayProjection::Pass { future } => future.poll(cx).map_ok(Op::pass),
            WayProjection::Hit { held } => held.as_mut().poll(cx),
        }
    }
}

impl<F, H> fmt::Debug for ChaosFuture<F, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChaosFuture").field("is_hit", &self.is_hit()).finish_non_exhaustive()
    }
}
