//! Directories of a container, as it sees them itself.

use std::os::fd::{AsRawFd, OwnedFd};
use std::path::{Path, PathBuf};

use chaos_core::{Error, Result};
use rustix::fs::{Access, AtFlags, CWD, Mode, OFlags, ResolveFlags, accessat, openat, openat2};
use rustix::io::Errno;

use super::processes;
use crate::agent::spec::{ContainerProcesses, Which};
use crate::node::Node;
use crate::node::stress::{AnyKind, Stress};

const DIR: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::CLOEXEC);

/// The same stress in the container's directories, and what they are held by until it has begun.
pub(in crate::agent::work) async fn in_container(
    node: &Node,
    container: &str,
    stress: Stress<AnyKind>,
) -> Result<(Stress<AnyKind>, Vec<OwnedFd>)> {
    if !stress.has_dirs() {
        return Ok((stress, Vec::new()));
    }
    let first = ContainerProcesses::of(container, Which::First);
    let found = processes(node, &first).await?;
    let first = found.first().ok_or_else(|| Error::refused("the container has ended"))?;
    let root = format!("/proc/{}/root", first.pid());
    let root = openat(CWD, &root, DIR, Mode::empty()).map_err(|errno| match errno {
        Errno::ACCESS | Errno::PERM => {
            Error::refused("the file system of a process needs the capability SYS_PTRACE")
        }
        errno => cannot(Path::new("/"), errno),
    })?;
    // What was opened is of this process, and not of another one that has got its number.
    first.stat()?;
    let mut held = Vec::new();
    let moved = stress.moved(|dir| {
        let below = dir.strip_prefix("/").unwrap_or(dir);
        let below = if below.as_os_str().is_empty() { Path::new(".") } else { below };
        // Links lead where they lead in the container (openat2(2), since Linux 5.6).
        let opened = openat2(&root, below, DIR, Mode::empty(), ResolveFlags::IN_ROOT);
        let opened = opened.and_then(|opened| {
            // A stressor makes files there.
            accessat(&opened, ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS)?;
            Ok(opened)
        });
        let opened = opened.map_err(|errno| cannot(dir, errno))?;
        // A stressor is another process.
        let path = format!("/proc/{}/fd/{}", std::process::id(), opened.as_raw_fd());
        held.push(opened);
        Ok(PathBuf::from(path))
    })?;
    Ok((moved, held))
}

fn cannot(dir: &Path, errno: Errno) -> Error {
    let why = match errno {
        Errno::ACCESS => "is another user's, which needs the capability DAC_OVERRIDE",
        Errno::ROFS => "is on a file system that is read-only there",
        _ => "cannot be opened",
    };
    let why = format!("directory {} of the container {why}", dir.display());
    Error::refused(why).with_source(std::io::Error::from(errno))
}
