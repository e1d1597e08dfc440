//! Targets: what a fault acts on, which of them, and how many at most.

mod approved;
mod blast_radius;
mod mode;
mod occupancy;
mod selector;
#[cfg(test)]
mod tests;

use std::fmt::Debug;

pub use approved::Approved;
pub use blast_radius::BlastRadius;
pub use mode::Mode;
pub(crate) use occupancy::{Beside, Occupancy, Population, Selection};
pub use selector::{Select, Selector, Targets};

/// What a fault acts on: a file, a pod, a network namespace.
pub trait Target: Clone + Debug + Send + Sync + 'static {
    /// What blast radius counts, in the singular: "file", "pod", "operation".
    const UNIT: &'static str;

    /// The identity that a successor of the same name does not inherit: a UID, a path with an inode.
    fn id(&self) -> String;

    /// What people call it; the identity unless said otherwise.
    fn name(&self) -> String {
        self.id()
    }

    /// The value of a label, for selectors.
    fn label(&self, key: &str) -> Option<&str> {
        let _ = key;
        None
    }

    /// Why this target must never be hit, if it must not.
    fn protected(&self) -> Option<String> {
        None
    }
}
