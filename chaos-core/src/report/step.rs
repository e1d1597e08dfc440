//! [`StepReport`]: what one fault was asked to do, what the blast radius allowed, and what was achieved.
//!
//! ```
//! use chaos_core::fault::Owner;
//! use chaos_core::report::StepReport;
//!
//! let mut step = StepReport::new("latency 300 ms", "operation", "payments", Owner::Process);
//! step.asked = "probability 0.3".into();
//! step.allowed = "at most 10 % of matching operations".into();
//! (step.matching, step.hits, step.misses, step.capped) = (1000, 100, 700, 200);
//! assert!(step.reversible);
//! ```

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::time;
use crate::fault::Owner;

/// One fault of an experiment: asked next to allowed next to achieved.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct StepReport {
    /// What the fault does: "latency 300 ms".
    pub name: String,
    /// What blast radius counts, in the singular: "operation", "file", "pod".
    pub unit: String,
    /// What it acted on, in one line: "payments", "9 pods of shop with app=cart".
    pub target: String,
    /// How many were selected; for operations, how many of the experiment's population were seen.
    pub population: u64,
    /// What mode or occurrence asked for: "probability 0.3", "50 % of 9 files = 4".
    pub asked: String,
    /// What the cap left of it: "at most 10 % of matching operations".
    pub allowed: String,
    /// What came about: "9.8 % of matching operations".
    pub achieved: String,
    /// Operations that got the fault, or targets that were under it.
    pub hits: u64,
    /// Operations that matched; hits, misses and capped add up to it. 0 for a stateful fault.
    pub matching: u64,
    /// Operations that matched and that the occurrence let pass.
    pub misses: u64,
    /// Hits that the cap removed.
    pub capped: u64,
    /// Delay added to all operations together.
    #[serde(rename = "added_delay_ms", with = "time::millis")]
    pub added_delay: Duration,
    /// When it was first seen in force, from the start of the experiment; absent if it never was.
    #[serde(rename = "in_force_from_ms", default, with = "time::millis::opt")]
    pub in_force_from: Option<Duration>,
    /// When it was seen gone; absent if it never was.
    #[serde(rename = "in_force_until_ms", default, with = "time::millis::opt")]
    pub in_force_until: Option<Duration>,
    /// Who takes it back if the process dies.
    pub owner: Owner,
    /// Whether it can be taken back at all.
    pub reversible: bool,
    /// One per target of a stateful fault.
    #[serde(default)]
    pub targets: Vec<TargetReport>,
    /// Selected, and left alone on purpose.
    #[serde(default)]
    pub protected: Vec<Protected>,
}

impl StepReport {
    /// A step in which nothing has happened yet; the rest is filled through the fields.
    ///
    /// `unit` is what blast radius counts ([`Target::UNIT`](crate::Target::UNIT)), `target` one line on what is acted
    /// on. The step is reversible unless `owner` is [`Owner::Nobody`].
    pub fn new(
        name: impl Into<String>,
        unit: impl Into<String>,
        target: impl Into<String>,
        owner: Owner,
    ) -> Self {
        Self {
            name: name.into(),
            unit: unit.into(),
            target: target.into(),
            population: 0,
            asked: String::new(),
            allowed: String::new(),
            achieved: String::new(),
            hits: 0,
            matching: 0,
            misses: 0,
            capped: 0,
            added_delay: Duration::ZERO,
            in_force_from: None,
            in_force_until: None,
            owner,
            reversible: owner != Owner::Nobody,
            targets: Vec::new(),
            protected: Vec::new(),
        }
    }
}

/// One target of a stateful fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TargetReport {
    /// What people call it.
    pub name: String,
    /// The identity that a successor of the same name does not inherit.
    pub id: String,
    /// What was to change, from the plan.
    pub change: String,
    /// Where it stands now.
    pub state: TargetState,
    /// What was last seen, or what went wrong.
    pub detail: String,
}

impl TargetReport {
    /// One target, what was to change there, and where it stands.
    pub fn new(
        name: impl Into<String>,
        id: impl Into<String>,
        change: impl Into<String>,
        state: TargetState,
    ) -> Self {
        Self { name: name.into(), id: id.into(), change: change.into(), state, detail: String::new() }
    }

    /// Adds what was last seen, or what went wrong.
    #[must_use]
    pub fn with_detail(mut self, detail: impl Into<String>) -> Self {
        self.detail = detail.into();
        self
    }
}

/// Where a target stands at the end of an experiment. May grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TargetState {
    /// Nothing was done to it.
    Untouched,
    /// Injected, but never seen in force; taken back all the same.
    Unseen,
    /// Seen in force, then seen gone.
    Reverted,
    /// Seen in force; it cannot be taken back.
    Irreversible,
    /// It may still be in force.
    Leftover,
}

impl fmt::Display for TargetState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Untouched => "untouched",
            Self::Unseen => "not seen in force",
            Self::Reverted => "reverted",
            Self::Irreversible => "irreversible",
            Self::Leftover => "left behind",
        })
    }
}

/// A target that was selected and left alone on purpose.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Protected {
    /// What people call it.
    pub name: String,
    /// Its identity.
    pub id: String,
    /// Why it must not be hit.
    pub reason: String,
}

impl Protected {
    /// A target and why it must not be hit.
    pub fn new(name: impl Into<String>, id: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { name: name.into(), id: id.into(), reason: reason.into() }
    }
}
