//! [`Container`]: a cgroup with a container's name, and a process in it.

use std::fs;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};

use crate::agent::{command, wait_until};
use crate::group::Group;

/// A user without rights.
pub(crate) const NOBODY: u32 = 65534;

pub(crate) struct Container {
    process: Ended,
    pub(crate) id: String,
    pub(crate) group: Group,
    pod: Group,
}

impl Container {
    pub(crate) fn new() -> Self {
        Self::as_user(0)
    }

    pub(crate) fn as_user(user: u32) -> Self {
        let mut process = command("sleep");
        process.arg("600").uid(user);
        Self::of(process)
    }

    /// With a file system of its own, as these words of a shell make it.
    pub(crate) fn with_own_files(words: &str) -> Self {
        let mut process = command("unshare");
        process.args(["--mount", "sh", "-c", &format!("{words} && exec sleep 600")]);
        let container = Self::of(process);
        let name = || fs::read_to_string(format!("/proc/{}/comm", container.pid())).unwrap();
        wait_until("its files are there", || name().trim() == "sleep");
        container
    }

    pub(crate) fn pid(&self) -> u32 {
        self.process.0.id()
    }

    fn of(mut process: Command) -> Self {
        let pod = Group::new();
        let bytes: [u8; 32] = std::array::from_fn(|_| rand());
        let id: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        let group = pod.child(&id);
        let process = process.stdout(Stdio::null()).spawn().unwrap();
        group.take(process.id());
        Self { process: Ended(process), id, group, pod }
    }

    /// As Kubernetes writes it.
    pub(crate) fn id(&self) -> String {
        format!("containerd://{}", self.id)
    }

    /// The letter of its process's state (proc_pid_stat(5)); `Z` when it has ended.
    pub(crate) fn state(&self) -> char {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.process.0.id())).unwrap();
        stat.rsplit_once(") ").unwrap().1.chars().next().unwrap()
    }

    /// Its process ends; its cgroups, the pod's and its own, as long as they are looked at, do not. What is bound last is dropped
    /// first, as it must be.
    pub(crate) fn end(self) -> (Group, Group) {
        drop(self.process);
        (self.pod, self.group)
    }

    /// A process more, called `sleep` too.
    pub(crate) fn another(&self) -> Ended {
        let process = command("sleep").arg("600").stdout(Stdio::null()).spawn().unwrap();
        self.group.take(process.id());
        Ended(process)
    }
}

/// A process that ends with its test.
pub(crate) struct Ended(Child);

impl Ended {
    pub(crate) fn lives(&mut self) -> bool {
        self.0.try_wait().unwrap().is_none()
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn rand() -> u8 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0) as u8
}
