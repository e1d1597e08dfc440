//! [`MountUndo`]: takes a mount away, whoever made it and whether that still lives.

use std::path::{Path, PathBuf};

use chaos_core::ledger::RunId;
use chaos_core::{Error, Result, Undo};
use rustix::mount::{UnmountFlags, unmount};
use serde::{Deserialize, Serialize};

use super::table;

/// What the mounts of this crate are in the kernel's table.
pub(super) const FILE_SYSTEM: &str = "fuse.chaos";
/// More than anybody stacks on one directory.
const MOST_STACKED: usize = 64;

/// A mount, by a mark that no other has: the undo of [`Mount`](super::Mount). Register it wherever mounts are made:
///
/// ```
/// use chaos_core::Undos;
/// use chaos_io::mount::MountUndo;
/// let undos = Undos::none().with::<MountUndo>(())?;
/// assert!(undos.knows("chaos-io/mount/1"));
/// # Ok::<(), chaos_core::Error>(())
/// ```
///
/// Reverting detaches it (`MNT_DETACH`, umount(2)): it is gone from the tree at once, also while programs have files in
/// it open, and nothing waits for them. Other mounts, at the same place too, are never touched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountUndo {
    mount_point: PathBuf,
    source: PathBuf,
    mark: String,
    pid: u32,
}

impl MountUndo {
    pub(super) fn new(source: &Path, mount_point: &Path) -> Self {
        Self {
            mount_point: mount_point.to_owned(),
            source: source.to_owned(),
            mark: format!("chaos:{}", RunId::fresh()),
            pid: std::process::id(),
        }
    }

    /// Where it is mounted.
    pub fn mount_point(&self) -> &Path {
        &self.mount_point
    }

    /// The directory that it shows.
    pub fn source(&self) -> &Path {
        &self.source
    }

    /// What stands for its device in the table of mounts.
    pub fn mark(&self) -> &str {
        &self.mark
    }

    pub(super) fn lines(&self) -> Result<Vec<table::Line>> {
        let mut lines = table::read()?;
        lines.retain(|line| self.is(line));
        Ok(lines)
    }

    /// A server that unmounts itself serves on what is still open. If somebody else must do it, the server is dead or
    /// stopped: by force, which ends the connection (fs/fuse/inode.c, `fuse_umount_begin`), so that programs that wait
    /// for an answer get an error.
    fn how(&self) -> UnmountFlags {
        let force = if std::process::id() == self.pid { UnmountFlags::empty() } else { UnmountFlags::FORCE };
        UnmountFlags::DETACH | UnmountFlags::NOFOLLOW | force
    }

    fn is(&self, line: &table::Line) -> bool {
        line.file_system == FILE_SYSTEM && line.source == self.mark
    }

    pub(super) fn unmount(&self) -> Result<()> {
        for _ in 0..MOST_STACKED {
            let lines = table::read()?;
            // By what the table says now: it may have been moved.
            let Some(ours) = lines.iter().rev().find(|line| self.is(line)) else { return Ok(()) };
            let point = &ours.point;
            if !table::on_top(&lines, point).is_some_and(|top| self.is(top)) {
                let point = point.display();
                return Err(Error::refused(format!(
                    "something else is mounted over {point}: unmount that first, then revert again"
                )));
            }
            unmount(point, self.how()).map_err(|err| {
                Error::failed(format!("{} cannot be unmounted", point.display())).with_source(err)
            })?;
        }
        Err(Error::failed(format!("{} comes back however often it is unmounted", self.mount_point.display())))
    }
}

impl Undo for MountUndo {
    const KIND: &'static str = "chaos-io/mount/1";
    type Via = ();

    async fn revert(&self, (): &()) -> Result<()> {
        self.unmount()
    }

    async fn is_gone(&self, (): &()) -> Result<bool> {
        Ok(self.lines()?.is_empty())
    }
}
