//! [`Attachment`]: a wrapper's hold on its point, with the rule list at hand.

use std::fmt;
#[cfg(not(chaos_loom))]
use std::ops::Deref;

use super::candidate::Candidate;
use super::hit::Hit;
use super::operation::{Abilities, Operation};
#[cfg(not(chaos_loom))]
use super::point::Inner;
use super::point::{Point, RuleList};
use crate::sync::Arc;
#[cfg(not(chaos_loom))]
use crate::sync::Swap;

/// A wrapper's hold on its point: says that the point is in use, and keeps the rule list at hand, so that a decision
/// costs no reference count.
pub struct Attachment<Op: Operation> {
    point: Point<Op>,
    able: Abilities,
    #[cfg(not(chaos_loom))]
    rules: arc_swap::Cache<Rules<Op>, Arc<RuleList<Op>>>,
    #[cfg(chaos_loom)]
    rules: Option<Arc<RuleList<Op>>>,
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
            #[cfg(chaos_loom)]
            rules: None,
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
        if self.is_off() { None } else { self.candidate(operation)?.decide(operation) }
    }

    /// The first step of [`decide`](Attachment::decide), for a wrapper that has asked [`is_off`](Attachment::is_off)
    /// already and keeps all else out of the way of operations that pass: `None` lets it pass.
    #[cfg(not(chaos_loom))]
    #[inline]
    pub fn candidate(&mut self, operation: Op::View<'_>) -> Option<Candidate<'_, Op>> {
        Candidate::find(&self.point, self.rules.load(), operation, self.able)
    }

    /// The first step of [`decide`](Attachment::decide).
    #[cfg(chaos_loom)]
    pub fn candidate(&mut self, operation: Op::View<'_>) -> Option<Candidate<'_, Op>> {
        self.rules = Some(self.point.inner.rules.load());
        Candidate::find(&self.point, self.rules.as_deref()?, operation, self.able)
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
