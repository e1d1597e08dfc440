//! Cgroup namespaces: paths and moves as the host sees them, from inside a container that has a namespace of its own.

use std::fs::{self, File};
use std::path::Path;
use std::{io, thread};

use chaos_core::{Error, Result};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::os::fd::AsFd;

const OWN: &str = "/proc/thread-self/ns/cgroup";
/// With the host's pids, pid 1 is the host's first process, and its cgroup namespace is the whole tree.
const OUTERMOST: &str = "/proc/1/ns/cgroup";

/// Runs `work` where paths of cgroups are the host's: on a thread that has entered the cgroup namespace of pid 1, when it
/// is another than ours and we may (CAP_SYS_ADMIN and CAP_SYS_PTRACE); otherwise here.
pub(super) fn as_the_host<T: Send>(work: impl FnOnce() -> Result<T> + Send) -> Result<T> {
    let Some(outermost) = outermost() else { return work() };
    let entered = || {
        // Without the right it is seen from inside; a path that leads out is refused where it is met.
        let _ = enter(&outermost);
        work()
    };
    thread::scope(|scope| scope.spawn(entered).join())
        .map_err(|_| Error::failed("the work in a cgroup namespace panicked"))?
}

/// Writes `0` to a `cgroup.procs`: the calling process moves there, from its only thread.
///
/// A v2 tree mounted with `nsdelegate` answers a move across the border of a cgroup namespace with ENOENT
/// (kernel/cgroup/cgroup.c, `cgroup_attach_permissions`); then it is done from pid 1's namespace, for good.
pub(super) fn move_to(procs: &Path) -> io::Result<()> {
    match fs::write(procs, "0") {
        Err(err) if err.kind() == io::ErrorKind::NotFound && procs.exists() => {
            let outermost = outermost().ok_or(err)?;
            enter(&outermost)?;
            fs::write(procs, "0")
        }
        moved => moved,
    }
}

/// Whether a process of ours could move to a cgroup outside of our own cgroup namespace.
pub(super) fn may_cross() -> bool {
    if is_outermost() {
        return true;
    }
    let Some(outermost) = outermost() else { return false };
    thread::scope(|scope| scope.spawn(|| enter(&outermost).is_ok()).join()).unwrap_or(false)
}

/// Whether our namespace is that of pid 1, as far as it can be told.
pub(super) fn is_outermost() -> bool {
    matches!((fs::read_link(OWN), fs::read_link(OUTERMOST)), (Ok(own), Ok(outer)) if own == outer)
}

fn outermost() -> Option<File> {
    (!is_outermost()).then(|| File::open(OUTERMOST).ok()).flatten()
}

fn enter(namespace: &File) -> io::Result<()> {
    Ok(move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::ControlGroup))?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_is_done_wherever_we_are() {
        assert_eq!(as_the_host(|| Ok(7)).unwrap(), 7);
        assert!(as_the_host(|| Err::<(), _>(Error::refused("no"))).unwrap_err().is_refused());
    }

    #[test]
    fn a_move_to_what_is_not_there_says_so() {
        let error = move_to(Path::new("/nowhere/cgroup.procs")).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::NotFound);
    }
}
