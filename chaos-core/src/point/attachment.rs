//! [`Attachment`]: a wrapper's hold on its point, with the rule list at hand.

use std::fmt;
#[cfg(not(chaos_loom))]
use std::ops::Deref;

use super::hit::Hit;
use super::operation::{Abilities, Operation};
use super::point::Point;
#[cfg(not(chaos_loom))]
use super::point::{Inner, RuleList};
#[cfg(not(chaos_loom))]
use crate::sync::{Arc, Swap};

/// A wrapper's hold on its point: says that the point is in use, and keeps the rule list at hand, so that a decision
/// costs no reference count.
pub struct Attachment<Op: Operation> {
    point: Point<Op>,
    able: Abilities,
    #[cfg(not(chaos_loom))]
    rules: arc_swap::Cache<Rules<Op>, Arc<RuleList<Op>>>,
}

#[cfg(not(chaos_loom))]
struct Rules<Op: Operation>(Arc<Inner<Op>>);

#[cfg(not(chaos_loom))]
impl<Op: Operation> Deref for Rules<Op> {
    type Target = Swap<RuleList<Op>>;
    fn deref(&self) -> &Self::Target {
        &self.0.rules
    }
}

impl<Op: Operation> Attachment<Op> {
    pub(crate) fn new(point: Point<Op>, able: Abilities) -> Self {
        point.count_attachment(able);
        Self {
            able,
            #[cfg(not(chaos_loom))]
            rules: arc_swap::Cache::new(Rules(Arc::clone(&point.inner))),
            point,
        }
    }

    /// The point.
    pub fn point(&self) -> &Point<Op> {
        &self.point
    }

    /// What this wrapper can carry out beyond delays.
    pub fn abilities(&self) -> Abilities {
        self.able
    }

    /// Whether no rule is armed: one relaxed load.
    #[inline]
    pub fn is_off(&self) -> bool {
        self.point.inner.is_off()
    }

    /// Decides what happens to an operation, at the moment it is called: `None` lets it pass.
    #[inline]
    pub fn decide(&mut self, operation: Op::View<'_>) -> Option<Hit<Op>> {
        if self.is_off() { None } else { self.decide_armed(operation) }
    }

    /// As [`decide`](Attachment::decide), for a wrapper that has asked [`is_off`](Attachment::is_off) already, so as to
    /// keep all else out of the way of operations that pass.
    #[cfg(not(chaos_loom))]
    #[inline]
    pub fn decide_armed(&mut self, operation: Op::View<'_>) -> Option<Hit<Op>> {
        self.point.inner.decide(self.rules.load(), operation, self.able)
    }

    /// As [`decide`](Attachment::decide).
    #[cfg(chaos_loom)]
    pub fn decide_armed(&mut self, operation: Op::View<'_>) -> Option<Hit<Op>> {
        self.point.decide(operation, self.able)
    }
}

impl<Op: Operation> Clone for Attachment<Op> {
    fn clone(&self) -> Self {
        Self::new(self.point.clone(), self.able)
    }
}

impl<Op: Operation> Drop for Attachment<Op> {
    fn drop(&mut self) {
        self.point.uncount_attachment();
    }
}

impl<Op: Operation> fmt::Debug for Attachment<Op> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attachment").field("point", &self.point.name()).field("able", &self.able).finish()
    }
}
