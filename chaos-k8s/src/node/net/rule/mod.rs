//! What a network fault is, as data: which packets, where, and what happens to them. Everything here can be written to
//! JSON and read back; what is out of range is refused on both ways.

mod asked;
mod bandwidth;
mod build;
mod carrier;
mod device;
mod effect;
mod flow;
mod loss;
mod netem;
mod ports;
mod slot;
#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

pub(crate) use asked::{AnyEffect, Asked};
pub use bandwidth::{Bandwidth, Shaping};
pub use build::{NetFault, bandwidth, corrupt, custom, delay, drop, duplicate, loss, netem, refuse, reorder};
pub use carrier::Carrier;
pub use device::{Devices, Direction, IfName};
pub use effect::{Effect, Refusal};
pub use flow::{Address, Flow, Protocol, Traffic};
pub use loss::LossModel;
pub use netem::{Distribution, Duplicate, Netem, Odds, Reorder};
pub use ports::Ports;
pub use slot::Slot;

/// A network fault as data: what an agent is given, what a plan shows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NetRule {
    /// What happens.
    pub effect: Effect,
    /// To which traffic.
    pub traffic: Traffic,
    /// On its way out, in, or both.
    pub direction: Direction,
    /// On which devices.
    pub devices: Devices,
    /// By whom.
    #[serde(default, skip_serializing_if = "Carrier::is_automatic")]
    pub carrier: Carrier,
}

impl fmt::Display for NetRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Asked::from(self).fmt(f)
    }
}
