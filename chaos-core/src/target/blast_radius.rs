//! [`BlastRadius`]: the hard cap above any selector or mode.

use std::collections::BTreeSet;
use std::fmt;

use super::Target;
use super::mode::some_percent;
use crate::error::{Error, Result};
use crate::occurrence::MOST_AT_ONCE;
use crate::units::Percent;

/// Never more than this share, or this many, of a population of targets under fault, at any moment.
///
/// | | stateful faults | inline faults |
/// |---|---|---|
/// | population | the selected targets that are not protected | the operations at the point that match |
/// | percent | `floor(p x population)` | `hits <= floor(p x matching operations seen so far)`, always |
/// | count | targets at once, over all faults of the experiment | operations under fault at once |
///
/// It reduces what mode or occurrence asked for and never widens it. A cap that leaves nobody refuses the run.
///
/// ```
/// use chaos_core::target::BlastRadius;
/// let radius = BlastRadius::count(3)?.and_percent(40)?.protecting(["primary"])?;
/// assert_eq!(radius.to_string(), "at most 3 and 40 % at once, never primary");
/// # Ok::<(), chaos_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlastRadius {
    pub(crate) percent: Option<Percent>,
    pub(crate) count: Option<u32>,
    protected: BTreeSet<String>,
}

impl BlastRadius {
    /// At most this share.
    ///
    /// # Errors
    /// Not in 0..=100, or 0.
    pub fn percent(percent: impl Into<f64>) -> Result<Self> {
        Self { percent: None, count: None, protected: BTreeSet::new() }.and_percent(percent)
    }

    /// At most this many at once, 1 to 4,194,303.
    ///
    /// # Errors
    /// Out of range.
    pub fn count(count: u32) -> Result<Self> {
        Self { percent: None, count: None, protected: BTreeSet::new() }.and_count(count)
    }

    /// And at most this share; said twice, the smaller holds.
    ///
    /// # Errors
    /// Not in 0..=100, or 0.
    pub fn and_percent(mut self, percent: impl Into<f64>) -> Result<Self> {
        let percent = some_percent("blast radius", percent)?;
        self.percent = Some(self.percent.map_or(percent, |already| already.min(percent)));
        Ok(self)
    }

    /// And at most this many at once; said twice, the smaller holds.
    ///
    /// # Errors
    /// Zero, or over 4,194,303.
    pub fn and_count(mut self, count: u32) -> Result<Self> {
        if !(1..=MOST_AT_ONCE).contains(&count) {
            return Err(Error::invalid(format!(
                "a blast radius of {count} targets is not in 1..={MOST_AT_ONCE}"
            )));
        }
        self.count = Some(self.count.map_or(count, |already| already.min(count)));
        Ok(self)
    }

    /// And never these, by name or identity.
    ///
    /// # Errors
    /// An empty name.
    pub fn protecting<N: Into<String>>(mut self, names: impl IntoIterator<Item = N>) -> Result<Self> {
        for name in names {
            let name = name.into();
            if name.is_empty() {
                return Err(Error::invalid("a protected target needs a name that is not empty"));
            }
            self.protected.insert(name);
        }
        Ok(self)
    }

    /// Why this target must not be hit, if it must not.
    pub(crate) fn protects<T: Target>(&self, target: &T) -> Option<String> {
        if self.protected.contains(&target.id()) || self.protected.contains(&target.name()) {
            return Some("protected by the blast radius".to_owned());
        }
        target.protected()
    }

    /// How many of `population` may be under fault at once.
    pub fn allows(&self, population: u64) -> u64 {
        let share = self.percent.map_or(population, |percent| percent.floor_of(population));
        share.min(self.count.map_or(population, u64::from))
    }
}

impl fmt::Display for BlastRadius {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.count, self.percent) {
            (Some(count), Some(percent)) => write!(f, "at most {count} and {percent} at once")?,
            (Some(count), None) => write!(f, "at most {count} at once")?,
            (None, Some(percent)) => write!(f, "at most {percent} at once")?,
            (None, None) => f.write_str("no cap")?,
        }
        if !self.protected.is_empty() {
            let names: Vec<&str> = self.protected.iter().map(String::as_str).collect();
            write!(f, ", never {}", names.join(", "))?;
        }
        Ok(())
    }
}
