//! [`ChaosService`]: asks its point at every call.

use std::fmt;
use std::marker::PhantomData;
use std::task::{Context, Poll};

use chaos_core::Point;
use chaos_core::point::Attachment;
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
        match self.attachment.decide(K::Op::view(&request)) {
            None => ChaosFuture::pass(self.inner.call(request)),
            Some(hit) => ChaosFuture::hit(M::start(&mut self.inner, request, hit, &self.means)),
        }
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
