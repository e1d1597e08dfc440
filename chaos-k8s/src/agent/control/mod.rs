//! Orders to an agent that runs: over an abstract unix socket with the run's name, which exists in the agent's network
//! namespace and nowhere else. It is how an agent in an ephemeral container is ended early, which Kubernetes cannot do: a
//! second one, without any right, is put beside it and tells it.
//!
//! ```text
//! client   {"token":"..","order":"stop"} ------->                                    (one line)
//! agent                                    <------- "stopping" ... {"stopped":{..}}  (a line each)
//! ```
//!
//! An agent in a pod of its own takes [`Orders`] from a file too: an annotation of its pod, as the kubelet shows it.

mod client;
mod encoded;
mod orders;
mod server;
#[cfg(test)]
mod tests;

use std::io;
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::SocketAddr;
use std::time::Duration;

use chaos_core::ledger::RunId;
use chaos_core::units::{duration, secs};
use serde::{Deserialize, Serialize};

pub use client::tell;
pub use orders::{NumberedOrder, Orders};
pub(super) use server::{Asked, listen};

use super::spec::{FaultData, Token};
use super::status::{Beat, End};

/// How long a connection may take to say its order, and an answer to be taken.
const PATIENCE: Duration = secs(2);
/// No order over the socket is longer: one with a fault as long as a spec can hold, and what is around it.
const LONGEST: usize = 160 << 10;

/// An order to an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
#[expect(clippy::large_enum_variant, reason = "orders are few, and gone when they are heeded")]
pub enum Order {
    /// Take everything back and end.
    Stop,
    /// The faults last so long from now on, whatever was said before: up to what the spec allows.
    Extend(#[serde(with = "duration")] Duration),
    /// Say how it goes.
    Status,
    /// Another fault takes the place of one that is in force: with other peers, when the endpoints of a Service have
    /// changed. Only network faults are replaced, by what [`Spec::replaced`](super::spec::Spec::replaced) accepts.
    ///
    /// At each item that has it in force the new one comes first, and then the old one goes: no packet that both mean goes
    /// without, and for that moment it meets both (on some kernels two netems stand still within each other: SAFETY.md).
    /// Items that failed, were skipped, or whose target is gone, are left alone. Where the new one does not come into force
    /// the old one stays, and the order is answered as refused, with what happened at how many items. A restart that resumes
    /// injects the new one, unless it came into force nowhere. It waits until all items have come to their turn.
    #[serde(rename_all = "kebab-case")]
    Replace {
        /// Which, by its name in the spec.
        fault: String,
        /// What takes its place.
        with: FaultData,
    },
}

/// What an agent answers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Answer {
    /// The order is not heeded, and why.
    Refused(String),
    /// It takes everything back now; how that went is the next answer.
    Stopping,
    /// It is over.
    Stopped(End),
    /// How it goes, after the order.
    Status(Beat),
}

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Told {
    token: Token,
    order: Order,
}

/// The abstract name of the socket of a run's agent.
fn name(run: RunId) -> String {
    format!("chaos-{run}")
}

fn address(run: RunId) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(name(run))
}

fn line(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line)
}
