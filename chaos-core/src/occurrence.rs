//! [`Occurrence`]: which of the matching operations a rule hits.
//!
//! All that is said must hold at once. Ordinals and probability are decided by the ordinal of the matching operation
//! alone; budget, at-once and window are limits, which only remove hits and never move the others.
//!
//! ```
//! use chaos_core::occurrence::Ordinals;
//! let some: Ordinals = "3..9+2".parse()?;
//! assert_eq!((1..=10).filter(|n| some.contains(*n)).collect::<Vec<_>>(), [3, 5, 7, 9]);
//! # Ok::<(), chaos_core::Error>(())
//! ```

use std::fmt;
use std::ops::{Bound, RangeBounds};
use std::str::FromStr;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::units::Probability;

/// Which matching operations by number, from 1: the grammar of strace's `when=`.
///
/// | text | operations |
/// |---|---|
/// | `3` | the third |
/// | `3+` | the third and all after it |
/// | `3+2` | 3, 5, 7, ... |
/// | `3..9` | 3 to 9 |
/// | `3..9+2` | 3, 5, 7, 9 |
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ordinals {
    first: u64,
    last: u64,
    step: u64,
}

impl Ordinals {
    /// From `first` to `last`, every `step`-th; `first` is 1 or more, `last` not before it, `step` 1 or more.
    ///
    /// # Errors
    /// A zero, or a range that runs backwards.
    pub fn try_new(first: u64, last: u64, step: u64) -> Result<Self> {
        if first == 0 {
            return Err(Error::invalid("operations are counted from 1: there is no operation 0"));
        }
        if last < first {
            return Err(Error::invalid(format!(
                "operations {first}..{last} run backwards: the last is before the first"
            )));
        }
        if step == 0 {
            return Err(Error::invalid("a step of 0 never reaches the next operation: use 1 or more"));
        }
        Ok(Self { first, last, step })
    }

    /// The first `n`.
    ///
    /// # Errors
    /// Zero.
    pub fn first(n: u64) -> Result<Self> {
        if n == 0 {
            return Err(Error::invalid("the first 0 operations are none: use 1 or more"));
        }
        Self::try_new(1, n, 1)
    }

    /// Every `n`-th: `n`, `2n`, `3n` and so on.
    ///
    /// # Errors
    /// Zero.
    pub fn every(n: u64) -> Result<Self> {
        if n == 0 {
            return Err(Error::invalid("every 0th operation is none: use 1 or more"));
        }
        Self::try_new(n, u64::MAX, n)
    }

    /// Whether operation `number` (from 1) is among them.
    #[inline]
    pub fn contains(self, number: u64) -> bool {
        number >= self.first
            && number <= self.last
            && (self.step == 1 || (number - self.first) % self.step == 0)
    }
}

impl FromStr for Ordinals {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let bad = || {
            Error::invalid(format!(
                "occurrence {text:?} is not first, first+, first+step or first..last+step"
            ))
        };
        let number = |part: &str| part.trim().parse::<u64>().map_err(|_| bad());
        let (range, step) = match text.split_once('+') {
            Some((range, "")) => (range, Some(1)),
            Some((range, step)) => (range, Some(number(step)?)),
            None => (text, None),
        };
        match range.split_once("..") {
            Some((first, last)) => Self::try_new(number(first)?, number(last)?, step.unwrap_or(1)),
            None => {
                let first = number(range)?;
                Self::try_new(first, if step.is_some() { u64::MAX } else { first }, step.unwrap_or(1))
            }
        }
    }
}

impl fmt::Display for Ordinals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.last, self.step) {
            (last, 1) if last == self.first => write!(f, "{}", self.first),
            (u64::MAX, 1) => write!(f, "{}+", self.first),
            (u64::MAX, step) => write!(f, "{}+{step}", self.first),
            (last, 1) => write!(f, "{}..{last}", self.first),
            (last, step) => write!(f, "{}..{last}+{step}", self.first),
        }
    }
}

