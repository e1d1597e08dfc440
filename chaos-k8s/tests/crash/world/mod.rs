//! What is under fault, as somebody sees it who knows nothing of the engines: packets and answers that come or do not,
//! processes that get on, and what the kernel lists.

mod cgroup;
mod names;
mod packets;
mod victim;

use std::time::{Duration, Instant};

pub(crate) use cgroup::Stressed;
pub(crate) use names::Names;
pub(crate) use packets::Packets;
pub(crate) use victim::Paused;

use crate::injector::Wanted;

/// What is under fault.
pub(crate) trait World {
    /// The fault, for an injector.
    fn wanted(&self) -> Wanted;

    /// Whether the fault is felt now.
    fn feels(&mut self) -> bool;

    /// How long after `since` it was not felt for the first time; none when it is felt for `bound`.
    fn relieved(&mut self, since: Instant, bound: Duration) -> Option<Duration>;

    /// What is there that was not there in the beginning, a word each: see [`is_idle`].
    fn left(&mut self) -> Vec<String>;

    /// Whether all is as in the beginning, byte for byte; an expensive look.
    fn must_be_unchanged(&mut self) {
        assert_eq!(self.left(), [""; 0]);
    }
}

/// The undo that was written down.
pub(crate) const LEDGER: &str = "ledger";

/// Whether this may be left of a fault that the kernel owns: it does nothing, and a sweep takes it away.
pub(crate) fn is_idle(left: &str) -> bool {
    ["idle device", "idle clsact", "empty cgroup", LEDGER].contains(&left)
}
