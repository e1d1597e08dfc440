//! [`Wire`]: how an operation's effect is carried out on a service.
//!
//! [`ChaosService`](super::ChaosService) knows when: it waits, calls and answers. A `Wire` knows what: what matchers
//! see of a request, what stands in for a call, and what is done to an answer. [`Call`](crate::call::Call) and `Http`
//! implement it; so can an operation of your own, with a [`Kind`](super::Kind) that names it.
//!
//! ```
//! use chaos_core::Operation;
//! use chaos_net::layer::Wire;
//! fn can_stand_before<Op, Req, Res, E>() where Op: Operation + Wire<(), Req, Res, E> {}
//! can_stand_before::<chaos_net::call::Call<u32, String, std::io::Error>, u32, String, std::io::Error>();
//! ```

use chaos_core::point::{Hit, Operation};

/// How an operation's effect is carried out on a service that takes `Req` and answers `Result<Res, E>`.
///
/// `X` is what the layer was given, as to make the caller's error.
pub trait Wire<X, Req, Res, E>: Operation {
    /// What the wrapped service answers.
    type Answer;

    /// What an effect keeps from before the call until after it.
    type Kept;

    /// What matchers see of a request.
    fn view(request: &Req) -> Self::View<'_>;

    /// The answer of an operation that passes.
    fn pass(response: Res) -> Self::Answer;

    /// Carries out what comes before the call, or instead of it.
    fn before(act: Act<'_, Self, X>, request: &mut Req) -> Turn<Self::Kept, Result<Self::Answer, E>>;

    /// Carries out what comes after the call.
    fn after(
        act: Act<'_, Self, X>,
        kept: Self::Kept,
        result: Result<Res, E>,
    ) -> Reply<Result<Self::Answer, E>>;

    /// The last step before the caller has the answer, all delays over. An effect that goes on in the answer, as in a
    /// body, keeps the hit with it, so that limits on operations at once see when it ends.
    #[inline]
    fn finish(hit: Hit<Self>, means: &X, answer: Result<Self::Answer, E>) -> Result<Self::Answer, E> {
        drop(hit);
        let _ = means;
        answer
    }
}

/// One effect that is being carried out.
#[derive(Debug)]
pub struct Act<'a, Op: Operation, X> {
    /// What is to happen.
    pub effect: &'a Op::Effect,
    /// The decision it comes from.
    pub hit: &'a Hit<Op>,
    /// What the layer was given.
    pub means: &'a X,
}

/// What [`Wire::before`] makes of a call.
#[derive(Debug)]
pub enum Turn<K, R> {
    /// The service is called.
    Call(K),
    /// The caller is answered, the service is not called.
    Answer(R),
    /// The operation hangs until the rule is reverted, then the service is called.
    Hang,
}

/// What [`Wire::after`] makes of an answer.
#[derive(Debug)]
pub enum Reply<R> {
    /// The caller gets it.
    Now(R),
    /// The caller gets it when the rule is reverted.
    Hang(R),
}
