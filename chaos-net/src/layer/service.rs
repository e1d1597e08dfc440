//! [`ChaosService`]: asks its point at every call.

use std::fmt;
use std::marker::PhantomData;
use std::task::{Context, Poll};

use chaos_core::Point;
use chaos_core::point::{Attachment, Candidate, Hit};
use tower_service::Service;

use super::future::ChaosFuture;
use super::held::HeldOf;
use super::kind::Kind;
use super::means::Means;
use super::start::{DelayBeforeCall, Start};
use super::wire::Wire;

/// A service behind a point; made by [`ChaosLayer`](super::ChaosLayer).
///
/// `K` is what passes the point, [`Calls`](super::Calls) or HTTP exchanges, and `M` when the service is called.
pub struct ChaosService<S, K: Kind<S>, M = DelayBeforeCall> {
    inner: S,
    attachment: Attachment<K::Op>,
    means: K::Means,
    mode: PhantomData<fn() -> M>,
}

/// The future of a call of `S` behind a point of `K`.
type FutureOf<S, K, Req> =
    ChaosFuture<<S as Service<Req>>::Future, HeldOf<S, <K as Kind<S>>::Op, <K as Kind<S>>::Means, Req>>;

impl<S, K: Kind<S>, M> ChaosService<S, K, M> {
    /// `inner` behind `point`.
    pub fn new(inner: S, point: &Point<K::Op>, means: K::Means) -> Self {
        Self { inner, attachment: point.attach(K::Means::ABILITIES), means, mode: PhantomData }
    }

    /// The point.
    pub fn point(&self) -> &Point<K::Op> {
        self.attachment.point()
    }

    /// The service behind the point.
    pub fn get_ref(&self) -> &S {
        &self.inner
    }

    /// The service behind the point.
    pub fn get_mut(&mut self) -> &mut S {
        &mut self.inner
    }

    /// Takes the point away again.
    pub fn into_inner(self) -> S {
        self.inner
    }
}

impl<S, K, M, Req> Service<Req> for ChaosService<S, K, M>
where
    S: Service<Req>,
    K: Kind<S>,
    K::Op: Wire<K::Means, Req, S::Response, S::Error>,
    M: Start<S>,
{
    type Response = <K::Op as Wire<K::Means, Req, S::Response, S::Error>>::Answer;
    type Error = S::Error;
    type Future = ChaosFuture<S::Future, HeldOf<S, K::Op, K::Means, Req>>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        if self.attachment.is_off() {
            return ChaosFuture::pass(self.inner.call(request));
        }
        self.call_armed(request)
    }
}

/// What comes after the look whether anything is armed, each step out of line: the ways of an operation where nothing is
/// armed, and of one that no rule hits, stay short.
impl<S, K: Kind<S>, M> ChaosService<S, K, M> {
    #[cold]
    #[inline(never)]
    fn call_armed<Req>(&mut self, request: Req) -> FutureOf<S, K, Req>
    where
        S: Service<Req>,
        K::Op: Wire<K::Means, Req, S::Response, S::Error>,
        M: Start<S>,
    {
        match self.attachment.candidate(K::Op::view(&request)) {
            None => ChaosFuture::pass(self.inner.call(request)),
            Some(candidate) => Self::call_decided(&mut self.inner, request, candidate, &self.means),
        }
    }

    #[inline(never)]
    fn call_decided<Req>(
        inner: &mut S,
        request: Req,
        candidate: Candidate<'_, K::Op>,
        means: &K::Means,
    ) -> FutureOf<S, K, Req>
    where
        S: Service<Req>,
        K::Op: Wire<K::Means, Req, S::Response, S::Error>,
        M: Start<S>,
    {
        match candidate.decide(K::Op::view(&request)) {
            None => ChaosFuture::pass(inner.call(request)),
            Some(hit) => Self::call_hit(inner, request, hit, means),
        }
    }

    #[inline(never)]
    fn call_hit<Req>(inner: &mut S, request: Req, hit: Hit<K::Op>, means: &K::Means) -> FutureOf<S, K, Req>
    where
        S: Service<Req>,
        K::Op: Wire<K::Means, Req, S::Response, S::Error>,
        M: Start<S>,
    {
        ChaosFuture::hit(M::start(inner, request, hit, means))
    }
}

impl<S: Clone, K: Kind<S>, M> Clone for ChaosService<S, K, M> {
    fn clone(&self) -> Self {
        Self {
            inner: self.inner.clone(),
            attachment: self.attachment.clone(),
            means: self.means.clone(),
            mode: PhantomData,
        }
    }
}

impl<S: fmt::Debug, K: Kind<S>, M> fmt::Debug for ChaosService<S, K, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChaosService")
            .field("inner", &self.inner)
            .field("point", &self.point().name())
            .finish_non_exhaustive()
    }
}
