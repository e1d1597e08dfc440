//! The directory of ledger files: who may write to it, which runs are in it, and the lock that says a run lives.
//!
//! Every call goes through one descriptor of the directory, so that nobody can put another directory in its place
//! between two of them, and no symbolic link is followed.

use std::fs::{DirBuilder, File, Metadata, Permissions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags};
use rustix::io::Errno;

use super::run_id::RunId;
use crate::error::{Error, Result};

const SUFFIX: &str = ".ledger";
const WRITABLE_BY_OTHERS: u32 = 0o022;
const FILE_FLAGS: OFlags =
    OFlags::APPEND.union(OFlags::CLOEXEC).union(OFlags::NOFOLLOW).union(OFlags::NONBLOCK);

#[derive(Debug)]
pub(super) struct LedgerDir {
    fd: File,
    path: PathBuf,
}

/// What became of the wish to have a file for oneself.
#[derive(Debug)]
pub(super) enum Claim {
    Ours(Locked),
    /// A run, or another sweep, holds it; open for reading.
    Live(File),
    /// Removed by whoever held it before.
    Gone,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// To revert and strike: an exclusive lock.
    Change,
    /// To look: a shared lock, which only keeps a sweep out for as long as the look takes.
    Look,
}

/// The names in a directory.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// Newest first.
    pub(super) runs: Vec<RunId>,
    /// Named like ledgers, but not by a run id.
    pub(super) lookalikes: Vec<String>,
}

impl LedgerDir {
    /// The directory, if it is there and nobody but us and root can write to it.
    pub(super) fn open(path: &Path) -> Result<Option<Self>> {
        // Without a slash at the end, which would make the kernel follow a link after all.
        let path: PathBuf = path.components().collect();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = match rustix::fs::open(&path, flags, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(Errno::NOENT) => return Ok(None),
            Err(Errno::LOOP | Errno::NOTDIR) => {
                let path = path.display();
                return Err(Error::refused(format!(
                    "{path} is a link or no directory: name the directory itself"
                )));
            }
            Err(err) => {
                return Err(Error::ledger(format!("ledger directory {} cannot be opened", path.display()))
                    .with_source(err));
            }
        };
        check_owner(&fd.metadata()?).map_err(|why| Error::refused(format!("{} {why}", path.display())))?;
        Ok(Some(Self { fd, path }))
    }

    /// As [`open`](Self::open); what is missing of the path is made, with mode 0700 and durably.
    pub(super) fn create(path: &Path) -> Result<Self> {
        let cannot = |err: io::Error| {
            Error::ledger(format!("ledger directory {} cannot be made", path.display())).with_source(err)
        };
        if Self::open(path)?.is_none() {
            make(path).map_err(cannot)?;
        }
        Self::open(path)?.ok_or_else(|| cannot(io::ErrorKind::NotFound.into()))
    }

    pub(super) fn path_of(&self, run: RunId) -> PathBuf {
        self.path.join(file_name(run))
    }

