//! What faults act on: each by its UID, so that what came later under the same name is never hit.

mod node;
mod pod;
mod service;
mod workload;

pub use node::ClusterNode;
pub use pod::Pod;
pub use service::Service;
pub use workload::Workload;

pub(crate) use pod::RawPod;
