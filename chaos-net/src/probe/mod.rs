//! Probes over the network: [`http()`] and [`tcp()`].
//!
//! Each reading opens a connection of its own, so that no pooled one hides a server that takes no more. Redirects are
//! not followed. A probe needs real time: under a paused tokio clock its reading fails and says so, instead of timing
//! out at once.
//!
//! ```
//! use chaos_core::{Chaos, Experiment, units::{ms, secs}};
//! use chaos_net::probe;
//!
//! # let chaos = Chaos::seeded(7);
//! let experiment = Experiment::new(&chaos, "checkout survives")
//!     .steady_state(probe::http("http://127.0.0.1:8080/health")?.status(200).within(ms(200)))
//!     .steady_state(probe::tcp("127.0.0.1:5432")?.every(secs(1)));
//! assert!(probe::http("https://shop.example/").unwrap_err().is_invalid());
//! # drop(experiment);
//! # Ok::<(), chaos_core::Error>(())
//! ```

mod http;
mod tcp;
#[cfg(test)]
mod tests;

pub use self::http::{HttpProbe, http};
pub use self::tcp::{TcpProbe, tcp};

use std::time::{Duration, Instant};

use chaos_core::probe::Reading;
use chaos_core::units::duration::brief;

/// Holds `text`, unless it took longer than allowed.
fn in_time(text: &str, begun: Instant, within: Option<Duration>) -> Reading {
    // To the microsecond: what is below is the machine's.
    let took = Duration::from_micros(begun.elapsed().as_micros() as u64);
    match within {
        Some(within) if took > within => Reading::fail(format!("{text} in {}", brief(took))),
        _ => Reading::pass(format!("{text} in {}", brief(took))),
    }
}
