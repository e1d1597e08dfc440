//! What a look into a ledger's directory finds: [`Found`], [`Live`], [`Kept`].

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::boot::{self, BootId};
use super::entry::{Entry, EntryId};
use super::format::{Header, Record};
use super::run_id::RunId;

/// An open entry of a dead run.
#[derive(Debug, Clone)]
pub struct Found {
    id: EntryId,
    entry: Entry,
    at_ns: u64,
    same_boot: bool,
}

impl Found {
    pub(super) fn new(run: RunId, header: Option<&Header>, boot: &BootId, record: Record) -> Self {
        let same_boot = header.is_some_and(|header| header.boot.is_same(boot));
        let id = EntryId { run, seq: record.seq };
        Self { id, entry: record.entry, at_ns: record.at_ns, same_boot }
    }

    pub(super) fn at_ns(&self) -> u64 {
        self.at_ns
    }

    /// Its place.
    pub fn id(&self) -> EntryId {
        self.id
    }

    /// The undo, and what it is about.
    pub fn entry(&self) -> &Entry {
        &self.entry
    }

    /// When it was recorded, by the wall clock of then.
    pub fn recorded(&self) -> SystemTime {
        boot::wall_time(self.at_ns)
    }

    /// Whether the machine has not been restarted since. False also when that cannot be told.
    pub fn same_boot(&self) -> bool {
        self.same_boot
    }
}

/// A ledger that is held: by a run that lives, or by another sweep.
#[derive(Debug, Clone)]
pub struct Live {
    pub(super) run: RunId,
    pub(super) path: PathBuf,
    pub(super) pid: Option<u32>,
    pub(super) open: usize,
}

impl Live {
    /// The run.
    pub fn run(&self) -> RunId {
        self.run
    }

    /// Its file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The process that began the run, in its own pid namespace; none while its header is being written.
    pub fn pid(&self) -> Option<u32> {
        self.pid
    }

    /// How many undos were open at the look.
    pub fn open_entries(&self) -> usize {
        self.open
    }
}

/// A file, or a line of one, that stays because it cannot be read, trusted, written or removed. Nothing is deleted that
/// could not be undone.
#[derive(Debug, Clone)]
pub struct Kept {
    pub(super) path: PathBuf,
    pub(super) line: Option<usize>,
    pub(super) why: String,
}

impl Kept {
    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The line, counted from 1; none when it is the whole file.
    pub fn line(&self) -> Option<usize> {
        self.line
    }

    /// Why, and what to do.
    pub fn why(&self) -> &str {
        &self.why
    }
}
