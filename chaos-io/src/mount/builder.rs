//! [`Mount`]: a mount about to be made.

use std::num::NonZero;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use chaos_core::ledger::Entry;
use chaos_core::{Error, Guardian, Ledger, Point, Result};

use super::front::Front;
use super::gate::Gate;
use super::mounted::{Kept, Mounted};
use super::source::Source;
use super::undo::MountUndo;
use super::{check, device};
use crate::operation::Io;

/// A directory about to be shown at another place, its operations passing a point; see the [module](super).
#[derive(Debug, Clone)]
#[must_use = "nothing is mounted until `begin` is awaited"]
pub struct Mount {
    source: PathBuf,
    mount_point: PathBuf,
    point: Point<Io>,
    guardian: Option<Guardian>,
    lasting: Duration,
    ledger: Option<Arc<Ledger>>,
    ttl: Duration,
    direct: bool,
    threads: NonZero<usize>,
}

impl Mount {
    /// The directory `source`, to be seen at the empty directory `mount_point` as well.
    pub fn new(source: impl AsRef<Path>, mount_point: impl AsRef<Path>, point: Point<Io>) -> Self {
        Self {
            source: source.as_ref().to_owned(),
            mount_point: mount_point.as_ref().to_owned(),
            point,
            guardian: None,
            lasting: Duration::MAX,
            ledger: None,
            ttl: Duration::ZERO,
            direct: true,
            threads: Self::usual_threads(),
        }
    }

    /// Arms `guardian` before the mount: it unmounts when this process dies.
    pub fn guardian(mut self, guardian: Guardian) -> Self {
        self.guardian = Some(guardian);
        self
    }

    /// The guardian unmounts after this time too, when the mount was not ended by then: for a server that is stopped or
    /// hangs. Without it the mount has no deadline.
    pub fn lasting(mut self, duration: Duration) -> Self {
        self.lasting = duration;
        self
    }

    /// Writes the undo to `ledger` before the mount, so that a sweep unmounts what a dead run left.
    pub fn ledger(mut self, ledger: impl Into<Arc<Ledger>>) -> Self {
        self.ledger = Some(ledger.into());
        self
    }

    /// How long the kernel may answer look-ups and looks at attributes from what it was told before; zero unless said
    /// otherwise, so that rules see every one of them.
    pub fn attribute_cache(mut self, lasting: Duration) -> Self {
        self.ttl = lasting;
        self
    }

    /// Reads and writes go through the kernel's page cache: they come in pages, a file that was read is read from
    /// memory, and a short answer is filled with zeros. Without this they come as programs make them.
    pub fn page_cache(mut self) -> Self {
        self.direct = false;
        self
    }

    /// How many threads serve requests; unless said otherwise one for each processor, at least 2 and at most 16.
    ///
    /// The kernel wakes them in turn, so threads beyond the processors slow every request down: it is served by one that
    /// slept longest, often on another processor than the program's. What a rule holds, and what is flushed, waits
    /// elsewhere and needs none of them; more are for a source that is slow itself (a disk that is read with nothing
    /// cached), of which each thread serves one request at a time.
    pub fn threads(mut self, threads: NonZero<usize>) -> Self {
        self.threads = threads;
        self
    }

    /// The number of [`threads`](Mount::threads) unless said otherwise.
    pub fn usual_threads() -> NonZero<usize> {
        const LEAST: NonZero<usize> = NonZero::new(2).unwrap();
        const MOST: NonZero<usize> = NonZero::new(16).unwrap();
        std::thread::available_parallelism().unwrap_or(LEAST).clamp(LEAST, MOST)
    }

    /// Looks, records, arms and mounts. When this returns, the mount is seen in the kernel's table.
    ///
    /// # Errors
    /// [`refused`](Error::is_refused) before anything is touched: the source or the mount point is not there or no
    /// directory, they are nested, the mount point is not empty, there is no `/dev/fuse`, the rights are missing, or
    /// nobody would unmount after a crash. [`failed`](Error::is_failed) when the kernel does not mount; nothing is left.
    pub async fn begin(self) -> Result<Mounted> {
        let (source, mount_point) = check::places(&self.source, &self.mount_point)?;
        if self.guardian.is_none() && self.ledger.is_none() {
            return Err(Error::refused(
                "a mount outlives this process: give it a `.guardian(...)`, a `.ledger(...)` or both",
            ));
        }
        let device = check::device()?;
        let pass_through = Source::open(&source).map_err(|err| {
            Error::failed(format!("{} cannot be opened", source.display())).with_source(err)
        })?;
        let (gate, close) = Gate::new(self.point.clone(), &mount_point)?;
        let undo = MountUndo::new(&source, &mount_point);
        let kept = self.keep(&undo)?;
        // From here on dropping it unmounts and strikes.
        let mut mounted = Mounted::new(undo, self.point, kept, close);
        let front = Front { source: Arc::new(pass_through), gate, ttl: self.ttl, direct: self.direct };
        device::mount(&device, mounted.undo())?;
        mounted.served_by(device::serve(device, front, self.threads.get(), &mount_point)?);
        if mounted.undo().lines()?.is_empty() {
            return Err(Error::failed(format!("{} was mounted, but is not seen", mount_point.display())));
        }
        tracing::info!(target: "chaos", mount_point = %mount_point.display(), source = %source.display(), "mounted");
        Ok(mounted)
    }

    /// The undo is durable, and somebody watches, before anything is mounted.
    fn keep(&self, undo: &MountUndo) -> Result<Kept> {
        let name = undo.mount_point().display().to_string();
        let entry = Entry::of(&name, "mount", &format!("shows {} there", undo.source().display()), undo)?;
        let mut kept = Kept::default();
        if let Some(ledger) = &self.ledger {
            let id = ledger.record(vec![entry.clone()])?;
            kept.written = id.first().map(|id| (Arc::clone(ledger), *id));
        }
        if let Some(guardian) = &self.guardian {
            match guardian.arm(vec![entry], self.lasting, self.ledger.as_deref()) {
                Ok(guarded) => kept.guarded = Some(guarded),
                Err(error) => {
                    kept.let_go()?;
                    return Err(error);
                }
            }
        }
        Ok(kept)
    }
}
