//! Writing to the end of a file so that what is acknowledged is on the disk, and what is not leaves no trace.

use std::fs::File;
use std::io::{self, Write};

use crate::error::{Error, Result};

/// The three calls on a file that decide what survives; a seam, so that tests can count and break them.
pub(super) trait Medium: Send {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()>;
    fn sync(&mut self) -> io::Result<()>;
    fn cut(&mut self, len: u64) -> io::Result<()>;
}

impl Medium for File {
    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        Write::write_all(self, bytes)
    }

    // fdatasync(2): also flushes the new length, without which the data could not be read. On Apple F_FULLFSYNC.
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, len: u64) -> io::Result<()> {
        self.set_len(len)
    }
}

/// The end of one ledger file. Opened with `O_APPEND`; nobody else writes, by the lock.
pub(super) struct Appender {
    medium: Box<dyn Medium>,
    len: u64,
    broken: Option<&'static str>,
}

impl Appender {
    pub(super) fn new(medium: Box<dyn Medium>, len: u64) -> Self {
        Self { medium, len, broken: None }
    }

    pub(super) fn len(&self) -> u64 {
        self.len
    }

    /// One write, one sync. On an error nothing counts as written.
    pub(super) fn append(&mut self, bytes: &[u8]) -> Result<()> {
        self.usable()?;
        // Stands if a panic leaves this function in the middle.
        self.broken = Some("a write did not come back");
        if let Err(err) = self.medium.put(bytes) {
            // A part may have been written: later lines must not be glued to it.
            self.broken = match self.medium.cut(self.len) {
                Ok(()) => None,
                Err(_) => Some("a write failed and the part of it that was written could not be cut off"),
            };
            let what = "the ledger could not be written and nothing was recorded: make room and try again";
            return Err(Error::ledger(what).with_source(err));
        }
        self.sync()?;
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// Cuts the file to `len` bytes, durably.
    pub(super) fn cut(&mut self, len: u64) -> Result<()> {
        self.usable()?;
        self.broken = Some("a cut did not come back");
        if let Err(err) = self.medium.cut(len) {
            // The file is as it was.
            self.broken = None;
            return Err(Error::ledger("the ledger could not be cut: check its disk").with_source(err));
        }
        self.sync()?;
        self.len = len;
        Ok(())
    }

    fn sync(&mut self) -> Result<()> {
        match self.medium.sync() {
            Ok(()) => {
                self.broken = None;
                Ok(())
            }
            // The kernel may drop the dirty pages and report success the next time, so a second try proves nothing.
            Err(err) => {
                self.broken = Some("an fsync failed, so what is on the disk is not known");
                Err(Error::ledger("the ledger could not be flushed and takes no more: end the run and sweep")
                    .with_source(err))
            }
        }
    }

    fn usable(&self) -> Result<()> {
        match self.broken {
            None => Ok(()),
            Some(why) => {
                Err(Error::ledger(format!("the ledger takes no more, {why}: end the run and sweep")))
            }
        }
    }
}

impl std::fmt::Debug for Appender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Appender")
            .field("len", &self.len)
            .field("broken", &self.broken)
            .finish_non_exhaustive()
    }
}
