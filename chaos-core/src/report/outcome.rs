//! [`Outcome`]: the six ways an experiment can end. Only one of them is a success.
//!
//! ```
//! use chaos_core::report::Outcome;
//! assert_eq!(Outcome::CleanupFailed.to_string(), "cleanup failed");
//! assert_eq!(Outcome::Inconclusive.exit_code(), 5);
//! ```

use std::fmt;

use serde::{Deserialize, Serialize};

/// How an experiment ended. May grow.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Outcome {
    /// The faults took effect, and the hypothesis held before, during and after.
    Held,
    /// The hypothesis failed.
    Broken,
    /// Nothing was proved: a fault hit nothing or was not seen, or a probe had nothing to read.
    Inconclusive,
    /// Stopped before its end, and everything was taken back.
    Aborted,
    /// Not begun: nothing was touched.
    Refused,
    /// Something could not be taken back.
    CleanupFailed,
}

impl Outcome {
    /// The exit code of a program that ran the experiment: 0 held, 1 broken, 2 refused, 3 aborted and clean,
    /// 4 leftovers remain, 5 inconclusive.
    pub fn exit_code(self) -> u8 {
        match self {
            Self::Held => 0,
            Self::Broken => 1,
            Self::Refused => 2,
            Self::Aborted => 3,
            Self::CleanupFailed => 4,
            Self::Inconclusive => 5,
        }
    }

    /// What that means, in one plain sentence.
    pub fn verdict(self) -> &'static str {
        match self {
            Self::Held => "The system stayed within its tolerances before, during and after the faults.",
            Self::Broken => "The system left its tolerances: the hypothesis does not hold.",
            Self::Inconclusive => "The experiment ran, but its result proves nothing either way.",
            Self::Aborted => "The experiment was stopped early, and everything was taken back.",
            Self::Refused => "The experiment was refused before any effect: nothing was touched.",
            Self::CleanupFailed => "Something could not be taken back: leftovers need a sweep or a hand.",
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Held => "held",
            Self::Broken => "broken",
            Self::Inconclusive => "inconclusive",
            Self::Aborted => "aborted",
            Self::Refused => "refused",
            Self::CleanupFailed => "cleanup failed",
        })
    }
}