/// Which of the matching operations a rule hits; every one, until something is said.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Occurrence {
    pub(crate) ordinals: Option<Ordinals>,
    pub(crate) probability: Option<Probability>,
    pub(crate) budget: Option<u64>,
    pub(crate) at_once: Option<u32>,
    pub(crate) window: Option<(Duration, Duration)>,
}

/// The most operations that can be limited at once; the gate keeps the count in 22 bits.
pub(crate) const MOST_AT_ONCE: u32 = (1 << 22) - 1;

impl Occurrence {
    /// Each matching operation with this chance.
    ///
    /// # Errors
    /// Not in 0..=1.
    pub fn probability(mut self, chance: impl Into<f64>) -> Result<Self> {
        self.probability = Some(Probability::try_new(chance)?);
        Ok(self)
    }

    /// The operations with these numbers.
    ///
    /// # Errors
    /// Numbers were chosen already: the second choice would silently undo the first.
    pub fn ordinals(mut self, ordinals: Ordinals) -> Result<Self> {
        if let Some(already) = self.ordinals {
            return Err(Error::invalid(format!(
                "operations {already} are chosen already: say one of first, every and nth"
            )));
        }
        self.ordinals = Some(ordinals);
        Ok(self)
    }

    /// At most `hits` in all.
    ///
    /// # Errors
    /// Zero: such a rule could never hit.
    pub fn budget(mut self, hits: u64) -> Result<Self> {
        if hits == 0 {
            return Err(Error::invalid("a budget of 0 hits never hits: use 1 or more"));
        }
        self.budget = Some(hits);
        Ok(self)
    }

    /// At most `operations` under this rule at the same time, 1 to 4,194,303.
    ///
    /// # Errors
    /// Out of range.
    pub fn at_once(mut self, operations: u32) -> Result<Self> {
        if !(1..=MOST_AT_ONCE).contains(&operations) {
            return Err(Error::invalid(format!(
                "{operations} operations at once is not in 1..={MOST_AT_ONCE}"
            )));
        }
        self.at_once = Some(operations);
        Ok(self)
    }

    /// Only in this stretch of time since the rule was armed.
    ///
    /// # Errors
    /// An empty or reversed stretch.
    pub fn window(mut self, since_armed: impl RangeBounds<Duration>) -> Result<Self> {
        let from = match since_armed.start_bound() {
            Bound::Included(from) | Bound::Excluded(from) => *from,
            Bound::Unbounded => Duration::ZERO,
        };
        let until = match since_armed.end_bound() {
            Bound::Included(until) | Bound::Excluded(until) => *until,
            Bound::Unbounded => Duration::MAX,
        };
        if from >= until {
            return Err(Error::invalid(format!(
                "window {from:?}..{until:?} is empty: it must end after it starts"
            )));
        }
        self.window = Some((from, until));
        Ok(self)
    }

    /// The dice's threshold: a draw below it is a hit. `None` when every draw is.
    pub(crate) fn threshold(&self) -> Option<u64> {
        let chance = self.probability?.value();
        // 2^64 as a float; a chance of 1 is every draw, which a u64 threshold could not say.
        (chance < 1.0).then_some((chance * 18_446_744_073_709_551_616.0) as u64)
    }
}

impl fmt::Display for Occurrence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if let Some(ordinals) = self.ordinals {
            parts.push(format!("operations {ordinals}"));
        }
        if let Some(chance) = self.probability {
            parts.push(format!("probability {chance}"));
        }
        if let Some(hits) = self.budget {
            parts.push(format!("at most {hits} hits"));
        }
        if let Some(operations) = self.at_once {
            parts.push(format!("at most {operations} at once"));
        }
        match self.window {
            Some((from, Duration::MAX)) => parts.push(format!("from {from:?} on")),
            Some((from, until)) => parts.push(format!("from {from:?} to {until:?}")),
            None => {}
        }
        if parts.is_empty() {
            parts.push("every operation".to_owned());
        }
        f.write_str(&parts.join(", "))
    }
}
