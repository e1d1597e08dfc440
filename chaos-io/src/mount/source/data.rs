//! Bytes: opened, read, written, made durable.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::fs::{FallocateFlags, Mode, OFlags, SeekFrom, fallocate, fdatasync, fsync, openat, seek};
use rustix::io::{dup, pread, pwrite};

use super::{Open, Source};

impl Source {
    pub(crate) fn open_file(&self, ino: u64, flags: i32) -> io::Result<u64> {
        let fd = self.node(ino)?;
        // Through the link, which is the one that is to be followed.
        let flags = flags_of(flags) - OFlags::CREATE - OFlags::EXCL - OFlags::TRUNC;
        let file = openat(&self.descriptors, Self::link_to(&*fd), flags, Mode::empty())?;
        Ok(self.keep(Open::File(Arc::new(file.into()))))
    }

    pub(crate) fn read(&self, handle: u64, offset: u64, size: u32) -> io::Result<Vec<u8>> {
        let file = self.file(handle)?;
        let mut data = vec![0; size as usize];
        let mut read = 0;
        // A short answer would be the end of the file to the program.
        while read < data.len() {
            match pread(&*file, &mut data[read..], offset + read as u64) {
                Ok(0) => break,
                Ok(more) => read += more,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) if read > 0 => break,
                Err(err) => return Err(err.into()),
            }
        }
        data.truncate(read);
        Ok(data)
    }

    pub(crate) fn write(&self, handle: u64, offset: u64, data: &[u8]) -> io::Result<usize> {
        let file = self.file(handle)?;
        let mut written = 0;
        while written < data.len() {
            match pwrite(&*file, &data[written..], offset + written as u64) {
                Ok(0) => break,
                Ok(more) => written += more,
                Err(rustix::io::Errno::INTR) => {}
                Err(_) if written > 0 => break,
                Err(err) => return Err(err.into()),
            }
        }
        Ok(written)
    }

    /// One of the descriptors of an open file is closed: what the file system below says to that is said on.
    pub(crate) fn flush(&self, handle: u64) -> io::Result<()> {
        // Closed as the standard library closes: file systems that report errors at the close report them to fsync too.
        drop(dup(&*self.file(handle)?)?);
        Ok(())
    }

    pub(crate) fn sync(&self, handle: u64, data_only: bool) -> io::Result<()> {
        match self.opened(handle)? {
            Open::File(file) if data_only => Ok(fdatasync(&*file)?),
            Open::File(file) => Ok(fsync(&*file)?),
            Open::Directory(listing) => listing.lock().unwrap_or_else(|err| err.into_inner()).sync(data_only),
        }
    }

    pub(crate) fn allocate(&self, handle: u64, offset: u64, len: u64, mode: i32) -> io::Result<()> {
        let mode = FallocateFlags::from_bits(mode.unsigned_abs()).ok_or(rustix::io::Errno::OPNOTSUPP)?;
        Ok(fallocate(&*self.file(handle)?, mode, offset, len)?)
    }

    /// The kernel asks for the next hole or the next data only; other places it knows itself.
    pub(crate) fn seek(&self, handle: u64, offset: i64, whence: i32) -> io::Result<u64> {
        let offset = u64::try_from(offset).map_err(|_| rustix::io::Errno::NXIO)?;
        // linux/fs.h
        const SEEK_DATA: i32 = 3;
        const SEEK_HOLE: i32 = 4;
        let to = match whence {
            SEEK_DATA => SeekFrom::Data(offset),
            SEEK_HOLE => SeekFrom::Hole(offset),
            _ => return Err(rustix::io::Errno::INVAL.into()),
        };
        Ok(seek(&*self.file(handle)?, to)?)
    }
}

/// The flags for the file below. Not `O_DIRECT`, which asks for aligned memory: that of a request is not.
pub(super) fn flags_of(flags: i32) -> OFlags {
    let flags = OFlags::from_bits_retain(flags as u32);
    (flags | OFlags::CLOEXEC) - OFlags::DIRECT - OFlags::NOFOLLOW - OFlags::NOCTTY
}

/// A directory opened for reading from its `O_PATH` descriptor.
pub(super) fn open_dir(source: &Source, ino: u64) -> io::Result<OwnedFd> {
    let fd = source.node(ino)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    Ok(openat(&source.descriptors, Source::link_to(&*fd), flags, Mode::empty())?)
}
