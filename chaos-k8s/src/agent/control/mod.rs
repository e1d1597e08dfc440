//! Orders to an agent that runs: over an abstract unix socket with the run's name, which exists in the agent's network
//! namespace and nowhere else. It is how an agent in an ephemeral container is ended early, which Kubernetes cannot do: a
//! second one, without any right, is put beside it and tells it.
//!
//! ```text
//! client   {"token":"..","order":"stop"} ------->                                    (one line)
//! agent                                    <------- "stopping" ... {"stopped":{..}}  (a line each)
//! ```

mod client;
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
pub(super) use server::{Asked, listen};

use super::spec::Token;
use super::status::{Beat, End};

/// How long a connection may take to say its order, and an answer to be taken.
const PATIENCE: Duration = secs(2);
/// No order is longer.
const LONGEST: usize = 4096;

/// An order to an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Order {
    /// Take everything back and end.
    Stop,
    /// The faults last so long from now on, whatever was said before: up to what the spec allows.
    Extend(#[serde(with = "duration")] Duration),
    /// Say how it goes.
    Status,
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

/// The name of the socket of a run's agent: `@chaos-` and the run.
fn address(run: RunId) -> io::Result<SocketAddr> {
    SocketAddr::from_abstract_name(format!("chaos-{run}"))
}

fn line(message: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line)
}
