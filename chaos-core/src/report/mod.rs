//! [`Report`]: the value an experiment ends in, and the forms people and programs read it in.
//!
//! The runner fills it; everything here is plain data, so that a test can build one, a program can read one back, and
//! every form says the same. `Display` is the form for a terminal and always there. The feature `report` adds JSON,
//! Markdown and one self-contained HTML page, the feature `junit` the XML that CI servers read.
//!
//! | file | what it holds |
//! |---|---|
//! | `outcome` | how an experiment can end, and the exit code of a program that ran it |
//! | `step` | one fault: asked, allowed and achieved, its targets, who takes it back |
//! | `probe` | one probe: its tolerance and a bounded number of its readings |
//! | `timeline` | latency and errors of a measured client over time, and when faults were in force |
//! | `time` | timestamps and durations as JSON has them |
//! | `form`, `html` | the forms |
//!
//! ```
//! use std::time::SystemTime;
//! use chaos_core::report::{Outcome, Report};
//!
//! let mut report = Report::new("checkout survives a slow payment service", Outcome::Broken, 7, SystemTime::UNIX_EPOCH);
//! report.reason = Some("p99 of payments was 412 ms, wanted at most 200 ms".into());
//! assert!(!report.held());
//! assert_eq!(report.outcome().exit_code(), 1);
//! assert!(report.to_string().starts_with("BROKEN  checkout survives"));
//! ```

mod form;
#[cfg(feature = "report")]
mod html;
mod outcome;
mod probe;
mod step;
mod time;
mod timeline;

use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

pub use outcome::Outcome;
pub use probe::{MOST_READINGS, Phase, ProbeReport, Reading};
pub use step::{Protected, StepReport, TargetReport, TargetState};
pub use time::Timestamp;
pub use timeline::{FaultWindow, Timeline, TimelinePoint};

/// The version of the JSON form that this crate writes and reads.
pub const SCHEMA: &str = "chaos/report/1";

/// What an experiment did, what came of it, and how to run it again.
///
/// Offsets in it count from [`started`](Report::started).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
#[must_use = "a report says whether the hypothesis held: look at `held()` or `outcome()`"]
pub struct Report {
    /// The version of the JSON form, always [`SCHEMA`].
    #[serde(with = "time::schema")]
    pub schema: String,
    /// What was claimed, in the words of the experiment.
    pub title: String,
    /// How it ended.
    pub outcome: Outcome,
    /// Why it ended so, in one line; absent when it held.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The seed of every random draw.
    pub seed: u64,
    /// One line that runs the same experiment again.
    pub replay: String,
    /// When it began.
    pub started: Timestamp,
    /// How long it took, reverts included.
    #[serde(rename = "elapsed_ms", with = "time::millis")]
    pub elapsed: Duration,
    /// The cap over all faults, in words.
    pub blast_radius: String,
    /// One per fault.
    #[serde(default)]
    pub steps: Vec<StepReport>,
    /// One per probe of the hypothesis.
    #[serde(default)]
    pub probes: Vec<ProbeReport>,
    /// What a measured client saw.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeline: Option<Timeline>,
    /// What happened when.
    #[serde(default)]
    pub marks: Vec<Mark>,
    /// Warnings: what the reader should know before trusting the outcome.
    #[serde(default)]
    pub notes: Vec<String>,
}

impl Report {
    /// A report without faults, probes or marks; the rest is filled through the fields.
    pub fn new(title: impl Into<String>, outcome: Outcome, seed: u64, started: SystemTime) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            title: title.into(),
            outcome,
            reason: None,
            seed,
            replay: String::new(),
            started: started.into(),
            elapsed: Duration::ZERO,
            blast_radius: String::new(),
            steps: Vec::new(),
            probes: Vec::new(),
            timeline: None,
            marks: Vec::new(),
            notes: Vec::new(),
        }
    }

    /// Whether the hypothesis held. Inconclusive, aborted and refused are not held.
    #[must_use]
    pub fn held(&self) -> bool {
        self.outcome == Outcome::Held
    }

    /// How the experiment ended.
    pub fn outcome(&self) -> Outcome {
        self.outcome
    }

    /// Adds a line to what happened when; `at` counts from the start.
    pub fn mark(&mut self, at: Duration, text: impl Into<String>) {
        self.marks.push(Mark { at, text: text.into() });
    }
}

/// Something that happened: "injected slow payments", "aborted: error rate 12 %".
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Mark {
    /// When, from the start of the experiment.
    #[serde(rename = "at_ms", with = "time::millis")]
    pub at: Duration,
    /// What, in one line.
    pub text: String,
}

impl Mark {
    /// `text` happened at `at`, from the start of the experiment.
    pub fn new(at: Duration, text: impl Into<String>) -> Self {
        Self { at, text: text.into() }
    }
}
