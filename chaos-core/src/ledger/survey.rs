//! [`Survey`]: what a sweep would do.

use std::fmt;

use super::found::{Found, Kept, Live};
use super::swept::Rows;

/// What a sweep would do: a look that changed nothing. Printed, it is a line of figures and a table.
#[derive(Debug, Default)]
#[must_use = "a survey is there to be read"]
pub struct Survey {
    pub(super) open: Vec<Found>,
    pub(super) unknown: Vec<Found>,
    pub(super) live: Vec<Live>,
    pub(super) kept: Vec<Kept>,
}

impl Survey {
    /// What would be reverted, in the order it would be done.
    pub fn open(&self) -> &[Found] {
        &self.open
    }

    /// Of kinds that are not registered.
    pub fn unknown(&self) -> &[Found] {
        &self.unknown
    }

    /// What a run or a sweep holds.
    pub fn live(&self) -> &[Live] {
        &self.live
    }

    /// Files and lines that cannot be read or trusted.
    pub fn kept(&self) -> &[Kept] {
        &self.kept
    }

    /// Whether dead runs have left nothing.
    pub fn is_clean(&self) -> bool {
        self.open.is_empty() && self.unknown.is_empty() && self.kept.is_empty()
    }
}

impl fmt::Display for Survey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} to revert, {} unknown, {} live, {} kept",
            if self.is_clean() { "clean" } else { "not clean" },
            self.open.len(),
            self.unknown.len(),
            self.live.len(),
            self.kept.len(),
        )?;
        let mut rows = Rows::new();
        self.open.iter().for_each(|found| rows.found("open", found, String::new()));
        rows.unknown(&self.unknown);
        rows.live(&self.live);
        rows.kept(&self.kept);
        rows.fmt(f)
    }
}
