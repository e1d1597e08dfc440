//! [`Mounted`]: a mount in force, and the guard that takes it away.

use std::fmt;
use std::path::Path;
use std::sync::Arc;

use chaos_core::guardian::Guarded;
use chaos_core::ledger::EntryId;
use chaos_core::{Error, Ledger, Point, Result};
use fuser::BackgroundSession;
use tokio::sync::watch;

use super::undo::MountUndo;
use crate::operation::Io;

/// A mount. [`end`](Mounted::end) takes it away and says whether that worked; dropping it does the same and logs an
/// error.
///
/// Neither waits for programs that have files in it open: these go on, untouched by rules, for as long as this process
/// lives.
#[must_use = "dropping this unmounts"]
pub struct Mounted {
    undo: MountUndo,
    point: Point<Io>,
    kept: Option<Kept>,
    close: watch::Sender<bool>,
    session: Option<BackgroundSession>,
}

/// Who knows the undo.
#[derive(Default)]
pub(super) struct Kept {
    pub(super) written: Option<(Arc<Ledger>, EntryId)>,
    pub(super) guarded: Option<Guarded>,
}

impl Kept {
    /// It was reverted, or never begun.
    pub(super) fn let_go(&self) -> Result<()> {
        if let Some((ledger, id)) = &self.written {
            ledger.strike(&[*id])?;
        }
        if let Some(Err(error)) = self.guarded.as_ref().map(Guarded::disarm) {
            // Nothing is left for it to do.
            tracing::warn!(target: "chaos", error = %error.chain(), "the guardian was gone before its time");
        }
        Ok(())
    }
}

impl Mounted {
    pub(super) fn new(undo: MountUndo, point: Point<Io>, kept: Kept, close: watch::Sender<bool>) -> Self {
        Self { undo, point, kept: Some(kept), close, session: None }
    }

    pub(super) fn served_by(&mut self, session: BackgroundSession) {
        self.session = Some(session);
    }

    pub(super) fn undo(&self) -> &MountUndo {
        &self.undo
    }

    /// Where programs see it, without links.
    pub fn mount_point(&self) -> &Path {
        self.undo.mount_point()
    }

    /// The directory behind it, without links.
    pub fn source(&self) -> &Path {
        self.undo.source()
    }

    /// The point that its operations pass.
    pub fn point(&self) -> &Point<Io> {
        &self.point
    }

    /// The guardian's process, if one is armed.
    pub fn guardian(&self) -> Option<u32> {
        self.kept.as_ref()?.guarded.as_ref().map(Guarded::pid)
    }

    /// Whether it is in the kernel's table of mounts.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub fn is_in_force(&self) -> Result<bool> {
        Ok(!self.undo.lines()?.is_empty())
    }

    /// Lets held requests go, unmounts, looks whether it is gone, and strikes the undo.
    ///
    /// # Errors
    /// [`leftover`](Error::is_leftover) when the mount is still there: ledger and guardian keep the undo.
    pub async fn end(mut self) -> Result<()> {
        self.take_away()
    }

    fn take_away(&mut self) -> Result<()> {
        let Some(kept) = self.kept.take() else { return Ok(()) };
        // Nobody may be left to hear it.
        let _ = self.close.send(true);
        let gone = self.undo.unmount().and_then(|()| self.undo.lines());
        // The threads end when the last file in it is closed.
        drop(self.session.take());
        match gone {
            Ok(left) if left.is_empty() => kept.let_go(),
            Ok(_) => Err(self.left("it was unmounted and is still there")),
            Err(error) => Err(self.left(&error.chain())),
        }
    }

    fn left(&self, why: &str) -> Error {
        let point = self.undo.mount_point().display();
        Error::leftover(format!("the mount at {point} could not be taken away: {why}"))
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if let Err(error) = self.take_away() {
            tracing::error!(target: "chaos", error = %error.chain(), "a dropped mount could not be taken away");
        }
    }
}

impl fmt::Debug for Mounted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mounted").field("undo", &self.undo).finish_non_exhaustive()
    }
}
