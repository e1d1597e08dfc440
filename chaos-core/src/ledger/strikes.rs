//! [`Strikes`]: what a sweep has reverted and not struck off yet, so that many strikes cost one flush.
//!
//! Strikes become durable in the order of the reverts: what waits is of one file and goes into one line, which a crash
//! leaves whole or not at all. So after a crash the open entries are always those that a sweep reverts *last*, and with
//! them some that it has reverted already: they are reverted once more, newest first as before. Were an older change
//! struck before a newer one of another run to the same target, the second revert of the newer would bring the older
//! back, and nothing would take it away.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use tokio::time::{Instant, timeout_at};

use super::found::{Found, Kept};
use super::run_file::RunFile;
use super::swept::Swept;
use crate::error::Error;
use crate::units::ms;

/// At most so many reverts are made again after a crash.
const MOST: usize = 64;
/// No strike waits longer for others, also not while the next revert takes its time.
const LONGEST: Duration = ms(50);

/// The file of a dead run in a sweep.
#[derive(Debug)]
pub(super) struct Held {
    file: RunFile,
    /// Entries that are not reverted.
    left: usize,
    damaged: bool,
    unstruck: Option<Error>,
}

impl Held {
    pub(super) fn new(file: RunFile, left: usize, damaged: bool) -> Self {
        Self { file, left, damaged, unstruck: None }
    }

    fn finish(self, swept: &mut Swept) {
        let path = self.file.path();
        let trouble = if self.left == 0 && !self.damaged {
            self.file.remove().inspect(|()| swept.removed += 1).err()
        } else {
            self.unstruck.map(|err| err.context("what was reverted could not be struck"))
        };
        swept.kept.extend(trouble.map(|err| Kept { path, line: None, why: err.chain() }));
    }
}

/// Reverted entries of one file that are to be struck with one flush.
#[derive(Debug)]
struct Waiting {
    held: usize,
    seqs: Vec<u64>,
    until: Instant,
}

/// The files of a sweep, and the strikes that wait. Dropped, it strikes them.
#[derive(Debug)]
pub(super) struct Strikes {
    files: Vec<Held>,
    waiting: Option<Waiting>,
}

impl Strikes {
    pub(super) fn new(files: Vec<Held>) -> Self {
        Self { files, waiting: None }
    }

    /// Does `revert`, and flushes meanwhile when it is time.
    pub(super) async fn during<T>(&mut self, revert: impl Future<Output = T>) -> T {
        let mut revert = pin!(revert);
        if let Some(until) = self.waiting.as_ref().map(|waiting| waiting.until) {
            if let Ok(done) = timeout_at(until, revert.as_mut()).await {
                return done;
            }
            self.flush();
        }
        revert.await
    }

    /// `found`, of the file `held`, was seen to be gone.
    pub(super) fn add(&mut self, held: usize, found: &Found) {
        self.files[held].left -= 1;
        if self.waiting.as_ref().is_some_and(|waiting| waiting.held != held) {
            self.flush();
        }
        let now = Instant::now();
        let fresh = || Waiting { held, seqs: Vec::with_capacity(MOST), until: now + LONGEST };
        let waiting = self.waiting.get_or_insert_with(fresh);
        waiting.seqs.push(found.id().number());
        if waiting.seqs.len() == MOST || now >= waiting.until {
            self.flush();
        }
    }

    /// Strikes what waits and removes the files that are done.
    pub(super) fn finish(mut self, swept: &mut Swept) {
        self.flush();
        for held in std::mem::take(&mut self.files) {
            held.finish(swept);
        }
    }

    fn flush(&mut self) {
        let Some(Waiting { held, seqs, .. }) = self.waiting.take() else { return };
        let held = &mut self.files[held];
        // Not the end: removing the file needs no room, and reverting once more does no harm.
        held.unstruck = held.file.strike(seqs).err().or(held.unstruck.take());
    }
}

impl Drop for Strikes {
    fn drop(&mut self) {
        self.flush();
    }
}
