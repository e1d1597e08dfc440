//! [`Swept`]: what a sweep did, and what it had to leave.

use std::fmt;

use super::found::{Found, Kept, Live};
use super::table::Table;
use crate::error::Error;

/// What a sweep did. Printed, it is a line of figures and a table.
#[derive(Debug, Default)]
#[must_use = "a sweep that is not clean has left something behind"]
pub struct Swept {
    pub(super) reverted: Vec<Found>,
    pub(super) failed: Vec<Failed>,
    pub(super) unknown: Vec<Found>,
    pub(super) live: Vec<Live>,
    pub(super) kept: Vec<Kept>,
    pub(super) removed: usize,
}

/// An entry that could not be taken back. It is kept for the next sweep.
#[derive(Debug)]
pub struct Failed {
    pub(super) found: Found,
    pub(super) error: Error,
}

impl Failed {
    /// The entry.
    pub fn found(&self) -> &Found {
        &self.found
    }

    /// Why.
    pub fn error(&self) -> &Error {
        &self.error
    }
}

impl Swept {
    /// Reverted and seen to be gone, in the order it was done.
    pub fn reverted(&self) -> &[Found] {
        &self.reverted
    }

    /// Not reverted: an error, a timeout, still there after the revert, or waiting for a newer one.
    pub fn failed(&self) -> &[Failed] {
        &self.failed
    }

    /// Of kinds that are not registered: kept for a program that knows them.
    pub fn unknown(&self) -> &[Found] {
        &self.unknown
    }

    /// Left alone, because a run or another sweep holds them.
    pub fn live(&self) -> &[Live] {
        &self.live
    }

    /// Files and lines that cannot be read, trusted, written or removed.
    pub fn kept(&self) -> &[Kept] {
        &self.kept
    }

    /// How many files were done and removed.
    pub fn removed(&self) -> usize {
        self.removed
    }

    /// Whether nothing is left of dead runs. Live runs do not count.
    pub fn is_clean(&self) -> bool {
        self.failed.is_empty() && self.unknown.is_empty() && self.kept.is_empty()
    }
}

impl fmt::Display for Swept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{}: {} reverted, {} failed, {} unknown, {} live, {} kept, {} files removed",
            if self.is_clean() { "clean" } else { "not clean" },
            self.reverted.len(),
            self.failed.len(),
            self.unknown.len(),
            self.live.len(),
            self.kept.len(),
            self.removed,
        )?;
        let mut rows = Rows::new();
        self.reverted.iter().for_each(|found| rows.found("reverted", found, String::new()));
        self.failed.iter().for_each(|failed| rows.found("failed", &failed.found, failed.error.chain()));
        rows.unknown(&self.unknown);
        rows.live(&self.live);
        rows.kept(&self.kept);
        rows.fmt(f)
    }
}

/// The table of a sweep and of a survey.
pub(super) struct Rows(Table<5>);

impl Rows {
    pub(super) fn new() -> Self {
        Self(Table::new(["STATE", "ENTRY", "RECORDED", "WHAT", "NOTE"]))
    }

    pub(super) fn found(&mut self, state: &str, found: &Found, note: String) {
        let boot = if found.same_boot() { "" } else { " (other boot)" };
        let recorded = format!("{}{boot}", humantime::format_rfc3339_seconds(found.recorded()));
        self.0.row([state.into(), found.id().to_string(), recorded, found.entry().to_string(), note]);
    }

    pub(super) fn unknown(&mut self, unknown: &[Found]) {
        for found in unknown {
            self.found("unknown", found, format!("undo kind {} is not registered", found.entry().kind()));
        }
    }

    pub(super) fn live(&mut self, live: &[Live]) {
        for live in live {
            let what = format!("{} open", live.open_entries());
            let note = live.pid().map_or_else(String::new, |pid| format!("pid {pid}"));
            self.0.row(["live".into(), live.run().to_string(), String::new(), what, note]);
        }
    }

    pub(super) fn kept(&mut self, kept: &[Kept]) {
        for kept in kept {
            let line = kept.line().map_or_else(String::new, |line| format!(":{line}"));
            let place = format!("{}{line}", kept.path().display());
            self.0.row(["kept".into(), String::new(), String::new(), place, kept.why().to_owned()]);
        }
    }
}

impl fmt::Display for Rows {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
