//! [`ProbeReport`]: a probe, its tolerance, and a bounded number of its readings.
//!
//! ```
//! use std::time::Duration;
//! use chaos_core::report::{Phase, ProbeReport, Reading};
//!
//! let mut probe = ProbeReport::new("p99 of payments", "at most 200 ms");
//! probe.push(Reading::new(Duration::from_secs(1), Phase::Before, true, "84 ms").with_value(84.0));
//! probe.push(Reading::new(Duration::from_secs(9), Phase::During, false, "412 ms").with_value(412.0));
//! assert_eq!((probe.taken, probe.failed, probe.held), (2, 1, false));
//! ```

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::time;

/// The most readings that [`ProbeReport::push`] keeps.
pub const MOST_READINGS: usize = 240;

/// One probe of the hypothesis.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProbeReport {
    /// What is measured.
    pub name: String,
    /// What it must stay within, in words.
    pub tolerance: String,
    /// Whether it did. [`push`](ProbeReport::push) clears it on a failed reading; a runner that forgives readings (a
    /// recovery that is given time) sets it.
    pub held: bool,
    /// How many readings were taken.
    pub taken: u64,
    /// How many of them were out of tolerance or could not be taken.
    pub failed: u64,
    /// The kept ones, in the order of time: see [`push`](ProbeReport::push).
    pub readings: Vec<Reading>,
}

impl ProbeReport {
    /// A probe that has not been read.
    pub fn new(name: impl Into<String>, tolerance: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            tolerance: tolerance.into(),
            held: true,
            taken: 0,
            failed: 0,
            readings: Vec::new(),
        }
    }

    /// Adds a reading and keeps at most [`MOST_READINGS`].
    ///
    /// When there are more, every second one goes, failed ones only once they alone are too many. The first and the
    /// last of each phase, the first and the last failed one, the lowest and the highest always stay.
    pub fn push(&mut self, reading: Reading) {
        self.taken += 1;
        if !reading.ok {
            self.failed += 1;
            self.held = false;
        }
        self.readings.push(reading);
        if self.readings.len() > MOST_READINGS {
            let failed = self.readings.iter().filter(|reading| !reading.ok).count();
            self.thin(failed > MOST_READINGS / 2);
        }
    }

    fn thin(&mut self, failed_too: bool) {
        let landmarks = self.landmarks();
        let (mut index, mut odd) = (0, false);
        self.readings.retain(|reading| {
            let landmark = landmarks.contains(&index);
            index += 1;
            if landmark || (!reading.ok && !failed_too) {
                return true;
            }
            odd = !odd;
            odd
        });
    }

    fn landmarks(&self) -> BTreeSet<usize> {
        let at = |test: &dyn Fn(&Reading) -> bool| {
            [self.readings.iter().position(test), self.readings.iter().rposition(test)]
        };
        let value = |index: &usize| self.readings[*index].value;
        let measured = || (0..self.readings.len()).filter(|index| value(index).is_some_and(f64::is_finite));
        let by_value =
            |a: &usize, b: &usize| value(a).partial_cmp(&value(b)).unwrap_or(std::cmp::Ordering::Equal);
        Phase::ALL
            .iter()
            .flat_map(|phase| at(&|reading| reading.phase == *phase))
            .chain(at(&|reading| !reading.ok))
            .chain([measured().min_by(by_value), measured().max_by(by_value)])
            .flatten()
            .collect()
    }

    /// The kept readings with the lowest and the highest value.
    pub fn extremes(&self) -> Option<(&Reading, &Reading)> {
        let measured = || self.readings.iter().filter(|reading| reading.value.is_some_and(f64::is_finite));
        let by_value =
            |a: &&Reading, b: &&Reading| a.value.partial_cmp(&b.value).unwrap_or(std::cmp::Ordering::Equal);
        measured().min_by(by_value).zip(measured().max_by(by_value))
    }
}

