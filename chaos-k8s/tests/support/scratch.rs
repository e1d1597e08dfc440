//! [`Scratch`]: a network namespace that belongs to one test and ends with it.

use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::path::PathBuf;
use std::thread;

use netlink_bindings::rt_link::{self, IfinfoFlags, Ifinfomsg};
use netlink_socket2::NetlinkSocket;
use nix::sched::{CloneFlags, setns, unshare};

/// A network namespace of its own, with `lo` up and nothing else in it. It has no name and no process: it is gone when
/// this value is dropped and nothing else holds it.
pub(crate) struct Scratch {
    file: File,
}

impl Scratch {
    pub(crate) fn new() -> Self {
        let make = || {
            unshare(CloneFlags::CLONE_NEWNET).unwrap();
            let file = File::open("/proc/thread-self/ns/net").unwrap();
            let up = IfinfoFlags::Up as u32;
            let lo = Ifinfomsg { ifi_index: 1, ifi_flags: up, ifi_change: up, ..Ifinfomsg::new() };
            let request = rt_link::Request::new().op_newlink_do(&lo);
            NetlinkSocket::new().request(&request).unwrap().recv_ack().unwrap();
            file
        };
        Self { file: thread::spawn(make).join().unwrap() }
    }

    /// A file to reach it by, as long as this value lives, in this process.
    pub(crate) fn path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.file.as_raw_fd()).into()
    }

    /// Does `work` on a thread inside. Sockets that it opens stay there.
    pub(crate) fn inside<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let entered = || {
            setns(&self.file, CloneFlags::CLONE_NEWNET).unwrap();
            work()
        };
        thread::scope(|scope| scope.spawn(entered).join())
            .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    }
}

/// The interfaces of the calling thread's namespace, sorted.
pub(crate) fn interfaces() -> Vec<String> {
    let table = fs::read_to_string("/proc/thread-self/net/dev").unwrap();
    let mut names: Vec<String> =
        table.lines().filter_map(|line| Some(line.split_once(':')?.0.trim().to_owned())).collect();
    names.sort();
    names
}
