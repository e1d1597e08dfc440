//! Arming a [`RuleSet`]: all of it or nothing.

use std::fmt;

use super::entry::{Entry, path};
use super::set::RuleSet;
use crate::chaos::Chaos;
use crate::error::{Error, Result};
use crate::point::{Armed, Operation, Point, Rule, RuleStats};

impl Chaos {
    /// Arms every rule of a set, or none: all are read and checked against their points before the first is armed.
    ///
    /// # Errors
    /// A point that does not exist, a matcher or effect that the point's operation does not know, an effect that
    /// nothing attached there can carry out; with the path of the mistake.
    pub fn arm_rules(&self, rules: &RuleSet) -> Result<Vec<ArmedRule>> {
        let ready = rules.entries().iter().map(|entry| self.ready(entry)).collect::<Result<Vec<_>>>()?;
        // Should a wrapper come or go in between and arming fail, dropping the guards takes the others back.
        ready
            .iter()
            .zip(rules.entries())
            .map(|(ready, entry)| {
                ready.arm().map_err(|error| error.context(format!("rules[{}]", entry.index)))
            })
            .collect()
    }

    fn ready(&self, entry: &Entry) -> Result<Box<dyn ReadyRule>> {
        match self.any_point(&entry.point) {
            Some(point) => point.ready(entry),
            None => Err(self.no_such_point(entry)),
        }
    }

    fn no_such_point(&self, entry: &Entry) -> Error {
        let known: Vec<String> = self.points().into_iter().map(|(name, _)| format!("{name:?}")).collect();
        let known = match known.is_empty() {
            true => "there are none yet".to_owned(),
            false => format!("there are {}", known.join(", ")),
        };
        // What passes a point is a type, which no data can name.
        Error::invalid(format!("no point is called {:?} ({known}): attach or create it first", entry.point))
            .context(path(entry.index, "point"))
    }
}

/// A rule and its point, checked, whatever the operation.
pub(crate) trait ReadyRule {
    fn arm(&self) -> Result<ArmedRule>;
}

struct Ready<Op: Operation> {
    point: Point<Op>,
    rule: Rule<Op>,
}

impl<Op: Operation + 'static> Point<Op> {
    pub(crate) fn ready(&self, entry: &Entry) -> Result<Box<dyn ReadyRule>> {
        let rule = entry.rule::<Op>()?;
        if let Some(error) = self.cannot_carry_out(&rule) {
            return Err(error.context(path(entry.index, "effect")));
        }
        Ok(Box::new(Ready { point: self.clone(), rule }))
    }
}

impl<Op: Operation + 'static> ReadyRule for Ready<Op> {
    fn arm(&self) -> Result<ArmedRule> {
        let guard = self.point.arm(self.rule.clone())?;
        Ok(ArmedRule { guard: Box::new(guard) })
    }
}

/// A rule from data in force: [`Armed`] without the type of its operation. Reverting is at once; dropping does the
/// same.
#[must_use = "dropping this reverts the rule at once"]
pub struct ArmedRule {
    guard: Box<dyn Guard>,
}

/// What is asked of an [`Armed`], whatever its operation.
trait Guard: Send + Sync {
    fn point(&self) -> &str;
    fn label(&self) -> &str;
    fn stats(&self) -> RuleStats;
    fn revert(&self);
    fn is_reverted(&self) -> bool;
}

impl<Op: Operation + 'static> Guard for Armed<Op> {
    fn point(&self) -> &str {
        Armed::point(self).name()
    }
    fn label(&self) -> &str {
        Armed::label(self)
    }
    fn stats(&self) -> RuleStats {
        Armed::stats(self)
    }
    fn revert(&self) {
        Armed::revert(self);
    }
    fn is_reverted(&self) -> bool {
        Armed::is_reverted(self)
    }
}

impl ArmedRule {
    /// The name of the point.
    pub fn point(&self) -> &str {
        self.guard.point()
    }

    /// The rule's name at this point.
    pub fn label(&self) -> &str {
        self.guard.label()
    }

    /// How many operations it hit; goes on answering after a revert.
    pub fn hits(&self) -> u64 {
        self.stats().hits
    }

    /// All counters.
    pub fn stats(&self) -> RuleStats {
        self.guard.stats()
    }

    /// Off at once. Again does nothing.
    pub fn revert(&self) {
        self.guard.revert();
    }

    /// Whether it was reverted, by this guard or by [`Chaos::revert_all`].
    pub fn is_reverted(&self) -> bool {
        self.guard.is_reverted()
    }
}

impl fmt::Debug for ArmedRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ArmedRule").field("point", &self.point()).field("stats", &self.stats()).finish()
    }
}
