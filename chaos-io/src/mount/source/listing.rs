//! [`Listing`]: an open directory.

use std::ffi::{OsStr, OsString};
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::sync::{Arc, Mutex, PoisonError};

use fuser::FileType;
use rustix::fs::{Dir, fdatasync, fsync};

use super::{Open, Source, attr};

/// A name in a directory.
#[derive(Debug)]
pub(crate) struct Name {
    pub(crate) ino: u64,
    pub(crate) kind: FileType,
    pub(crate) name: OsString,
    /// Where the listing goes on behind it.
    pub(crate) next: u64,
}

#[derive(Debug)]
pub(super) struct Listing {
    fd: OwnedFd,
    dir: Dir,
    // Where `dir` stands; a listing that goes on there needs no seek.
    at: u64,
}

impl Source {
    pub(crate) fn open_dir(&self, ino: u64) -> io::Result<u64> {
        let fd = super::data::open_dir(self, ino)?;
        let dir = Dir::read_from(&fd)?;
        Ok(self.keep(Open::Directory(Arc::new(Mutex::new(Listing { fd, dir, at: 0 })))))
    }

    /// Gives the names behind `offset` to `take`, until it has enough.
    pub(crate) fn list(
        &self,
        ino: u64,
        handle: u64,
        offset: u64,
        mut take: impl FnMut(Name) -> bool,
    ) -> io::Result<()> {
        let Open::Directory(listing) = self.opened(handle)? else {
            return Err(rustix::io::Errno::NOTDIR.into());
        };
        let mut listing = listing.lock().unwrap_or_else(PoisonError::into_inner);
        if listing.at != offset {
            listing.seek(offset)?;
        }
        while let Some(entry) = listing.dir.read() {
            let entry = entry?;
            let next = entry.offset() as u64;
            let name = OsStr::from_bytes(entry.file_name().to_bytes());
            // What is above the root of a mount is not in the mount.
            let above_root = ino == 1 && matches!(name.as_bytes(), b"." | b"..");
            let name = Name {
                ino: if above_root { 1 } else { entry.ino() },
                kind: attr::kind(entry.file_type()),
                name: name.to_owned(),
                next,
            };
            if !take(name) {
                // Read and not taken: the next call begins with it.
                listing.at = u64::MAX;
                return Ok(());
            }
            listing.at = next;
        }
        Ok(())
    }
}

impl Listing {
    fn seek(&mut self, offset: u64) -> io::Result<()> {
        match i64::try_from(offset) {
            Ok(0) => self.dir.rewind(),
            #[cfg(target_pointer_width = "64")]
            Ok(offset) => self.dir.seek(offset)?,
            #[cfg(not(target_pointer_width = "64"))]
            Ok(_) => return Err(rustix::io::Errno::OPNOTSUPP.into()),
            Err(_) => return Err(rustix::io::Errno::INVAL.into()),
        }
        self.at = offset;
        Ok(())
    }

    pub(super) fn sync(&self, data_only: bool) -> io::Result<()> {
        Ok(if data_only { fdatasync(&self.fd) } else { fsync(&self.fd) }?)
    }
}
