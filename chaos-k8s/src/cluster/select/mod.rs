//! Which pods, nodes and workloads: never nothing said, never "everything" by accident.

mod data;
mod fields;
mod labels;
pub(crate) mod names;
mod nodes;
mod owner;
mod parse;
mod phase;
mod pods;
mod resolve;
mod workloads;

pub use data::PodSelector;
pub use fields::FieldSelector;
pub use labels::LabelSelector;
pub use nodes::Nodes;
pub use owner::{OwnedBy, WorkloadKind};
pub use phase::PodPhase;
pub use pods::Pods;
pub use workloads::Workloads;
