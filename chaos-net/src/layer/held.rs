//! [`Held`]: the way of an operation that a rule hits, from `call` to the answer.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use chaos_core::Operation;
use chaos_core::point::Hit;
use pin_project_lite::pin_project;
use tower_service::Service;

use super::wire::{Act, Reply, Turn, Wire};

pin_project! {
    /// An operation that a rule hit. Boxed, so that operations that pass stay small.
    //
    // No bounds and no projections here or in the types around it: in a spawned task, the compiler proves `Send` with
    // every lifetime forgotten, and could not prove `Op: Wire<..>` for types like `Box<dyn Error>`.
    #[allow(missing_debug_implementations)]
    pub struct Held<S, Op, X, Req, F, K, R>
    where
        Op: Operation,
    {
        #[pin]
        stage: Stage<S, Req, F, K, R>,
        hit: Option<Hit<Op>>,
        means: X,
    }
}

/// What a hit of `Op` on a service `S` is held in.
pub(super) type HeldOf<S, Op, X, Req> = Held<
    S,
    Op,
    X,
    Req,
    <S as Service<Req>>::Future,
    <Op as Wire<X, Req, <S as Service<Req>>::Response, <S as Service<Req>>::Error>>::Kept,
    Result<
        <Op as Wire<X, Req, <S as Service<Req>>::Response, <S as Service<Req>>::Error>>::Answer,
        <S as Service<Req>>::Error,
    >,
>;

pin_project! {
    /// How far it is. `hung` is true while the rule keeps it where it is.
    #[project = StageProjection]
    #[allow(missing_debug_implementations)]
    pub enum Stage<S, Req, F, K, R> {
        /// Not called yet.
        Waiting { service: S, request: Option<Req>, hung: bool },
        /// Called.
        Called { #[pin] future: F, kept: Option<K>, hung: bool },
        /// The answer is there.
        Answered { answer: Option<R>, hung: bool },
    }
}

impl<S, Req, F, K, R> Stage<S, Req, F, K, R> {
    pub(super) fn called(future: F, kept: Option<K>) -> Self {
        Self::Called { future, kept, hung: false }
    }
}

impl<S, Op: Operation, X, Req, F, K, R> Held<S, Op, X, Req, F, K, R> {
    pub(super) fn new(stage: Stage<S, Req, F, K, R>, hit: Hit<Op>, means: X) -> Self {
        Self { stage, hit: Some(hit), means }
    }
}

impl<S, Op, X, Req, A> Future for Held<S, Op, X, Req, S::Future, Op::Kept, Result<A, S::Error>>
where
    S: Service<Req>,
    Op: Wire<X, Req, S::Response, S::Error, Answer = A>,
{
    type Output = Result<A, S::Error>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(hit) = this.hit.as_mut() else { polled_again() };
        ready!(hit.poll_before(cx));
        loop {
            let next = match this.stage.as_mut().project() {
                StageProjection::Waiting { service, request, hung } => {
                    let Some(mut waiting) = request.take() else { polled_again() };
                    let kept = if *hung {
                        if hit.poll_hang(cx).is_pending() {
                            *request = Some(waiting);
                            return Poll::Pending;
                        }
                        Turn::Call(None)
                    } else {
                        before(hit, this.means, &mut waiting)
                    };
                    match kept {
                        Turn::Call(kept) => Stage::called(service.call(waiting), kept),
                        Turn::Answer(answer) => Stage::Answered { answer: Some(answer), hung: false },
                        Turn::Hang => {
                            *request = Some(waiting);
                            *hung = true;
                            continue;
                        }
                    }
                }
                StageProjection::Called { future, kept, hung } => {
                    if *hung {
                        ready!(hit.poll_hang(cx));
                        *hung = false;
                    }
                    let result = ready!(future.poll(cx));
                    let kept = kept.take();
                    let reply = match (hit.effect(), kept) {
                        (Some(effect), Some(kept)) => {
                            let act = Act { effect, hit, means: this.means };
                            Op::after(act, kept, result)
                        }
                        // Reverted in the meantime, or only delayed.
                        _ => Reply::Now(result.map(Op::pass)),
                    };
                    match reply {
                        // The common end, past the last stage: nothing holds the answer.
                        Reply::Now(answer) if hit.poll_after(cx).is_ready() => {
                            let Some(hit) = this.hit.take() else { polled_again() };
                            return Poll::Ready(Op::finish(hit, this.means, answer));
                        }
                        Reply::Now(answer) => Stage::Answered { answer: Some(answer), hung: false },
                        Reply::Hang(answer) => Stage::Answered { answer: Some(answer), hung: true },
                    }
                }
                StageProjection::Answered { answer, hung } => {
                    if *hung {
                        ready!(hit.poll_hang(cx));
                        *hung = false;
                    }
                    ready!(hit.poll_after(cx));
                    let (Some(hit), Some(answer)) = (this.hit.take(), answer.take()) else { polled_again() };
                    return Poll::Ready(Op::finish(hit, this.means, answer));
                }
            };
            this.stage.set(next);
        }
    }
}

/// What the effect makes of the call; after a revert, nothing.
fn before<Op, X, Req, Res, E>(
    hit: &Hit<Op>,
    means: &X,
    request: &mut Req,
) -> Turn<Option<Op::Kept>, Result<Op::Answer, E>>
where
    Op: Wire<X, Req, Res, E>,
{
    let Some(effect) = hit.effect() else { return Turn::Call(None) };
    match Op::before(Act { effect, hit, means }, request) {
        Turn::Call(kept) => Turn::Call(Some(kept)),
        Turn::Answer(answer) => Turn::Answer(answer),
        Turn::Hang => Turn::Hang,
    }
}

#[cold]
#[allow(clippy::panic, reason = "the contract of a future")]
pub(super) fn polled_again() -> ! {
    panic!("`ChaosFuture` was polled after it was ready")
}
