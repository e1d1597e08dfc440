//! [`Process`]: a process as a target, and which ones must never be hit.

use std::collections::BTreeSet;
use std::fs;

use chaos_core::{Error, Result, Target};
use procfs::process::{Process as Proc, Stat};

use super::identity::{Identity, there};
use crate::node::Node;

/// A process: its number and the moment it was started, so that a successor with the same number is never hit. Made by
/// [`Node::process`] and listed by [`Node::processes_named`] and its siblings.
///
/// Never hit are this program, its ancestors, guardians and others at work for it, the first process of the namespace and the kernel's own threads.
#[derive(Debug, Clone)]
pub struct Process {
    node: Node,
    identity: Identity,
    name: String,
    protected: Option<&'static str>,
}

impl Process {
    /// Its number.
    pub fn pid(&self) -> u32 {
        self.identity.pid
    }

    pub(crate) fn node(&self) -> &Node {
        &self.node
    }

    pub(crate) fn identity(&self) -> Identity {
        self.identity
    }

    /// Its line in `/proc`.
    ///
    /// # Errors
    /// Refused when it has ended.
    pub(crate) fn stat(&self) -> Result<Stat> {
        self.identity.stat()?.ok_or_else(|| Error::refused(format!("{} has ended", self.name())))
    }

    pub(super) fn new(node: &Node, spared: &Spared, proc: &Proc, stat: &Stat) -> Option<Self> {
        let pid = u32::try_from(stat.pid).ok()?;
        Some(Self {
            node: node.clone(),
            identity: Identity { pid, start: stat.starttime },
            name: stat.comm.clone(),
            protected: spared.reason(proc, stat),
        })
    }
}

impl Target for Process {
    const UNIT: &'static str = "process";

    fn id(&self) -> String {
        format!("{}@{}", self.identity.pid, self.identity.start)
    }

    fn name(&self) -> String {
        format!("{} ({})", self.identity.pid, self.name)
    }

    fn label(&self, key: &str) -> Option<&str> {
        (key == "name").then_some(self.name.as_str())
    }

    fn protected(&self) -> Option<String> {
        self.protected.map(str::to_owned)
    }
}

impl Node {
    /// The process that has the number `pid` now.
    ///
    /// # Errors
    /// No such process, or one that has ended and waits to be reaped.
    pub fn process(&self, pid: u32) -> Result<Process> {
        let none = || Error::invalid(format!("there is no process {pid}"));
        let spared = Spared::now()?;
        let identity = Identity::of(pid)?.ok_or_else(none)?;
        let stat = identity.stat()?.ok_or_else(none)?;
        let proc = there(Proc::new(stat.pid))?.ok_or_else(none)?;
        Process::new(self, &spared, &proc, &stat).ok_or_else(none)
    }
}

/// This program and its ancestors.
#[derive(Debug)]
pub(super) struct Spared {
    own: i32,
    ancestors: BTreeSet<i32>,
}

impl Spared {
    pub(super) fn now() -> Result<Self> {
        let seen: Option<u32> =
            fs::read_link("/proc/self").ok().and_then(|link| link.to_str().and_then(|pid| pid.parse().ok()));
        if seen != Some(std::process::id()) {
            return Err(Error::refused(
                "/proc shows another pid namespace than this program's: mount one of its own",
            ));
        }
        let mut ancestors = BTreeSet::new();
        let mut next = there(Proc::myself())?;
        let mut own = 0;
        while let Some(proc) = next.take() {
            if own == 0 {
                own = proc.pid();
            }
            let Some(stat) = there(proc.stat())? else { break };
            // An ancestor outside of our pid namespace reads as 0.
            if stat.ppid > 0 && ancestors.insert(stat.ppid) {
                next = there(Proc::new(stat.ppid))?;
            }
        }
        Ok(Self { own, ancestors })
    }

    /// Why this process is spared, if it is.
    fn reason(&self, proc: &Proc, stat: &Stat) -> Option<&'static str> {
        // PF_KTHREAD of the kernel's include/linux/sched.h.
        const KERNEL_THREAD: u32 = 0x0020_0000;
        if stat.pid == self.own {
            Some("it is this program")
        } else if stat.pid == 1 {
            Some("it is the first process: with it ends everything")
        } else if self.ancestors.contains(&stat.pid) {
            Some("this program runs below it")
        } else if stat.flags & KERNEL_THREAD != 0 {
            Some("it is a thread of the kernel")
        } else if proc.cmdline().is_ok_and(|words| is_of_ours(&words)) {
            Some("it is at work for a fault, or takes one back")
        } else {
            None
        }
    }
}

/// Guardians, tracers and stressors: programs started again with such a last argument.
fn is_of_ours(words: &[String]) -> bool {
    words.len() > 1 && words.last().is_some_and(|last| last.starts_with("--chaos-"))
}

#[cfg(test)]
mod tests {
    use chaos_core::Chaos;

    use super::*;

    #[test]
    fn this_program_its_ancestors_and_the_first_process_are_protected() {
        let node = Node::new(&Chaos::seeded(1));
        let reason = |pid: u32| node.process(pid).unwrap().protected().unwrap_or_default();
        assert!(reason(std::process::id()).contains("this program"));
        let parent = std::os::unix::process::parent_id();
        assert!(parent == 1 || reason(parent).contains("below it"));
        assert!(reason(1).contains("first process"));
    }

    #[test]
    fn kernel_threads_are_protected_where_they_are_seen() {
        let node = Node::new(&Chaos::seeded(1));
        let Ok(kthreadd) = node.process(2) else { return println!("not run: no process 2 is seen") };
        if kthreadd.name != "kthreadd" {
            return println!("not run: process 2 is not the kernel's");
        }
        assert!(kthreadd.protected().unwrap().contains("kernel"));
    }

    #[test]
    fn what_is_no_process_is_refused() {
        let node = Node::new(&Chaos::seeded(1));
        for pid in [0, u32::MAX, i32::MAX.unsigned_abs()] {
            let error = node.process(pid).unwrap_err();
            assert!(error.is_invalid() && error.to_string().contains("no process"), "{error}");
        }
    }
}
