//! Faults on deployments and other things that make pods.

mod autoscaler;
mod restart;
mod scale;

pub use restart::{Restart, restart};
pub use scale::{Scale, scale_to};

use super::Workload;
use super::rights::Place;

/// Where a fault on `workload` acts.
fn place(workload: &Workload) -> Place<'_> {
    Place::new(workload.kind().kind(), Some(workload.namespace()))
}
