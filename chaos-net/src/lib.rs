#![cfg_attr(docsrs, feature(doc_cfg))]
//! Fault injection for a process's own traffic: one [`ChaosLayer`] for any tower service.
//!
//! Wrap a client, a server or anything else that is a tower service; nothing happens until a rule is armed at the
//! layer's point, in a test, behind an admin route, or by an experiment of [`chaos_core`].
//!
//! # Map
//! | module | what |
//! |---|---|
//! | [`layer`] | the layer, its service and future, and how an operation's effects are carried out |
//! | [`call`] | rules for services of any types |
#![cfg_attr(feature = "http", doc = "| [`request`] | rules for what goes out, and the matchers |")]
#![cfg_attr(feature = "http", doc = "| [`response`] | rules for what comes back |")]
#![cfg_attr(feature = "http", doc = "| [`body`] | response bodies that are slow, short, cut, corrupted |")]
#![cfg_attr(feature = "http", doc = "| [`grpc`] | gRPC statuses and matchers |")]
#![cfg_attr(feature = "meter", doc = "| [`meter`] | measures a client |")]
#![cfg_attr(feature = "probe", doc = "| [`probe`] | probes over http and tcp |")]
//!
//! # Features
//! `http` (default): everything but [`layer`], [`call`], `meter` and `probe`. `meter` (default): measuring a client.
//! `probe` (default): http and tcp probes. `rules` (default): HTTP rules from data. `regex`: paths by regular
//! expression. No feature switches a fault on.
//!
#![cfg_attr(feature = "http", doc = include_str!("../README.md"))]

pub mod call;
pub mod layer;

#[cfg(feature = "http")]
pub mod body;
#[cfg(feature = "http")]
mod exchange;
#[cfg(feature = "http")]
pub mod grpc;
#[cfg(feature = "meter")]
pub mod meter;
#[cfg(feature = "probe")]
pub mod probe;
#[cfg(feature = "http")]
pub mod request;
#[cfg(feature = "http")]
pub mod response;

#[cfg(feature = "rules")]
mod data;
mod injected;

#[cfg(feature = "http")]
pub use body::{BodyError, FaultyBody};
pub use call::Call;
#[cfg(feature = "http")]
pub use exchange::{Answer, HeaderEdit, Http, HttpCall, HttpEffect};
pub use injected::{InjectedError, InjectedKind};
pub use layer::{ChaosFuture, ChaosLayer, ChaosService};
#[cfg(all(feature = "http", feature = "meter"))]
pub use meter::HttpMeter;
#[cfg(feature = "meter")]
pub use meter::Meter;

#[allow(clippy::panic, reason = "the fault that was asked for")]
pub(crate) fn injected_panic(message: &str) -> ! {
    panic!("injected: {message}")
}
