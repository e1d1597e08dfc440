//! [`ChaosFuture`]: the future of a [`ChaosService`](super::ChaosService).

use std::fmt;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::pin::Pin;
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use tower_service::Service;

use super::held::{Held, polled_again};
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
        Hit { slot: Slot<H> },
    }
}

/// A box that is freed out of line, so that the end of an operation that passes stays a compare. `None` only while it is
/// dropped.
struct Slot<H>(ManuallyDrop<Option<Pin<Box<H>>>>);

impl<H> Drop for Slot<H> {
    #[inline]
    fn drop(&mut self) {
        free(self.0.take());
    }
}

// Takes the pointer and not the slot, whose future could not stay in registers otherwise.
#[inline(never)]
fn poll<H: Future>(held: Option<Pin<&mut H>>, cx: &mut Context<'_>) -> Poll<H::Output> {
    match held {
        Some(held) => held.poll(cx),
        None => polled_again(),
    }
}

#[inline(never)]
fn free<H>(held: Option<Pin<Box<H>>>) {
    drop(held);
}

impl<F, H> ChaosFuture<F, H> {
    #[inline]
    pub(super) fn pass(future: F) -> Self {
        Self { way: Way::Pass { future } }
    }

    pub(super) fn hit(held: H) -> Self {
        Self { way: Way::Hit { slot: Slot(ManuallyDrop::new(Some(Box::pin(held)))) } }
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
            WayProjection::Hit { slot } => poll(slot.0.as_mut().map(Pin::as_mut), cx),
        }
    }
}

impl<F, H> fmt::Debug for ChaosFuture<F, H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChaosFuture").field("is_hit", &self.is_hit()).finish_non_exhaustive()
    }
}
