//! A cgroup, as that of a container.

use std::thread;
use std::time::{Duration, Instant};

use chaos_core::units::{ms, us};

use super::World;
use crate::group::Group;
use crate::injector::{MEMORY, Wanted};

pub(crate) struct Stressed {
    group: Group,
}

impl Stressed {
    pub(crate) fn new() -> Self {
        Self { group: Group::new() }
    }
}

impl World for Stressed {
    fn wanted(&self) -> Wanted {
        Wanted::Stress { cgroup: self.group.main() }
    }

    /// Somebody works in it, or holds memory.
    fn feels(&mut self) -> bool {
        !self.group.pids_below().is_empty() || self.group.memory_of_processes() > MEMORY / 2
    }

    fn relieved(&mut self, since: Instant, bound: Duration) -> Option<Duration> {
        while since.elapsed() < bound {
            let (took, used) = (since.elapsed(), self.group.used());
            // Whoever ends is listed no more before it is through with that.
            thread::sleep(if self.feels() { us(500) } else { ms(10) });
            if !self.feels() && self.group.used() == used {
                return Some(took);
            }
        }
        None
    }

    fn left(&mut self) -> Vec<String> {
        let pids = self.group.pids_below();
        let dirs = self.group.children().into_iter().map(|_| "empty cgroup".to_owned());
        pids.into_iter().map(of).chain(dirs).collect()
    }
}

/// What a process is, and what it waits for.
fn of(pid: i32) -> String {
    let read = |file| std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
    format!("process {} in {}", read("stat"), read("wchan"))
}