    pub(super) fn path_of_lookalike(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub(super) fn names(&self) -> Result<Names> {
        let unreadable = |err| {
            Error::ledger(format!("ledger directory {} cannot be read", self.path.display())).with_source(err)
        };
        let mut names = Names::default();
        for entry in rustix::fs::Dir::read_from(&self.fd).map_err(unreadable)? {
            let entry = entry.map_err(unreadable)?;
            let name = entry.file_name().to_string_lossy();
            let Some(stem) = name.strip_suffix(SUFFIX) else { continue };
            match stem.parse() {
                Ok(run) => names.runs.push(run),
                Err(_) => names.lookalikes.push(name.into_owned()),
            }
        }
        names.runs.sort_unstable_by(|a, b| b.cmp(a));
        names.lookalikes.sort_unstable();
        Ok(names)
    }

    /// A new and locked file for `run`; nothing, when a sweep got hold of it first.
    pub(super) fn create_file(&self, run: RunId) -> Result<Option<Locked>> {
        let path = self.path_of(run);
        let cannot = |err: io::Error| {
            Error::ledger(format!("ledger {} cannot be made", path.display())).with_source(err)
        };
        let flags = FILE_FLAGS | OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
        let fd = match rustix::fs::openat(&self.fd, file_name(run), flags, Mode::RUSR | Mode::WUSR) {
            Ok(fd) => File::from(fd),
            Err(Errno::EXIST) => return Ok(None),
            Err(err) => return Err(cannot(err.into())),
        };
        // An odd umask would leave a file that the sweep cannot open.
        fd.set_permissions(Permissions::from_mode(0o600)).map_err(cannot)?;
        match lock(fd, Access::Change, &path)? {
            Claim::Ours(file) => Ok(Some(file)),
            Claim::Live(_) | Claim::Gone => Ok(None),
        }
    }

    pub(super) fn claim(&self, run: RunId, access: Access) -> Result<Claim> {
        let path = self.path_of(run);
        let mode = match access {
            Access::Change => OFlags::RDWR,
            Access::Look => OFlags::RDONLY,
        };
        let file = match rustix::fs::openat(&self.fd, file_name(run), FILE_FLAGS | mode, Mode::empty()) {
            Ok(fd) => File::from(fd),
            Err(Errno::NOENT) => return Ok(Claim::Gone),
            Err(Errno::LOOP) => return Err(Error::refused("is a symbolic link: remove it")),
            Err(err) => {
                return Err(Error::ledger("cannot be opened: sweep as the user who ran it").with_source(err));
            }
        };
        let meta = file.metadata()?;
        if !meta.is_file() {
            return Err(Error::refused("is not a file: remove it"));
        }
        check_owner(&meta).map_err(Error::refused)?;
        lock(file, access, &path)
    }

    /// Removes the file of `run`, durably. The lock is held by the caller.
    pub(super) fn remove(&self, run: RunId) -> Result<()> {
        rustix::fs::unlinkat(&self.fd, file_name(run), AtFlags::empty()).map_err(|err| {
            Error::ledger(format!("ledger {} cannot be removed", self.path_of(run).display()))
                .with_source(err)
        })?;
        self.sync()
    }

    pub(super) fn sync(&self) -> Result<()> {
        self.fd.sync_all().map_err(|err| {
            Error::ledger(format!("ledger directory {} cannot be flushed", self.path.display()))
                .with_source(err)
        })
    }
}

/// A file that is ours for as long as this lives.
#[derive(Debug)]
pub(super) struct Locked(pub(super) File);

impl Drop for Locked {
    fn drop(&mut self) {
        // Closing would do, but for a child that another thread forks at this moment: until its exec it shares the
        // lock, and unlocking takes it from all who share it.
        let _ = rustix::fs::flock(&self.0, FlockOperation::Unlock);
    }
}

fn lock(file: File, access: Access, path: &Path) -> Result<Claim> {
    let operation = match access {
        Access::Change => FlockOperation::NonBlockingLockExclusive,
        Access::Look => FlockOperation::NonBlockingLockShared,
    };
    match rustix::fs::flock(&file, operation) {
        Ok(()) => {}
        Err(Errno::WOULDBLOCK) => return Ok(Claim::Live(file)),
        Err(err) => {
            let what = format!("{} cannot be locked: keep the ledger on a local file system", path.display());
            return Err(Error::ledger(what).with_source(err));
        }
    }
    let file = Locked(file);
    // Between the open and the lock its last holder may have removed it.
    Ok(if file.0.metadata()?.nlink() == 0 { Claim::Gone } else { Claim::Ours(file) })
}

fn check_owner(meta: &Metadata) -> Result<(), String> {
    let us = rustix::process::geteuid().as_raw();
    if meta.uid() != us && meta.uid() != 0 {
        return Err(format!(
            "belongs to user {}, not to {us} or root: what it says is not trusted",
            meta.uid()
        ));
    }
    if meta.mode() & WRITABLE_BY_OTHERS != 0 {
        return Err(format!("may be written by others (mode {:o}): chmod go-w", meta.mode() & 0o7777));
    }
    Ok(())
}

fn make(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(0o700).create(path) {
        Err(err) if err.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        Err(err) if err.kind() == io::ErrorKind::NotFound => {
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).ok_or(err)?;
            make(parent)?;
            DirBuilder::new().mode(0o700).create(path)?;
        }
        done => done?,
    }
    // A directory whose name is not on the disk is lost with all that is in it.
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    File::open(parent)?.sync_all()
}

fn file_name(run: RunId) -> String {
    format!("{run}{SUFFIX}")
}
