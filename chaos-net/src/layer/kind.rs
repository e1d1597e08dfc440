//! [`Kind`]: which operation stands in front of a service.
//!
//! The response and error of a service are asked of the service each time and are no parameters of the layer's types.
//! This is more than short names: in a spawned task the compiler proves `Send` with every lifetime forgotten, and two
//! copies of `Box<dyn Error>` in one type would be two types to it.

use std::marker::PhantomData;

use chaos_core::Operation;
use tower_service::Service;

use super::means::Means;
use crate::call::Call;

/// Which operation stands in front of a service `S`, and how the caller's error is made.
pub trait Kind<S> {
    /// What passes the point.
    type Op: Operation;

    /// How the caller's error is made.
    type Means: Means + Clone;
}

/// [`Call`]s with requests `Req`, and whatever the service answers them.
#[derive(Debug)]
pub struct Calls<Req>(PhantomData<fn(Req)>);

impl<S: Service<Req>, Req: 'static> Kind<S> for Calls<Req> {
    type Op = Call<Req, S::Response, S::Error>;
    type Means = ();
}

/// HTTP exchanges, with errors made by `X`.
#[cfg(feature = "http")]
#[derive(Debug)]
pub struct Exchanges<X>(PhantomData<fn(X)>);

#[cfg(feature = "http")]
impl<S, X: Means + Clone> Kind<S> for Exchanges<X> {
    type Op = crate::exchange::Http;
    type Means = crate::exchange::HttpMeans<X>;
}
