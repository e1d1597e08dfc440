//! Network namespaces of the kernel: which one a file is, and work done inside one.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::{io, thread};

use chaos_core::{Error, Result};
use nix::sched::{CloneFlags, setns};
use serde::{Deserialize, Serialize};

/// The namespace of the calling thread.
const OWN: &str = "/proc/thread-self/ns/net";

/// What the kernel tells namespaces apart by: device and inode of their file in nsfs (namespaces(7)). A number may come
/// again after its namespace is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct NetnsId {
    device: u64,
    inode: u64,
}

impl NetnsId {
    pub(crate) fn inode(self) -> u64 {
        self.inode
    }

    pub(crate) fn of(file: &File) -> io::Result<Self> {
        let metadata = file.metadata()?;
        Ok(Self { device: metadata.dev(), inode: metadata.ino() })
    }

    pub(crate) fn at(path: &Path) -> io::Result<Self> {
        Self::of(&File::open(path)?)
    }

    /// That of the calling thread.
    pub(crate) fn own() -> io::Result<Self> {
        Self::at(Path::new(OWN))
    }
}

/// The file of the calling thread's namespace.
pub(crate) fn own() -> io::Result<File> {
    File::open(OWN)
}

/// Runs `work` on a thread of its own that has entered the namespace, and waits for it. What `work` opens there, sockets
/// above all, stays in that namespace whoever uses it later.
///
/// # Errors
/// What `work` returns; refused when the namespace cannot be entered (CAP_SYS_ADMIN, setns(2)). The calling thread's own
/// namespace needs no right.
pub(crate) fn inside<T: Send>(namespace: &File, work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    if NetnsId::of(namespace)? == NetnsId::own()? {
        return work();
    }
    let entered = || {
        setns(namespace.as_fd(), CloneFlags::CLONE_NEWNET).map_err(|errno| {
            Error::refused("the network namespace cannot be entered: run with CAP_SYS_ADMIN")
                .with_source(io::Error::from(errno))
        })?;
        work()
    };
    thread::scope(|scope| scope.spawn(entered).join())
        .map_err(|_| Error::failed("the work in a network namespace panicked"))?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_own_namespace_needs_no_right_and_no_thread() {
        let here = thread::current().id();
        let there = inside(&own().unwrap(), || Ok(thread::current().id())).unwrap();
        assert_eq!(here, there);
    }

    #[test]
    fn a_file_that_is_no_namespace_is_not_entered() {
        let file = File::open("/proc/self/status").unwrap();
        assert!(inside(&file, || Ok(())).unwrap_err().is_refused());
    }
}
