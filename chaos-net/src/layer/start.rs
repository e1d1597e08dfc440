//! [`Start`]: when the service is called, as a type: [`DelayBeforeCall`] or [`DelayAfterCall`].

use std::mem;

use chaos_core::point::Hit;
use tower_service::Service;

use super::held::{Held, HeldOf, Stage};
use super::wire::{Act, Turn, Wire};

/// Delays stand before the call: what is behind the point sees the call late. Needs a `Clone` service, so that the one
/// that was ready can wait with the call.
#[derive(Debug, Clone, Copy)]
pub struct DelayBeforeCall;

/// The call is made at once, and its future is polled when the delays are over; see
/// [`ChaosLayer::delay_after_call`](super::ChaosLayer::delay_after_call).
#[derive(Debug, Clone, Copy)]
pub struct DelayAfterCall;

mod sealed {
    pub trait Sealed {}
    impl Sealed for super::DelayBeforeCall {}
    impl Sealed for super::DelayAfterCall {}
}

/// When a service `S` is called that a rule hits. Only this crate's two modes implement it.
pub trait Start<S>: sealed::Sealed {
    #[doc(hidden)]
    fn start<Op, X, Req>(inner: &mut S, request: Req, hit: Hit<Op>, means: &X) -> HeldOf<S, Op, X, Req>
    where
        S: Service<Req>,
        Op: Wire<X, Req, S::Response, S::Error>,
        X: Clone;
}

impl<S: Clone> Start<S> for DelayBeforeCall {
    fn start<Op, X, Req>(inner: &mut S, request: Req, hit: Hit<Op>, means: &X) -> HeldOf<S, Op, X, Req>
    where
        S: Service<Req>,
        Op: Wire<X, Req, S::Response, S::Error>,
        X: Clone,
    {
        // `inner` is the one that `poll_ready` made ready; its clone is not, and stays behind to be made so.
        let clone = inner.clone();
        let service = mem::replace(inner, clone);
        let stage = Stage::Waiting { service, request: Some(request), hung: false };
        Held::new(stage, hit, means.clone())
    }
}

impl<S> Start<S> for DelayAfterCall {
    fn start<Op, X, Req>(inner: &mut S, mut request: Req, hit: Hit<Op>, means: &X) -> HeldOf<S, Op, X, Req>
    where
        S: Service<Req>,
        Op: Wire<X, Req, S::Response, S::Error>,
        X: Clone,
    {
        let turn = match hit.effect() {
            Some(effect) => Op::before(Act { effect, hit: &hit, means }, &mut request),
            None => {
                return Held::new(Stage::called(inner.call(request), None), hit, means.clone());
            }
        };
        let stage = match turn {
            Turn::Call(kept) => Stage::called(inner.call(request), Some(kept)),
            Turn::Hang => Stage::Called { future: inner.call(request), kept: None, hung: true },
            Turn::Answer(answer) => Stage::Answered { answer: Some(answer), hung: false },
        };
        Held::new(stage, hit, means.clone())
    }
}
