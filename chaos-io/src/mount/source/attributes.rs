//! Attributes: read and changed, the extended ones too.

use std::ffi::OsStr;
use std::io;
use std::os::fd::OwnedFd;

use fuser::{FileAttr, TimeOrNow};
use rustix::fs::{
    AtFlags, Gid, Mode, OFlags, StatVfs, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, Uid, XattrFlags,
    chmodat, chownat, fstatvfs, ftruncate, getxattr, listxattr, openat, removexattr, setxattr, statat,
    utimensat,
};

use super::{Source, attr};

/// What is to change; `None` stays as it is.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Changes {
    pub(crate) mode: Option<u32>,
    pub(crate) uid: Option<u32>,
    pub(crate) gid: Option<u32>,
    pub(crate) size: Option<u64>,
    pub(crate) accessed: Option<TimeOrNow>,
    pub(crate) modified: Option<TimeOrNow>,
}

impl Source {
    pub(crate) fn attributes(&self, ino: u64) -> io::Result<FileAttr> {
        let stat = statat(&*self.node(ino)?, "", AtFlags::EMPTY_PATH)?;
        Ok(attr::of(&stat, ino))
    }

    pub(crate) fn change(&self, ino: u64, handle: Option<u64>, changes: Changes) -> io::Result<FileAttr> {
        let fd = self.node(ino)?;
        let link = Self::link_to(&*fd);
        if changes.uid.is_some() || changes.gid.is_some() {
            let (owner, group) = (changes.uid.map(Uid::from_raw), changes.gid.map(Gid::from_raw));
            chownat(&*fd, "", owner, group, AtFlags::EMPTY_PATH)?;
        }
        // After the owner, whose change clears set-user-id bits.
        if let Some(mode) = changes.mode {
            chmodat(&self.descriptors, &*link, Mode::from_raw_mode(mode & 0o7777), AtFlags::empty())?;
        }
        if let Some(size) = changes.size {
            self.truncate(&link, handle, size)?;
        }
        if changes.accessed.is_some() || changes.modified.is_some() {
            let times = Timestamps {
                last_access: timespec(changes.accessed),
                last_modification: timespec(changes.modified),
            };
            utimensat(&self.descriptors, &*link, &times, AtFlags::empty())?;
        }
        self.attributes(ino)
    }

    fn truncate(&self, link: &str, handle: Option<u64>, size: u64) -> io::Result<()> {
        if let Some(file) = handle.and_then(|handle| self.file(handle).ok()) {
            return Ok(ftruncate(&*file, size)?);
        }
        let flags = OFlags::WRONLY | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file: OwnedFd = openat(&self.descriptors, link, flags, Mode::empty())?;
        Ok(ftruncate(&file, size)?)
    }

    pub(crate) fn file_system(&self, ino: u64) -> io::Result<StatVfs> {
        Ok(fstatvfs(&*self.node(ino)?)?)
    }

    pub(crate) fn set_xattr(&self, ino: u64, name: &OsStr, value: &[u8], flags: i32) -> io::Result<()> {
        let flags = XattrFlags::from_bits(flags.unsigned_abs()).ok_or(rustix::io::Errno::INVAL)?;
        Ok(setxattr(self.named(ino)?, name, value, flags)?)
    }

    /// The value, with room for `size` bytes; its length alone when that is 0.
    pub(crate) fn xattr(&self, ino: u64, name: &OsStr, size: u32) -> io::Result<Xattr> {
        sized(size, |room| Ok(getxattr(self.named(ino)?, name, room)?))
    }

    pub(crate) fn xattrs(&self, ino: u64, size: u32) -> io::Result<Xattr> {
        sized(size, |room| Ok(listxattr(self.named(ino)?, room)?))
    }

    pub(crate) fn remove_xattr(&self, ino: u64, name: &OsStr) -> io::Result<()> {
        Ok(removexattr(self.named(ino)?, name)?)
    }

    // There is no call for extended attributes of an `O_PATH` descriptor, nor one with a directory before Linux 6.13.
    fn named(&self, ino: u64) -> io::Result<String> {
        Ok(format!("/proc/self/fd/{}", Self::link_to(&*self.node(ino)?)))
    }
}

/// An answer to a question about extended attributes.
#[derive(Debug)]
pub(crate) enum Xattr {
    Length(u32),
    Value(Vec<u8>),
}

/// The most that the kernel takes (`XATTR_SIZE_MAX`, `XATTR_LIST_MAX`, linux/limits.h): 64 KiB.
const LONGEST: usize = 1 << 16;

fn sized(size: u32, read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> io::Result<Xattr> {
    let mut room = vec![0; if size == 0 { LONGEST } else { LONGEST.min(size as usize) }];
    let len = read(&mut room)?;
    room.truncate(len);
    Ok(if size == 0 { Xattr::Length(len as u32) } else { Xattr::Value(room) })
}

fn timespec(time: Option<TimeOrNow>) -> Timespec {
    let (tv_sec, tv_nsec) = match time {
        None => (0, UTIME_OMIT),
        Some(TimeOrNow::Now) => (0, UTIME_NOW),
        Some(TimeOrNow::SpecificTime(time)) => attr::since_epoch(time),
    };
    Timespec { tv_sec, tv_nsec }
}
