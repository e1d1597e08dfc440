//! The file of one run: made by the run that lives, taken over by the sweep after it died.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;

use super::append::{Appender, Medium};
use super::dir::{LedgerDir, Locked};
use super::format::{Header, Line};
use super::run_id::RunId;
use crate::error::{Error, Result};

/// A sweep may get hold of a file between its making and its locking; that this often in a row is no accident.
const ATTEMPTS: usize = 8;

#[derive(Debug)]
pub(super) struct RunFile {
    dir: Arc<LedgerDir>,
    run: RunId,
    appender: Appender,
    header_len: u64,
    /// Where a torn line of the dead run begins; cut off before anything is written behind it.
    torn_at: Option<u64>,
    // Last, so that the lock outlives the rest.
    _lock: Locked,
}

impl RunFile {
    /// A new file, its header and its name durable.
    pub(super) fn create(
        dir: Arc<LedgerDir>,
        medium: impl FnOnce(File) -> Box<dyn Medium>,
    ) -> Result<(RunId, Self)> {
        for _ in 0..ATTEMPTS {
            let run = RunId::fresh();
            let Some(lock) = dir.create_file(run)? else { continue };
            return match begin(&dir, run, &lock) {
                Ok((file, header_len)) => {
                    let appender = Appender::new(medium(file), header_len);
                    Ok((run, Self { dir, run, appender, header_len, torn_at: None, _lock: lock }))
                }
                Err(err) => {
                    // Nothing is recorded in it; a sweep removes it if this cannot.
                    let _ = dir.remove(run);
                    Err(err)
                }
            };
        }
        Err(Error::ledger("a new ledger was taken by a sweep each time: do not sweep in a tight loop"))
    }

    /// The file of a dead run. `end` is where its readable part ends.
    pub(super) fn adopt(
        dir: Arc<LedgerDir>,
        run: RunId,
        lock: Locked,
        end: u64,
        medium: impl FnOnce(File) -> Box<dyn Medium>,
    ) -> Result<Self> {
        let len = lock.0.metadata()?.len();
        let appender = Appender::new(medium(lock.0.try_clone()?), len);
        let torn_at = (end < len).then_some(end);
        Ok(Self { dir, run, appender, header_len: 0, torn_at, _lock: lock })
    }

    pub(super) fn path(&self) -> PathBuf {
        self.dir.path_of(self.run)
    }

    pub(super) fn append(&mut self, lines: &str) -> Result<()> {
        if let Some(end) = self.torn_at {
            self.appender.cut(end)?;
            self.torn_at = None;
        }
        self.appender.append(lines.as_bytes())
    }

    pub(super) fn strike(&mut self, seqs: Vec<u64>) -> Result<()> {
        self.append(&Line::Strike(seqs).encode(self.run)?)
    }

    pub(super) fn len(&self) -> u64 {
        self.appender.len()
    }

    /// Back to the header. Only when everything is struck: the strikes are durable, so whichever of the two the disk
    /// shows after a crash, nothing is open.
    pub(super) fn empty(&mut self) -> Result<()> {
        self.appender.cut(self.header_len)
    }

    /// Removes the name durably, then gives up the lock.
    pub(super) fn remove(self) -> Result<()> {
        self.dir.remove(self.run)
    }
}

fn begin(dir: &LedgerDir, run: RunId, lock: &Locked) -> Result<(File, u64)> {
    let header = Header::of_this_process(run).encode()?;
    let cannot = |err: std::io::Error| {
        Error::ledger(format!("ledger {} cannot be begun: make room", dir.path_of(run).display()))
            .with_source(err)
    };
    let mut file = lock.0.try_clone().map_err(cannot)?;
    file.write_all(header.as_bytes()).map_err(cannot)?;
    file.sync_all().map_err(cannot)?;
    dir.sync()?;
    Ok((file, header.len() as u64))
}
