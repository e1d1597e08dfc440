//! Faults on packets: netem, bandwidth, partition, refusal.
//!
//! A fault says what happens ([`delay`], [`loss`], [`drop`](drop()), ...), to which traffic, on which devices; it acts on a
//! [`Namespace`](super::Namespace).
//!
//! ```
//! use chaos_core::{Percent, units::ms};
//! use chaos_k8s::node::net::{self, Distribution, Flow};
//!
//! let slow_database = net::delay(ms(200))
//!     .jitter(ms(20))
//!     .distribution(Distribution::Normal)
//!     .and_loss(Percent::try_new(1)?)
//!     .to(Flow::peer("10.0.0.0/8")?.port(5432)?.tcp());
//! assert_eq!(slow_database.to_string(), "delay 200ms +-20ms normal, loss 1 % to 10.0.0.0/8 port 5432 tcp");
//! # Ok::<(), chaos_core::Error>(())
//! ```

mod engine;
mod fault;
mod kernel;
mod marks;
pub mod own;
mod plan;
mod rule;
pub(crate) mod trial;
mod undo;

pub(crate) use engine::Engine;

pub use undo::NetUndo;

pub use rule::{
    Address, Bandwidth, Devices, Direction, Distribution, Duplicate, Effect, Flow, IfName, LossModel,
    NetFault, NetRule, Netem, Odds, Ports, Protocol, Refusal, Reorder, Shaping, Slot, Traffic, bandwidth,
    corrupt, delay, drop, duplicate, loss, netem, refuse, reorder,
};
