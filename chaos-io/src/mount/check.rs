//! What must hold before anything is touched.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use chaos_core::{Error, Result};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use rustix::thread::{CapabilitySet, capabilities};

/// Source and mount point without links and relative parts.
pub(super) fn places(source: &Path, mount_point: &Path) -> Result<(PathBuf, PathBuf)> {
    let source = directory("source", source)?;
    let point = directory("mount point", mount_point)?;
    let nested = if point == source {
        Some("are the same directory")
    } else if point.starts_with(&source) {
        Some("are nested: the mount point is in the source")
    } else if source.starts_with(&point) {
        Some("are nested: the source is in the mount point")
    } else {
        None
    };
    if let Some(how) = nested {
        let (source, point) = (source.display(), point.display());
        return Err(Error::refused(format!(
            "source {source} and mount point {point} {how}: mount beside the source"
        )));
    }
    let mut names = fs::read_dir(&point).map_err(|err| unreadable("mount point", &point, err))?;
    if names.next().is_some() {
        let point = point.display();
        return Err(Error::refused(format!(
            "mount point {point} is not empty, and a mount would hide what is in it: name an empty directory"
        )));
    }
    Ok((source, point))
}

fn directory(what: &str, path: &Path) -> Result<PathBuf> {
    let real = path.canonicalize().map_err(|err| unreadable(what, path, err))?;
    let meta = fs::metadata(&real).map_err(|err| unreadable(what, path, err))?;
    if !meta.is_dir() {
        return Err(Error::refused(format!("{what} {} is not a directory: name one", path.display())));
    }
    Ok(real)
}

fn unreadable(what: &str, path: &Path, err: io::Error) -> Error {
    let path = path.display();
    let text = match err.kind() {
        io::ErrorKind::NotFound => format!("{what} {path} is not there: make the directory"),
        _ if err.raw_os_error() == Some(Errno::NOTCONN.raw_os_error()) => {
            format!(
                "at {what} {path} is a mount whose server died: sweep the ledger of its run, or unmount it"
            )
        }
        _ => format!("{what} {path} cannot be read"),
    };
    Error::refused(text).with_source(err)
}

/// The right to mount, and `/dev/fuse`, opened. The right comes first: without it nothing that is said of the device helps.
pub(super) fn device() -> Result<File> {
    let rights = capabilities(None).map_err(io::Error::from)?;
    if !rights.effective.contains(CapabilitySet::SYS_ADMIN) {
        return Err(Error::refused(
            "mounting needs the capability CAP_SYS_ADMIN: run as root, or in a user and mount namespace of your own",
        ));
    }
    match rustix::fs::open("/dev/fuse", OFlags::RDWR | OFlags::CLOEXEC, Mode::empty()) {
        Ok(device) => Ok(File::from(device)),
        Err(Errno::NOENT | Errno::NODEV | Errno::NXIO) => Err(Error::refused(
            "there is no /dev/fuse: load the kernel module fuse, or give the container the device",
        )),
        Err(err) => {
            Err(Error::refused("/dev/fuse cannot be opened: run as root, or give the container the device")
                .with_source(err))
        }
    }
}
