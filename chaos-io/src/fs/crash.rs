//! [`Crash`]: what a crash left, and the way on.

use std::fmt;
use std::path::{Path, PathBuf};

use super::chaos_fs::ChaosFs;

/// What a crash left of what was not synced.
///
/// It is printed with a line for each operation on names that was undone, and for each file that was not synced.
#[derive(Debug)]
#[must_use = "the file system is dead: go on with `reopen`"]
pub struct Crash {
    found: Found,
    next: ChaosFs,
}

#[derive(Debug)]
pub(super) struct Found {
    pub(super) seed: u64,
    pub(super) number: u64,
    pub(super) undone: Vec<String>,
    pub(super) files: Vec<CrashedFile>,
}

/// A file that was not synced when the power failed, and has a name after it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CrashedFile {
    /// From the root, as it is called after the crash.
    pub path: PathBuf,
    /// Its length when it was synced last, in bytes.
    pub synced_len: u64,
    /// Its length before the crash.
    pub written_len: u64,
    /// Its length after the crash.
    pub len: u64,
    /// How many pages of 4,096 bytes were written to, or cut off, since it was synced.
    pub unsynced_pages: usize,
    /// Of these, those that are not as they were before the crash.
    pub stale_pages: usize,
    /// Of these, those that are as they were at no moment: some sectors of 512 bytes are older than others.
    pub torn_pages: usize,
}

impl Crash {
    pub(super) fn new(found: Found, next: ChaosFs) -> Self {
        Self { found, next }
    }

    /// The file system after the crash: the same root, the same point with its rules, a fresh journal.
    pub fn reopen(&self) -> ChaosFs {
        self.next.clone()
    }

    /// The seed that replays it, after the same operations.
    pub fn seed(&self) -> u64 {
        self.found.seed
    }

    /// The operations on names that were undone, in words and in the order they were made: `create wal/2.log`,
    /// `rename a to b`.
    pub fn undone(&self) -> &[String] {
        &self.found.undone
    }

    /// The files that were not synced.
    pub fn files(&self) -> &[CrashedFile] {
        &self.found.files
    }

    /// The file that has this path after the crash, if it was not synced.
    pub fn file(&self, path: impl AsRef<Path>) -> Option<&CrashedFile> {
        self.found.files.iter().find(|file| file.path == path.as_ref())
    }

    /// Whether something that was done before is not to be found after it.
    pub fn lost_something(&self) -> bool {
        !self.found.undone.is_empty() || self.found.files.iter().any(CrashedFile::lost_something)
    }
}

impl CrashedFile {
    fn lost_something(&self) -> bool {
        self.stale_pages > 0 || self.len != self.written_len
    }
}

impl fmt::Display for Crash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Found { seed, number, undone, files } = &self.found;
        write!(f, "crash {number} (seed {seed}): ")?;
        if !self.lost_something() {
            return f.write_str("nothing was lost");
        }
        let lost: Vec<_> = files.iter().filter(|file| file.lost_something()).collect();
        let several = |number: usize| if number == 1 { "" } else { "s" };
        if !undone.is_empty() {
            write!(f, "{} operation{} on names undone", undone.len(), several(undone.len()))?;
        }
        if !lost.is_empty() {
            let comma = if undone.is_empty() { "" } else { ", " };
            write!(f, "{comma}{} file{} lost writes", lost.len(), several(lost.len()))?;
        }
        undone.iter().try_for_each(|what| write!(f, "\n  undone: {what}"))?;
        lost.iter().try_for_each(|file| write!(f, "\n  {file}"))
    }
}

impl fmt::Display for CrashedFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, synced_len, written_len, len, unsynced_pages, stale_pages, torn_pages } = self;
        write!(f, "{}: {len} bytes, were {written_len}, {synced_len} at its sync", path.display())?;
        write!(f, "; {stale_pages} of {unsynced_pages} unsynced pages old")?;
        if *torn_pages > 0 { write!(f, ", {torn_pages} torn") } else { Ok(()) }
    }
}
