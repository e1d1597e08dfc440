//! [`ChaosService`]: asks its point at every call.

use std::fmt;
use std::marker::PhantomData;
use std::task::{Context, Poll};

use chaos_core::point::Attachment;
use chaos_core::{Operation, Point};
use tower_service::Service;

use super::future::ChaosFuture;
use super::held::HeldOf;
use super::start::{DelayBeforeCall, Start};
use super::wire::Wire;

/// A service behind a point; made by [`ChaosLayer`](super::ChaosLayer).
pub struct ChaosService<S, Op: Operation, X = (), M = DelayBeforeCall> {
    inner: S,
    attachment: Attachment<Op>,
    means: X,
    mode: PhantomData<fn() -> M>,
}

impl<S, Op: Operation, X, M> ChaosService<S, Op, X, M> {
    pub(super) fn new(inner: S, attachment: Attachment<Op>, means: X) -> Self {
        Self { inner, attachment, means, mode: PhantomData }
    }

    /// The point.
    pub fn point(&self) -> &Point<Op> {
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

impl<S, Op, X, M, Req> Service<Req> for ChaosService<S, Op, X, M>
where
    S: Service<Req>,
    Op: Wire<X, Req, S::Response, S::Error>,
    X: Clone,
    M: Start<S>,
{
    type Response = Op::Answer;
    type Error = S::Error;
    type Future = ChaosFuture<S::Future, HeldOf<S, Op, X, Req>>;

    #[inline]
    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    #[inline]
    fn call(&mut self, request: Req) -> Self::Future {
        match self.attachment.decide(Op::view(&request)) {
            None => ChaosFuture::pass(self.inner.call(request)),
            Some(hit) => {
                let point = self.attachment.point();
                ChaosFuture::hit(M::start(&mut self.inner, request, hit, point, &self.means))
            }
        }
    }
}

impl<S: Clone, Op: Operation, X: Clone, M> Clone for ChaosService<S, Op, X, M> {
    fn clone(&self) -> Self {
        Self::new(self.inner.clone(), self.attachment.clone(), self.means.clone())
    }
}

impl<S: fmt::Debug, Op: Operation, X, M> fmt::Debug for ChaosService<S, Op, X, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChaosService")
            .field("inner", &self.inner)
            .field("point", &self.point().name())
            .finish_non_exhaustive()
    }
}
