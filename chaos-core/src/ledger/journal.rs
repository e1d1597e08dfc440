//! [`Ledger`]: the journal of one run.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::append::Medium;
use super::boot;
use super::dir::LedgerDir;
use super::entry::{Entry, EntryId};
use super::format::{Line, Record};
use super::run_file::RunFile;
use super::run_id::RunId;
use super::undos::Undos;
use crate::error::{Error, Result};

/// With nothing open, a file beyond this many bytes is cut back to its header: 1 MiB.
const EMPTY_BEYOND: u64 = 1 << 20;

/// The write-ahead journal of one run's undos. The contract is in the [module](super).
///
/// ```
/// # use chaos_core::Result;
/// # #[derive(Debug, serde::Serialize, serde::Deserialize)]
/// # struct FileAway { path: String }
/// # impl chaos_core::Undo for FileAway {
/// #     const KIND: &'static str = "example.org/file-away/1";
/// #     type Via = ();
/// #     async fn revert(&self, (): &()) -> Result<()> { Ok(()) }
/// #     async fn is_gone(&self, (): &()) -> Result<bool> { Ok(true) }
/// # }
/// use chaos_core::{Ledger, Undos, ledger::Entry};
/// let ledger = Ledger::in_memory(Undos::none().with::<FileAway>(())?);
/// let undo = FileAway { path: "app.conf".into() };
/// let ids = ledger.record(vec![Entry::of("app.conf", "file", "moves it away", &undo)?])?;
/// // ... inject, hold, revert, observe ...
/// ledger.strike(&ids)?;
/// ledger.close()?;
/// # Ok::<(), chaos_core::Error>(())
/// ```
#[derive(Debug)]
#[must_use = "dropping a ledger ends its run: what is open is left to a sweep"]
pub struct Ledger {
    run: RunId,
    undos: Undos,
    path: Option<PathBuf>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    open: BTreeMap<u64, Entry>,
    last_seq: u64,
    last_ns: u64,
    file: Option<RunFile>,
}

impl Ledger {
    /// A ledger that dies with the process: for tests, and for faults that do too.
    pub fn in_memory(undos: Undos) -> Self {
        Self::of(RunId::fresh(), undos, None)
    }

    /// A ledger in a new file of its own in `dir`, which is made with mode 0700 if it is missing. It does not sweep:
    /// call [`sweep`](super::sweep) first to start from a known state.
    ///
    /// # Errors
    /// [`refused`](Error::is_refused) when others may write to `dir` or it is a link; [`ledger`](Error::is_ledger)
    /// when the file cannot be made, written, flushed or locked.
    pub fn open(dir: impl AsRef<Path>, undos: Undos) -> Result<Self> {
        Self::open_on(dir.as_ref(), undos, |file| Box::new(file))
    }

    pub(super) fn open_on(
        dir: &Path,
        undos: Undos,
        medium: impl FnOnce(File) -> Box<dyn Medium>,
    ) -> Result<Self> {
        let (run, file) = RunFile::create(Arc::new(LedgerDir::create(dir)?), medium)?;
        Ok(Self::of(run, undos, Some(file)))
    }

    fn of(run: RunId, undos: Undos, file: Option<RunFile>) -> Self {
        let path = file.as_ref().map(RunFile::path);
        let state = State { open: BTreeMap::new(), last_seq: 0, last_ns: 0, file };
        Self { run, undos, path, state: Mutex::new(state) }
    }

    /// The name of this run.
    pub fn run(&self) -> RunId {
        self.run
    }

    /// The kinds that this ledger takes.
    pub fn undos(&self) -> &Undos {
        &self.undos
    }

    /// The file, unless the ledger is in memory.
    pub fn path(&self) -> Option<&Path> {
        self.path.as_deref()
    }