/// One reading of a probe.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Reading {
    /// When, from the start of the experiment.
    #[serde(rename = "at_ms", with = "time::millis")]
    pub at: Duration,
    /// In which part of the experiment.
    pub phase: Phase,
    /// The number behind it, where there is one.
    #[serde(default)]
    pub value: Option<f64>,
    /// What was read, with its unit: "212 ms", "503".
    pub text: String,
    /// Whether it is within tolerance.
    pub ok: bool,
    /// Why not, or what else was seen.
    #[serde(default)]
    pub detail: String,
}

impl Reading {
    /// What was read at `at` (from the start of the experiment), with its unit, and whether it is within tolerance.
    pub fn new(at: Duration, phase: Phase, ok: bool, text: impl Into<String>) -> Self {
        Self { at, phase, value: None, text: text.into(), ok, detail: String::new() }
    }

    /// Adds the number behind the text; one that is not finite is left out, because JSON cannot hold it.
    #[must_use]
    pub fn with_value(mut self, value: f64) -> Self {
        self.value = value.is_finite().then_some(value);
        self
    }

    /// Adds why it is out of tolerance, or what else was seen.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
}

/// The part of the experiment a reading belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// Before the first fault.
    Before,
    /// While faults are in force.
    During,
    /// After the last revert.
    After,
}

impl Phase {
    /// All, in the order of time.
    pub const ALL: [Self; 3] = [Self::Before, Self::During, Self::After];
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Before => "before",
            Self::During => "during",
            Self::After => "after",
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn reading(index: usize, ok: bool, value: Option<f64>) -> Reading {
        let phase = Phase::ALL[(index / 700).min(2)];
        let mut reading = Reading::new(Duration::from_secs(index as u64), phase, ok, index.to_string());
        reading.value = value;
        reading
    }

    proptest! {
        #[test]
        fn landmarks_survive_thinning(
            taken in proptest::collection::vec((prop::bool::weighted(0.9), prop::option::of(-1e6..1e6f64)), 0..3000),
        ) {
            let mut probe = ProbeReport::new("p", "t");
            let all: Vec<_> = taken.iter().enumerate().map(|(i, (ok, v))| reading(i, *ok, *v)).collect();
            all.iter().cloned().for_each(|reading| probe.push(reading));

            prop_assert!(probe.readings.len() <= MOST_READINGS);
            prop_assert_eq!(probe.taken, all.len() as u64);
            prop_assert_eq!(probe.failed, all.iter().filter(|r| !r.ok).count() as u64);
            prop_assert!(probe.readings.windows(2).all(|pair| pair[0].at < pair[1].at));
            for phase in Phase::ALL {
                let of = |readings: &[Reading]| {
                    let mut of = readings.iter().filter(|r| r.phase == phase).cloned();
                    (of.next(), of.next_back())
                };
                prop_assert_eq!(of(&probe.readings), of(&all));
            }
            let failed = |readings: &[Reading]| {
                (readings.iter().find(|r| !r.ok).cloned(), readings.iter().rfind(|r| !r.ok).cloned())
            };
            prop_assert_eq!(failed(&probe.readings), failed(&all));
            let values = |readings: &[Reading]| {
                let of = readings.iter().filter_map(|r| r.value);
                (of.clone().reduce(f64::min), of.reduce(f64::max))
            };
            prop_assert_eq!(values(&probe.readings), values(&all));
        }
    }

    #[test]
    fn only_failures_are_thinned_too_and_few_failures_all_stay() {
        let mut broken = ProbeReport::new("p", "t");
        (0..5000).for_each(|i| broken.push(reading(i, false, None)));
        assert!(broken.readings.len() <= MOST_READINGS);
        assert!(broken.readings.len() >= MOST_READINGS / 3);

        let mut flaky = ProbeReport::new("p", "t");
        (0..5000).for_each(|i| flaky.push(reading(i, i % 100 != 0, None)));
        assert_eq!(flaky.readings.iter().filter(|r| !r.ok).count(), 50);
    }
}
