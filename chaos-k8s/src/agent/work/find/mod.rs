//! Finding an item's target on this node, by what Kubernetes says of it. Nothing is guessed: none, or more than one, is
//! refused.

mod cgroup;
mod files;
mod network;
mod processes;

pub(super) use cgroup::cgroup;
pub(super) use files::in_container;
pub(super) use network::{Networks, own_network};
pub(super) use processes::{node_processes, processes};
