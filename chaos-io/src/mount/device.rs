//! The kernel's side: mount(2) of an open `/dev/fuse`, and the session that serves it. No helper program.

use std::ffi::CString;
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use chaos_core::{Error, Result};
use fuser::{BackgroundSession, Config, Session, SessionACL};
use rustix::mount::MountFlags;
use rustix::process::{getegid, geteuid};

use super::front::Front;
use super::undo::{FILE_SYSTEM, MountUndo};

pub(super) fn mount(device: &File, undo: &MountUndo) -> Result<()> {
    let mode = std::fs::metadata(undo.source())?.mode();
    // Documentation/filesystems/fuse.rst; the kernel checks permissions as for any file system, for every user.
    let options = format!(
        "fd={},rootmode={mode:o},user_id={},group_id={},default_permissions,allow_other",
        device.as_raw_fd(),
        geteuid().as_raw(),
        getegid().as_raw(),
    );
    let options = CString::new(options).map_err(io::Error::from)?;
    // What a file is there for, and not what it may do to this machine.
    let flags = MountFlags::NOSUID | MountFlags::NODEV;
    rustix::mount::mount(undo.mark(), undo.mount_point(), FILE_SYSTEM, flags, &*options).map_err(|err| {
        let what = format!("{} cannot be mounted: see the kernel's log", undo.mount_point().display());
        Error::failed(what).with_source(err)
    })
}

/// Serves the mount until it is gone and nobody has a file in it open any more.
pub(super) fn serve(
    device: File,
    front: Front,
    threads: usize,
    mount_point: &Path,
) -> Result<BackgroundSession> {
    let mut config = Config::default();
    config.n_threads = Some(threads);
    // A queue per thread: an answer is not held up by another's request.
    config.clone_fd = true;
    Session::from_fd(front, device.into(), SessionACL::All, config).and_then(Session::spawn).map_err(|err| {
        Error::failed(format!("the mount at {} cannot be served", mount_point.display())).with_source(err)
    })
}
