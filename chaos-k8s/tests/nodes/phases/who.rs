//! [`Who`]: who dies besides the controller, or instead of it.

use std::time::{Duration, Instant};

use chaos_core::units::{ms, secs};
use procfs::process::{Process, all_processes};
use rustix::process::{Pid, Signal, kill_process};

use super::death::Phase;
use crate::scene::{HERE, script};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Who {
    /// The process that has put the fault in force: its guardian takes back what it had.
    Agent,
    /// Its guardian, the first process of its container.
    Guardian,
    /// Both, and with them the container.
    Container,
    Kubelet,
    ApiServer,
}

/// How long an agent may take until its processes are there.
const STARTS: Duration = secs(60);

impl Who {
    /// Whether all faults at the same time have it in common.
    pub(super) fn is_common(self) -> bool {
        matches!(self, Self::Kubelet | Self::ApiServer)
    }

    /// Kills what all have in common.
    pub(super) fn kill(self) {
        match self {
            Self::Kubelet => drop(script("gx", &[HERE, "kill -9 $(pgrep -f '[k]ubelet --')"])),
            Self::ApiServer => drop(script("component", &["kill", "kube-apiserver"])),
            _ => unreachable!("{self:?} is one life's own"),
        }
    }

    /// The API server is started again; a kubelet is by its node.
    pub(super) fn start(self) {
        if self == Self::ApiServer {
            script("component", &["start", "kube-apiserver"]);
        }
    }

    /// Kills what is an agent's in the pod of this name, as soon as it is there; false where it has ended before, or does not come.
    pub(super) fn kill_in(self, pod: &str, phase: Phase) -> bool {
        let begun = Instant::now();
        let patience = if phase == Phase::Starting { STARTS } else { secs(1) };
        while begun.elapsed() < patience {
            let agents = agents(pod);
            let to_kill = match (self, agents.as_slice()) {
                (Self::Agent, [_, .., newest]) => std::slice::from_ref(newest),
                (Self::Guardian, [first, _, ..]) => std::slice::from_ref(first),
                (Self::Container, [_, ..]) => &agents,
                _ => {
                    std::thread::sleep(ms(2));
                    continue;
                }
            };
            for pid in to_kill {
                // Gone meanwhile with the first of them.
                let _ = kill_process(Pid::from_raw(*pid).unwrap(), Signal::KILL);
            }
            return true;
        }
        false
    }
}

/// The processes of an agent in this pod, the first one first. A node on this machine's kernel hides none of them.
fn agents(pod: &str) -> Vec<i32> {
    let all = all_processes().unwrap().filter_map(Result::ok).filter(|process| is_agent(process, pod));
    let mut agents: Vec<(u64, i32)> =
        all.filter_map(|process| Some((process.stat().ok()?.starttime, process.pid()))).collect();
    agents.sort_unstable();
    agents.into_iter().map(|(_, pid)| pid).collect()
}

/// Not one that tells another an order, nor one that is being started. The name of a pod is its host's.
fn is_agent(process: &Process, pod: &str) -> bool {
    let words = process.cmdline().unwrap_or_default();
    let is_agent = words.first().is_some_and(|program| program.ends_with("chaos-agent"));
    if !is_agent || words.get(1).is_some_and(|word| word == "tell") {
        return false;
    }
    let host = process.environ().ok().and_then(|mut all| all.remove(std::ffi::OsStr::new("HOSTNAME")));
    host.is_some_and(|host| host == pod)
}
