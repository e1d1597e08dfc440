//! [`ChaosLayer`]: makes [`ChaosService`]s.

use std::fmt;
use std::marker::PhantomData;

use chaos_core::{Operation, Point};
use tower_layer::Layer;
use tower_service::Service;

use super::kind::Calls;
#[cfg(feature = "http")]
use super::kind::Exchanges;

#[cfg(feature = "http")]
use super::means::Means;
#[cfg(feature = "http")]
use super::means::{ErrorFrom, ErrorWith, NoError};
use super::service::ChaosService;
use super::start::{DelayAfterCall, DelayBeforeCall};
use crate::call::Call;
#[cfg(feature = "http")]
use crate::exchange::{Http, HttpMeans};

/// Puts a point in front of the services it wraps. Nothing happens there until a rule is armed at the point.
///
/// `Op` is what passes the point, `X` how the caller's error is made, `M` when the service is called.
pub struct ChaosLayer<Op: Operation, X = (), M = DelayBeforeCall> {
    point: Point<Op>,
    means: X,
    mode: PhantomData<fn() -> M>,
}

impl<Req, Res, E> ChaosLayer<Call<Req, Res, E>>
where
    Req: 'static,
{
    /// A layer for services of any request, response and error type; the rules are those of [`call`](crate::call).
    pub fn call(point: Point<Call<Req, Res, E>>) -> Self {
        Self { point, means: (), mode: PhantomData }
    }
}

#[cfg(feature = "http")]
impl ChaosLayer<Http, NoError> {
    /// A layer for services of [`http::Request`] and [`http::Response`], with any bodies.
    ///
    /// The rules are those of [`request`](crate::request), [`response`](crate::response), [`body`](crate::body) and
    /// [`grpc`](crate::grpc). Rules that answer with an error need a way to make the caller's:
    /// [`error_from`](ChaosLayer::error_from) or [`error_with`](ChaosLayer::error_with). Without one, arming such a
    /// rule at a point in use is refused.
    pub fn http(point: Point<Http>) -> Self {
        Self { point, means: NoError, mode: PhantomData }
    }
}

#[cfg(feature = "http")]
impl<M> ChaosLayer<Http, NoError, M> {
    /// Makes the caller's error by `From<InjectedError>`; [`std::io::Error`] and boxed errors have it.
    pub fn error_from(self) -> ChaosLayer<Http, ErrorFrom, M> {
        ChaosLayer { point: self.point, means: ErrorFrom, mode: PhantomData }
    }

    /// Makes the caller's error by a closure that is given the [`InjectedError`](crate::InjectedError).
    pub fn error_with<F, E>(self, make: F) -> ChaosLayer<Http, ErrorWith<F>, M>
    where
        F: Fn(crate::InjectedError) -> E,
    {
        ChaosLayer { point: self.point, means: ErrorWith(make), mode: PhantomData }
    }
}

impl<Op: Operation, X> ChaosLayer<Op, X> {
    /// Calls the service at once and polls its future only when the delays before the call are over.
    ///
    /// This is the mode for services that are not `Clone`. What it means: a service that does its work in `call`, or
    /// hands the request to another task there (tower's buffer does), has done it before the delay. What a rule says
    /// is carried out, as far as it comes before the call, in `call` too: an operation that is to be answered with an
    /// error or a status is answered so even if the rule is reverted while a delay holds the answer.
    pub fn delay_after_call(self) -> ChaosLayer<Op, X, DelayAfterCall> {
        ChaosLayer { point: self.point, means: self.means, mode: PhantomData }
    }
}

impl<Op: Operation, X, M> ChaosLayer<Op, X, M> {
    /// The point.
    pub fn point(&self) -> &Point<Op> {
        &self.point
    }
}

impl<S, Req, Res, E, M> Layer<S> for ChaosLayer<Call<Req, Res, E>, (), M>
where
    S: Service<Req, Response = Res, Error = E>,
    Req: 'static,
{
    type Service = ChaosService<S, Calls<Req>, M>;

    fn layer(&self, inner: S) -> Self::Service {
        ChaosService::new(inner, &self.point, ())
    }
}

#[cfg(feature = "http")]
impl<S, X, M> Layer<S> for ChaosLayer<Http, X, M>
where
    X: Means + Clone,
{
    type Service = ChaosService<S, Exchanges<X>, M>;

    fn layer(&self, inner: S) -> Self::Service {
        let means = HttpMeans { point: self.point.clone(), errors: self.means.clone() };
        ChaosService::new(inner, &self.point, means)
    }
}

impl<Op: Operation, X: Clone, M> Clone for ChaosLayer<Op, X, M> {
    fn clone(&self) -> Self {
        Self { point: self.point.clone(), means: self.means.clone(), mode: PhantomData }
    }
}

impl<Op: Operation, X, M> fmt::Debug for ChaosLayer<Op, X, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChaosLayer").field("point", &self.point.name()).finish_non_exhaustive()
    }
}
