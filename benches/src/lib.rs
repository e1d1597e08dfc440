//! What is measured, shared by the programs that measure it.
//!
//! A [`Case`] is one way for a call to go: the bare service, a layer of ours that is off, a peer's; or for a read, a write
//! or a copy. The program `instructions` counts its instructions under callgrind, the benchmarks `layer` and `io` its time,
//! and the test `allocations` what it allocates, so that all speak of the same calls.
//!
//! ```
//! let bare = chaos_benches::cases().into_iter().find(|case| case.name == "bare").unwrap();
//! let mut workers = (bare.start)(1)?;
//! workers[0](1_000);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cases;
mod drive;
#[cfg(target_os = "linux")]
pub mod mount;
#[cfg(target_os = "linux")]
pub mod network;
mod transfer;

pub use cases::{calls, cases, copies, layer, transfers};

use std::error::Error;

/// Makes this many calls.
pub type Worker = Box<dyn FnMut(u64) + Send>;

/// The workers of a case, or why it cannot be set up here.
pub type Started = Result<Vec<Worker>, Box<dyn Error>>;

/// One way for a call to go.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// What tables call it.
    pub name: &'static str,
    /// The most instructions that one call may take, in all.
    pub limit: Option<u32>,
    /// Whether a call of it may allocate.
    pub allocates: bool,
    /// Sets the case up and returns this many workers, each with a clone of the one service.
    pub start: fn(usize) -> Started,
}
