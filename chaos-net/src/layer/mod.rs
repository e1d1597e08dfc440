//! The tower layer: [`ChaosLayer`] puts a point in front of a service, [`ChaosService`] asks it at every call.
//!
//! It sits where you put it. Below a retry or a timeout, injected faults are retried and timed out as real ones are.
//! It keeps the service's own error type, boxes nothing until a rule hits, is `Clone` only if the service is, and holds
//! to tower's contract: what a delay holds back is called on the very service that was ready, never on a clone that
//! was not.
//!
//! ```
//! use chaos_core::Chaos;
//! use chaos_net::{ChaosLayer, call::{self, Call}};
//! use std::io;
//! use tower::{Service, ServiceBuilder, ServiceExt};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let chaos = Chaos::seeded(7);
//! let point = chaos.point::<Call<u32, u32, io::Error>>("doubler")?;
//! let mut doubler = ServiceBuilder::new()
//!     .layer(ChaosLayer::call(point.clone()))
//!     .service_fn(|n: u32| async move { Ok::<_, io::Error>(2 * n) });
//!
//! assert_eq!(doubler.ready().await?.call(4).await?, 8);
//! let broken = point.arm(call::error(|_: &u32| io::ErrorKind::ConnectionReset.into()))?;
//! assert!(doubler.ready().await?.call(4).await.is_err());
//! broken.revert();
//! assert_eq!(doubler.ready().await?.call(4).await?, 8);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # When the service is called
//! | | the call | services |
//! |---|---|---|
//! | default, [`DelayBeforeCall`] | after the delays before it: what is behind sees it late | `Clone` |
//! | [`ChaosLayer::delay_after_call`] | at once; its future is not polled until the delays are over | any |
//!
//! The decision is taken in `call`, by the number of the operation: the order in which futures are polled changes
//! nothing. A future that is dropped, at any moment, gives back every place it holds.

mod future;
mod held;
mod kind;
#[allow(clippy::module_inception)]
mod layer;
mod means;
mod service;
mod start;
mod wire;

#[cfg(feature = "http")]
pub use crate::exchange::HttpMeans;
pub use future::ChaosFuture;
#[cfg(feature = "http")]
pub use kind::Exchanges;
pub use kind::{Calls, Kind};
pub use layer::ChaosLayer;
pub use means::{ErrorFrom, ErrorWith, MakeError, Means, NoError};
pub use service::ChaosService;
pub use start::{DelayAfterCall, DelayBeforeCall, Start};
pub use wire::{Act, Reply, Turn, Wire};

#[cfg(test)]
mod tests;
