//! [`Conformance`]: which promises of the contract a fault keeps.

use std::fmt;

/// What the conformance suite found, check by check.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use = "look at it, or `assert_passed`"]
pub struct Conformance {
    fault: String,
    checks: Vec<(&'static str, Finding)>,
}

/// What one check found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The promise was kept.
    Passed,
    /// The promise was broken: what was asked for and what was seen.
    Failed(String),
    /// The check says nothing about this fault, and why.
    NotRun(String),
}

impl Conformance {
    pub(super) fn new(fault: String) -> Self {
        Self { fault, checks: Vec::new() }
    }

    pub(super) fn add(&mut self, check: &'static str, found: Result<(), String>) {
        self.checks.push((check, found.map_or_else(Finding::Failed, |()| Finding::Passed)));
    }

    pub(super) fn not_run(&mut self, check: &'static str, reason: impl Into<String>) {
        self.checks.push((check, Finding::NotRun(reason.into())));
    }

    /// Every check in order, with what it found.
    pub fn checks(&self) -> impl Iterator<Item = (&'static str, &Finding)> {
        self.checks.iter().map(|(check, finding)| (*check, finding))
    }

    /// The checks that failed.
    pub fn failed(&self) -> Vec<&'static str> {
        self.checks()
            .filter(|(_, finding)| matches!(finding, Finding::Failed(_)))
            .map(|(check, _)| check)
            .collect()
    }

    /// Whether no check failed. A check that could not be run is not a failure; the report names it.
    pub fn passed(&self) -> bool {
        self.failed().is_empty()
    }

    /// Ends the test with the report where a check failed.
    ///
    /// # Panics
    /// When a check failed: it is an assertion.
    #[track_caller]
    pub fn assert_passed(&self) {
        assert!(self.passed(), "{self}");
    }
}

impl fmt::Display for Conformance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let failed = self.failed().len();
        write!(f, "conformance of {}: ", self.fault)?;
        match failed {
            0 => f.write_str("passed")?,
            n => write!(f, "{n} of {} checks failed", self.checks.len())?,
        }
        for (check, finding) in self.checks() {
            match finding {
                Finding::Passed => write!(f, "\n  passed   {check}")?,
                Finding::Failed(why) => write!(f, "\n  FAILED   {check}: {why}")?,
                Finding::NotRun(reason) => write!(f, "\n  not run: {check}: {reason}")?,
            }
        }
        Ok(())
    }
}
