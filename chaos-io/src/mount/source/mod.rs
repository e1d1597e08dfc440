//! [`Source`]: the directory behind a mount, as plain system calls; knows nothing of FUSE requests nor of faults.
//!
//! Every name is resolved from a descriptor of its directory, one component at a time and without following symbolic
//! links, so nothing that a program puts into the directory leads out of it. An inode that the kernel knows is held by
//! an `O_PATH` descriptor: it stays the same file whatever is renamed or removed, and its number cannot be given to
//! another.

mod attr;
mod attributes;
mod data;
mod listing;
mod names;
mod tree;

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};

use fuser::FileAttr;
use rustix::fs::{AtFlags, Mode, OFlags, openat, statat};
use rustix::io::Errno;

pub(super) use attributes::{Changes, Xattr};
use listing::Listing;
use tree::Tree;

/// Who asks: what it makes belongs to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Caller {
    pub(super) uid: u32,
    pub(super) gid: u32,
}

#[derive(Debug)]
pub(super) struct Source {
    tree: Mutex<Tree>,
    open: RwLock<HashMap<u64, Open>>,
    next_handle: AtomicU64,
    // `/proc/self/fd`, through which an `O_PATH` descriptor is opened again or named where a call takes only names.
    descriptors: OwnedFd,
}

#[derive(Debug, Clone)]
enum Open {
    File(Arc<File>),
    Directory(Arc<Mutex<Listing>>),
}

impl Source {
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let root = rustix::fs::open(path, flags, Mode::empty())?;
        let descriptors = rustix::fs::open("/proc/self/fd", flags, Mode::empty())?;
        Ok(Self {
            tree: Mutex::new(Tree::new(root)?),
            open: RwLock::default(),
            next_handle: AtomicU64::new(1),
            descriptors,
        })
    }

    /// The path by which the kernel last asked for it, behind `root`.
    pub(super) fn path(&self, root: &Path, ino: u64) -> PathBuf {
        self.tree().path(root, ino, None)
    }

    /// The path of a name in a directory, behind `root`.
    pub(super) fn path_of(&self, root: &Path, parent: u64, name: &OsStr) -> PathBuf {
        self.tree().path(root, parent, Some(name))
    }

    /// The kernel has forgotten an inode so many times.
    pub(super) fn forget(&self, ino: u64, times: u64) {
        // Closed after the lock is given back.
        drop(self.tree().forget(ino, times));
    }

    fn tree(&self) -> MutexGuard<'_, Tree> {
        self.tree.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn node(&self, ino: u64) -> io::Result<Arc<OwnedFd>> {
        self.tree().node(ino).ok_or_else(|| Errno::STALE.into())
    }

    /// The inode of a name, which the kernel knows once more from now on.
    fn known(&self, parent: u64, dir: &OwnedFd, name: &OsStr) -> io::Result<FileAttr> {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let fd = openat(dir, name, flags, Mode::empty())?;
        let stat = statat(&fd, "", AtFlags::EMPTY_PATH)?;
        let ino = self.tree().know(fd, &stat, parent, name);
        Ok(attr::of(&stat, ino))
    }

    fn keep(&self, open: Open) -> u64 {
        let handle = self.next_handle.fetch_add(1, Ordering::Relaxed);
        self.open.write().unwrap_or_else(PoisonError::into_inner).insert(handle, open);
        handle
    }

    fn opened(&self, handle: u64) -> io::Result<Open> {
        let open = self.open.read().unwrap_or_else(PoisonError::into_inner);
        open.get(&handle).cloned().ok_or_else(|| Errno::BADF.into())
    }

    fn file(&self, handle: u64) -> io::Result<Arc<File>> {
        match self.opened(handle)? {
            Open::File(file) => Ok(file),
            Open::Directory(_) => Err(Errno::ISDIR.into()),
        }
    }

    /// The last user of a handle is gone.
    pub(super) fn release(&self, handle: u64) {
        drop(self.open.write().unwrap_or_else(PoisonError::into_inner).remove(&handle));
    }

    /// The name of a descriptor in `/proc/self/fd`: a link that leads to the file itself, also when that is a symbolic
    /// link (proc_pid_fd(5)).
    fn link_to(fd: &impl AsFd) -> String {
        fd.as_fd().as_raw_fd().to_string()
    }
}

/// The kernel gives single components; a mount must not depend on it.
fn component(name: &OsStr) -> io::Result<&OsStr> {
    let bytes = name.as_bytes();
    if matches!(bytes, b"" | b"." | b"..") || bytes.contains(&b'/') {
        return Err(Errno::INVAL.into());
    }
    Ok(name)
}
