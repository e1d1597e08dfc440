//! Faults on Linux nodes, on the pods they run, and on a Kubernetes cluster.
//!
//! [`node`] holds the engines: a library on its own, for any program on any Linux host with the rights. No shell and no
//! other program is run; everything goes over netlink, cgroups and system calls. `cluster` is the API side: which pods and
//! nodes of a cluster, and what can be done to them through the API server.
//!
//! # The map, in reading order
//!
//! | module | what |
//! |---|---|
//! | [`node`] | the engines: network, stress, processes; what they act on; what this machine can do |
//! | `agent` | the engines in a pod, told by a spec (feature `agent`) |
//! | `cluster` | selection and faults through the Kubernetes API (feature `cluster`) |
//!
//! # Features
//!
//! No feature switches a fault on. `net`, `process` and `stress` are the engines, all on by default; `agent` is the program
//! `chaos-agent` and what a controller needs to speak with it; `cluster`, `cluster-latest` and `cluster-testing` are the API
//! side. Engines and agent are there on Linux, the cluster on every Unix.
#![cfg_attr(docsrs, feature(doc_cfg))]

#[cfg(all(feature = "agent", target_os = "linux"))]
pub mod agent;
#[cfg(all(feature = "cluster", unix))]
pub mod cluster;
#[cfg(target_os = "linux")]
pub mod node;

#[cfg(all(feature = "cluster", unix))]
pub use cluster::Cluster;
#[cfg(target_os = "linux")]
pub use node::Node;