    /// Records undos, all of them or none, with one write and one fsync. They are durable when this returns, and only
    /// then may the effects begin. The fsync runs on the calling thread.
    ///
    /// # Errors
    /// [`refused`](Error::is_refused) when a kind is not registered: nothing is written. [`ledger`](Error::is_ledger)
    /// when the file cannot be written: nothing counts as recorded; or when an earlier fsync failed.
    pub fn record(&self, entries: Vec<Entry>) -> Result<Vec<EntryId>> {
        for entry in &entries {
            self.undos.reverter(entry)?;
        }
        if entries.is_empty() {
            return Ok(Vec::new());
        }
        let mut state = self.state();
        // A clock that is set back must not change the order of one run.
        let at_ns = boot::wall_nanos().max(state.last_ns);
        let mut lines = String::new();
        let mut recorded = Vec::with_capacity(entries.len());
        for (seq, entry) in (state.last_seq + 1..).zip(entries) {
            let record = Record { seq, at_ns, entry };
            let line = Line::Record(record);
            if state.file.is_some() {
                lines.push_str(&line.encode(self.run)?);
            }
            if let Line::Record(Record { seq, entry, .. }) = line {
                recorded.push((seq, entry));
            }
        }
        if let Some(file) = &mut state.file {
            file.append(&lines)?;
        }
        state.last_ns = at_ns;
        state.last_seq += recorded.len() as u64;
        let ids = recorded.iter().map(|(seq, _)| EntryId { run: self.run, seq: *seq }).collect();
        state.open.extend(recorded);
        Ok(ids)
    }

    /// Strikes entries off, durably, with one write and one fsync. To be called when the revert was *observed*. What
    /// is struck already is left alone.
    ///
    /// # Errors
    /// [`invalid`](Error::is_invalid) for an entry of another ledger. [`ledger`](Error::is_ledger) when the file
    /// cannot be written: the entries stay open, and a sweep reverts them once more, which does no harm.
    pub fn strike(&self, ids: &[EntryId]) -> Result<()> {
        let mut state = self.state();
        if let Some(id) = ids.iter().find(|id| id.run != self.run || id.seq == 0 || id.seq > state.last_seq) {
            return Err(Error::invalid(format!(
                "entry {id} is not of run {}: strike it where it is",
                self.run
            )));
        }
        let open = ids.iter().map(|id| id.seq).filter(|seq| state.open.contains_key(seq));
        let seqs: BTreeSet<_> = open.collect();
        if seqs.is_empty() {
            return Ok(());
        }
        if let Some(file) = &mut state.file {
            file.strike(seqs.iter().copied().collect())?;
        }
        state.open.retain(|seq, _| !seqs.contains(seq));
        let nothing_open = state.open.is_empty();
        match &mut state.file {
            // The strikes are durable already, so a failure here is not one of theirs; the next record meets it.
            Some(file) if nothing_open && file.len() > EMPTY_BEYOND => {
                file.empty()
                    .unwrap_or_else(|err| tracing::warn!(%err, run = %self.run, "the ledger stays long"));
            }
            _ => {}
        }
        Ok(())
    }

    /// Reverts one entry, looks whether it is gone, and strikes it: the end of a fault in one call. What is struck
    /// already is done.
    ///
    /// # Errors
    /// Those of [`Undos::put_back`] and of [`strike`](Ledger::strike); the entry then stays open.
    ///
    /// # Panics
    /// Outside a tokio runtime with time enabled.
    pub async fn put_back(&self, id: EntryId, limit: Duration) -> Result<()> {
        let entry = self.state().open.get(&id.seq).cloned();
        if let Some(entry) = entry.filter(|_| id.run == self.run) {
            self.undos.put_back(&entry, limit).await?;
        }
        self.strike(&[id])
    }

    /// What is recorded and not struck, in the order of recording. Revert from the back.
    pub fn open_entries(&self) -> Vec<(EntryId, Entry)> {
        let state = self.state();
        state.open.iter().map(|(seq, entry)| (EntryId { run: self.run, seq: *seq }, entry.clone())).collect()
    }

    /// Ends the run: with nothing open the file is removed, durably. Dropping does the same and hides the error.
    ///
    /// # Errors
    /// [`leftover`](Error::is_leftover) when entries are open: the file stays for a sweep.
    /// [`ledger`](Error::is_ledger) when the file cannot be removed: a sweep will.
    pub fn close(self) -> Result<()> {
        self.end()
    }

    fn end(&self) -> Result<()> {
        let mut state = self.state();
        let file = state.file.take();
        let open = std::mem::take(&mut state.open).len();
        match file {
            _ if open > 0 => Err(Error::leftover(match &self.path {
                Some(path) => format!("{open} undos are open in {}: sweep its directory", path.display()),
                None => {
                    format!("{open} undos were open in a ledger in memory: revert them before closing it")
                }
            })),
            Some(file) => file.remove(),
            None => Ok(()),
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic under the lock leaves the file refusing more (`Appender`) and the map as it was.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Ledger {
    fn drop(&mut self) {
        if let Err(err) = self.end() {
            tracing::warn!(%err, run = %self.run, "a ledger was dropped");
        }
    }
}
