//! [`Rule`]: a matcher, an occurrence, and a delay or an effect.

use std::fmt;
use std::ops::RangeBounds;
use std::time::Duration;

use super::at::At;
use super::matcher::Matcher;
use super::operation::Operation;
use super::point::Point;
use crate::delay::Delay;
use crate::error::{Error, Result};
use crate::occurrence::{Occurrence, Ordinals};
use crate::sync::Arc;

/// A fault for the operations at a point: which of them, how often, and what happens to them.
///
/// A rule does nothing until it is armed ([`Point::arm`]) or given to an experiment ([`Rule::at`]).
#[must_use = "a rule does nothing until it is armed at a point"]
pub struct Rule<Op: Operation> {
    pub(crate) name: Option<String>,
    // As it was said, for plans, reports and the name.
    matcher: Option<Matcher<Op>>,
    // That, and what the effect can happen to.
    pub(crate) asked: Option<Matcher<Op>>,
    pub(crate) occurrence: Occurrence,
    pub(crate) action: Action<Op>,
    pub(crate) on_revert: OnRevert,
}

pub(crate) enum Action<Op: Operation> {
    Delay(Arc<Delay>, Place),
    Effect(Arc<dyn HasEffect<Op>>),
}

/// An effect behind a trait of the operation, and not `Op::Effect` itself: see `Test` of the matcher for why.
pub(crate) trait HasEffect<Op: Operation>: Send + Sync {
    fn effect(&self) -> &Op::Effect;
}

struct Has<T>(T);

impl<Op: Operation<Effect = T>, T: Send + Sync> HasEffect<Op> for Has<T> {
    fn effect(&self) -> &T {
        &self.0
    }
}

impl<Op: Operation> Clone for Action<Op> {
    fn clone(&self) -> Self {
        match self {
            Self::Delay(delay, place) => Self::Delay(Arc::clone(delay), *place),
            Self::Effect(effect) => Self::Effect(Arc::clone(effect)),
        }
    }
}

/// Where a delay stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Before the operation: what is behind the point sees it late.
    Before,
    /// After the operation: it was done in time, the answer is late.
    After,
}

/// What a revert does to operations that a delay holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum OnRevert {
    #[default]
    LetGo,
    FinishDelay,
}

