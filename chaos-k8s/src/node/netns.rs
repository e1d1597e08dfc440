//! Network namespaces of the kernel: which one a file is, and work done inside one.

use std::fs::File;
use std::os::fd::AsFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::{fs, io, thread};

use chaos_core::{Error, Result};
use nix::sched::{CloneFlags, setns, unshare};
use serde::{Deserialize, Serialize};

use super::namespace::Origin;

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
        enter(namespace)?;
        work()
    };
    thread::scope(|scope| scope.spawn(entered).join())
        .map_err(|_| Error::failed("the work in a network namespace panicked"))?
}

/// Runs `work` on a thread of its own in a namespace made for it, which is gone afterwards with all that was made there.
/// `None` without the right to make one (CAP_SYS_ADMIN).
///
/// # Errors
/// What `work` returns.
pub(crate) fn aside<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<Option<T>> {
    let made = || match unshare(CloneFlags::CLONE_NEWNET) {
        Ok(()) => work().map(Some),
        Err(_) => Ok(None),
    };
    thread::scope(|scope| scope.spawn(made).join())
        .map_err(|_| Error::failed("the work in a network namespace panicked"))?
}

/// [`aside`] for a test, which does not run without the right.
#[cfg(test)]
pub(crate) fn in_a_fresh_one(work: impl FnOnce() -> Result<()> + Send) {
    if aside(work).unwrap().is_none() {
        let demanded = std::env::var("CHAOS_REQUIRE").unwrap_or_default();
        assert!(!demanded.split(',').any(|what| what == "root"), "no right to make a network namespace");
        println!("not run: no right to make a network namespace");
    }
}

/// Moves the calling thread into the namespace for good.
///
/// # Errors
/// As [`inside`].
pub(crate) fn enter(namespace: &File) -> Result<()> {
    if NetnsId::of(namespace)? == NetnsId::own()? {
        return Ok(());
    }
    setns(namespace.as_fd(), CloneFlags::CLONE_NEWNET).map_err(|errno| {
        Error::refused("the network namespace cannot be entered: run with CAP_SYS_ADMIN")
            .with_source(io::Error::from(errno))
    })
}

/// Opens a namespace again, in another process too: where it was found first, and otherwise by its number among those of all
/// processes and of `/run/netns`. `None` if nobody is in it and no file holds it.
///
/// # Errors
/// When `/proc` cannot be read.
pub(crate) fn find(id: NetnsId, origin: &Origin) -> Result<Option<File>> {
    let first = match origin {
        Origin::Process(pid) => PathBuf::from(format!("/proc/{pid}/ns/net")),
        Origin::Path(path) => path.clone(),
        Origin::Own => PathBuf::from(OWN),
    };
    let of_processes = fs::read_dir("/proc")?.filter_map(|entry| {
        let entry = entry.ok()?;
        let is_process = entry.file_name().to_str()?.bytes().all(|b| b.is_ascii_digit());
        is_process.then(|| entry.path().join("ns/net"))
    });
    let named = fs::read_dir("/run/netns").into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path()));
    let mut places = std::iter::once(first).chain(of_processes).chain(named);
    // What cannot be opened ended meanwhile, or is not ours to look at.
    Ok(places.find_map(|place| {
        File::open(place).ok().filter(|file| NetnsId::of(file).is_ok_and(|found| found == id))
    }))
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
