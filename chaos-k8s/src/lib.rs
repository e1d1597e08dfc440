//! Faults on Linux nodes and on the pods they run.
//!
//! [`node`] holds the engines: a library on its own, for any program on any Linux host with the rights. No shell and no
//! other program is run; everything goes over netlink, cgroups and system calls.
//!
//! # The map, in reading order
//!
//! | module | what |
//! |---|---|
//! | [`node`] | the engines: network, stress, processes; what they act on; what this machine can do |
//! | `agent` | the engines in a pod, told by a spec (feature `agent`) |
//!
//! # Features
//!
//! No feature switches a fault on. `net`, `process` and `stress` are the engines, all on by default; `agent` is the program
//! `chaos-agent` and what a controller needs to speak with it. On systems other than Linux the crate is empty.
#![cfg_attr(docsrs, feature(doc_cfg))]
#![cfg(target_os = "linux")]

#[cfg(feature = "agent")]
pub mod agent;
pub mod node;

pub use node::Node;