impl<Op: Operation + 'static> Rule<Op> {
    /// A delay before each operation it hits.
    pub fn delay(delay: Delay) -> Self {
        Self::of(Action::Delay(Arc::new(delay), Place::Before))
    }

    /// A delay after each operation it hits: it is done in time and answered late.
    pub fn delay_after(delay: Delay) -> Self {
        Self::of(Action::Delay(Arc::new(delay), Place::After))
    }

    /// An effect on each operation it hits.
    pub fn effect(effect: Op::Effect) -> Self {
        let asked = Op::happens_to(&effect);
        Self { asked, ..Self::of(Action::Effect(Arc::new(Has(effect)))) }
    }

    fn of(action: Action<Op>) -> Self {
        Self {
            name: None,
            matcher: None,
            asked: None,
            occurrence: Occurrence::default(),
            action,
            on_revert: OnRevert::default(),
        }
    }

    /// A name for reports and for the dice. Without one, what the rule does is its name.
    ///
    /// # Errors
    /// An empty name, one over 200 bytes, or one with control characters.
    pub fn named(mut self, name: impl Into<String>) -> Result<Self> {
        self.name = Some(valid_name("rule", name.into())?);
        Ok(self)
    }

    /// Only operations that match, of those that the effect can happen to; said twice, both must.
    pub fn when(mut self, matcher: Matcher<Op>) -> Self {
        let both = |already: Option<Matcher<Op>>, matcher| match already {
            Some(already) => already & matcher,
            None => matcher,
        };
        self.asked = Some(both(self.asked.take(), matcher.clone()));
        self.matcher = Some(both(self.matcher.take(), matcher));
        self
    }

    /// Only operations for which the closure says so: [`when`](Rule::when) with the types inferred.
    pub fn matching(self, test: impl for<'a> Fn(Op::View<'a>) -> bool + Send + Sync + 'static) -> Self {
        self.when(Matcher::new("closure", test))
    }

    /// Each matching operation with this chance, 0 to 1.
    ///
    /// # Errors
    /// Not in 0..=1.
    pub fn probability(mut self, chance: impl Into<f64>) -> Result<Self> {
        self.occurrence = self.occurrence.probability(chance)?;
        Ok(self)
    }

    /// The matching operations with these numbers, in the grammar of [`Ordinals`]: `"2..10+2"`.
    ///
    /// # Errors
    /// What the grammar does not know; numbers that were chosen already.
    pub fn nth(mut self, ordinals: &str) -> Result<Self> {
        self.occurrence = self.occurrence.ordinals(ordinals.parse()?)?;
        Ok(self)
    }

    /// The first `n` matching operations.
    ///
    /// # Errors
    /// Zero; numbers that were chosen already.
    pub fn first(mut self, n: u64) -> Result<Self> {
        self.occurrence = self.occurrence.ordinals(Ordinals::first(n)?)?;
        Ok(self)
    }

    /// Every `n`-th matching operation: `n`, `2n`, `3n` and so on.
    ///
    /// # Errors
    /// Zero; numbers that were chosen already.
    pub fn every(mut self, n: u64) -> Result<Self> {
        self.occurrence = self.occurrence.ordinals(Ordinals::every(n)?)?;
        Ok(self)
    }

    /// At most `hits` in all.
    ///
    /// # Errors
    /// Zero.
    pub fn budget(mut self, hits: u64) -> Result<Self> {
        self.occurrence = self.occurrence.budget(hits)?;
        Ok(self)
    }

    /// At most `operations` under this rule at the same time.
    ///
    /// # Errors
    /// Zero, or more than the gate counts (4,194,303).
    pub fn at_once(mut self, operations: u32) -> Result<Self> {
        self.occurrence = self.occurrence.at_once(operations)?;
        Ok(self)
    }

    /// Only in this stretch of time since the rule was armed: `secs(5)..secs(30)`.
    ///
    /// # Errors
    /// An empty or reversed stretch.
    pub fn window(mut self, since_armed: impl RangeBounds<Duration>) -> Result<Self> {
        self.occurrence = self.occurrence.window(since_armed)?;
        Ok(self)
    }

    /// A revert lets operations finish the delay they are in, instead of letting them go at once.
    pub fn finish_delays(mut self) -> Self {
        self.on_revert = OnRevert::FinishDelay;
        self
    }

    /// This rule at `point`, as a fault for an experiment.
    pub fn at(self, point: Point<Op>) -> At<Op> {
        At::new(self, point)
    }

    #[cfg(feature = "rules")]
    pub(crate) fn occurrence(mut self, occurrence: Occurrence) -> Self {
        self.occurrence = occurrence;
        self
    }
}

impl<Op: Operation> Rule<Op> {
    /// The name, or what the rule does where it has none.
    pub fn label(&self) -> String {
        self.name.clone().unwrap_or_else(|| self.to_string())
    }

    /// Which operations, in words.
    pub(crate) fn occurrence_text(&self) -> String {
        match &self.matcher {
            Some(matcher) => format!("{} when {matcher}", self.occurrence),
            None => self.occurrence.to_string(),
        }
    }
}

pub(crate) fn valid_name(what: &str, name: String) -> Result<String> {
    if name.is_empty() {
        return Err(Error::invalid(format!("a {what} needs a name that is not empty")));
    }
    if name.len() > 200 {
        return Err(Error::invalid(format!(
            "a {what}'s name of {} bytes is over 200: use a shorter one",
            name.len()
        )));
    }
    if name.chars().any(char::is_control) {
        return Err(Error::invalid(format!(
            "the {what} name {name:?} has control characters: use printable ones"
        )));
    }
    Ok(name)
}

impl<Op: Operation> Clone for Rule<Op> {
    fn clone(&self) -> Self {
        Self {
            name: self.name.clone(),
            matcher: self.matcher.clone(),
            asked: self.asked.clone(),
            occurrence: self.occurrence.clone(),
            action: self.action.clone(),
            on_revert: self.on_revert,
        }
    }
}

impl<Op: Operation> fmt::Display for Rule<Op> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.action {
            Action::Delay(delay, Place::Before) => write!(f, "delay {delay}")?,
            Action::Delay(delay, Place::After) => write!(f, "delay after {delay}")?,
            Action::Effect(effect) => f.write_str(&Op::describe(effect.effect()))?,
        }
        if let Some(matcher) = &self.matcher {
            write!(f, " when {matcher}")?;
        }
        if self.occurrence != Occurrence::default() {
            write!(f, ", {}", self.occurrence)?;
        }
        Ok(())
    }
}

impl<Op: Operation> fmt::Debug for Rule<Op> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Rule").field("name", &self.name).field("does", &self.to_string()).finish()
    }
}
