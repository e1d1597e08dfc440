//! Network faults on real namespaces, and the commands that do the same by `tc`, `iptables` and `ipset`.
#![expect(
    clippy::disallowed_methods,
    reason = "the peer is these commands, and the namespaces are prepared by them; nothing here is in a library"
)]

mod commands;
mod space;

pub use commands::{inject, revert, scrub};
pub use space::{Space, missing, resident};

use std::error::Error;
use std::time::{Duration, Instant};

/// The networks that the fault is for.
pub const NETWORKS: usize = 20;
/// The port of the peers.
pub const PORT: u16 = 5432;

/// The `n`th network, from 0 to 65,535.
pub fn network(n: usize) -> String {
    format!("10.{}.{}.0/24", n / 256, n % 256)
}

/// How long `work` takes, and what it gives.
///
/// # Errors
/// Those of `work`.
pub fn timed<T>(work: impl FnOnce() -> Result<T, Box<dyn Error>>) -> Result<(Duration, T), Box<dyn Error>> {
    let since = Instant::now();
    let done = work()?;
    Ok((since.elapsed(), done))
}

/// The middle one, in milliseconds.
pub fn median_ms(mut times: Vec<Duration>) -> f64 {
    times.sort();
    times.get(times.len() / 2).map_or(f64::NAN, |time| time.as_secs_f64() * 1e3)
}
