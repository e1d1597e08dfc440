//! [`Armed`]: the guard of an armed rule.

use std::fmt;

use super::live::Live;
use super::operation::Operation;
use super::point::Point;
use super::stats::RuleStats;
use crate::sync::Arc;

/// A rule in force. Reverting is synchronous and at once; dropping does the same.
///
/// No operation that is decided after [`revert`](Armed::revert) returns is touched. Operations that a delay or a hang
/// holds are let go and proceed, unless the rule says [`finish_delays`](super::Rule::finish_delays).
#[must_use = "dropping this reverts the rule at once"]
pub struct Armed<Op: Operation> {
    point: Point<Op>,
    live: Arc<Live<Op>>,
}

impl<Op: Operation> Armed<Op> {
    pub(crate) fn new(point: Point<Op>, live: Arc<Live<Op>>) -> Self {
        Self { point, live }
    }

    /// The point.
    pub fn point(&self) -> &Point<Op> {
        &self.point
    }

    /// The rule's name at this point.
    pub fn label(&self) -> &str {
        &self.live.label
    }

    /// How many operations it hit; goes on answering after a revert.
    pub fn hits(&self) -> u64 {
        self.live.gate.hits()
    }

    /// All counters.
    pub fn stats(&self) -> RuleStats {
        self.live.stats()
    }

    /// Off at once. Again does nothing.
    pub fn revert(&self) {
        self.point.disarm(self.live.id);
    }

    /// Whether it was reverted, by this guard or by [`Point::revert_all`].
    pub fn is_reverted(&self) -> bool {
        self.live.gate.is_closed()
    }
}

impl<Op: Operation> Drop for Armed<Op> {
    fn drop(&mut self) {
        self.revert();
    }
}

impl<Op: Operation> fmt::Debug for Armed<Op> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Armed").field("point", &self.point.name()).field("stats", &self.stats()).finish()
    }
}
