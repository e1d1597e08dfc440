//! Files without a name: what they take goes with the process that has them open.

use std::fs::File;
use std::path::Path;

use rustix::fs::{Mode, OFlags, open};
use rustix::io::Errno;

use super::Result;

/// An unnamed file of the file system that `dir` is on.
pub(super) fn open_in(dir: &Path) -> std::result::Result<File, Errno> {
    open_with(dir, OFlags::empty())
}

/// One whose transfers go past the page cache, where the file system can; whether it does.
pub(super) fn open_direct(dir: &Path) -> std::result::Result<(File, bool), Errno> {
    match open_with(dir, OFlags::DIRECT) {
        Ok(file) => Ok((file, true)),
        Err(Errno::INVAL) => open_with(dir, OFlags::empty()).map(|file| (file, false)),
        Err(errno) => Err(errno),
    }
}

fn open_with(dir: &Path, more: OFlags) -> std::result::Result<File, Errno> {
    let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC | more;
    open(dir, flags, Mode::RUSR | Mode::WUSR).map(File::from)
}

/// Why it could not be opened, for the one who asked.
pub(super) fn why(dir: &Path, errno: Errno) -> String {
    match errno {
        Errno::OPNOTSUPP | Errno::ISDIR => format!(
            "{} is on a file system without unnamed files (O_TMPFILE), which would go with their owner: choose another",
            dir.display()
        ),
        errno => format!("no file can be made in {}: {errno}", dir.display()),
    }
}

pub(super) fn must_open_in(dir: &Path) -> Result<File> {
    open_in(dir).map_err(|errno| why(dir, errno))
}
