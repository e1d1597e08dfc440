//! The engines: what a Linux host can do to network namespaces, cgroups and processes.
//!
//! ```text
//! Node ──┬── net       packets: netem, bandwidth, partition, DNS        ── acts on a Namespace
//!        ├── stress    CPU, memory, I/O, disk, tables                   ── acts on a cgroup
//!        └── process   signals, pauses, clocks                          ── acts on a process
//! ```
//!
//! A program that uses them begins with one line, so that it can be its own guardian and its own stressor:
//!
//! ```no_run
//! use chaos_core::Chaos;
//! use chaos_k8s::{Node, node};
//!
//! # async fn example() -> chaos_core::Result<()> {
//! let guardian = node::run_if_asked();                // first of all; returns at once in the ordinary process
//! let node = Node::new(&Chaos::random());
//! let target = node.namespace_of(4711)?;              // the network namespace of a process
//! # let _ = (guardian, target);
//! # Ok(())
//! # }
//! ```
#![cfg_attr(
    not(all(feature = "net", feature = "process", feature = "stress")),
    allow(dead_code, unused_imports, reason = "engines that are not there use it")
)]

mod cgroup;
pub mod doctor;
mod handle;
mod namespace;
#[cfg(feature = "net")]
pub mod net;
mod netns;
#[cfg(feature = "process")]
pub mod process;
mod program;
#[cfg(feature = "stress")]
pub mod stress;
pub mod sweep;
mod sys;

pub use cgroup::Cgroup;
pub use handle::Node;
pub use namespace::Namespace;
pub use program::{run_as_init_ending, run_as_init_with, run_if_asked, run_if_asked_with};
pub use sweep::MarksSwept;
