//! [`Limits`]: what a cgroup may have, its ancestors counted, and what the kernel did when it wanted more.

use std::fs;
use std::path::Path;

use chaos_core::{Error, Result};
use procfs::Current;

use super::dirs::{Dirs, is_cgroup};

/// The limits that apply in a cgroup: the lowest of its own and of all above it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Limits {
    /// Bytes; the host's memory, where no cgroup allows less.
    pub(crate) memory: u64,
    /// Whether that is a cgroup's limit.
    pub(crate) memory_is_limited: bool,
    /// Processors' worth of time, where there is a quota.
    pub(crate) cpus: Option<f64>,
    /// Processes and threads, where they are limited.
    pub(crate) tasks: Option<u64>,
    /// Whether the kernel kills all of a cgroup when memory is out here and it kills one in ours (`memory.oom.group`, v2).
    pub(crate) killed_as_one: bool,
}

impl Limits {
    pub(crate) fn of(dirs: &Dirs) -> Result<Self> {
        let host = procfs::Meminfo::current()
            .map_err(|source| Error::failed("/proc/meminfo cannot be read").with_source(source))?
            .mem_total;
        let memory = match dirs {
            Dirs::V2(_) => lowest(dirs, "memory", |dir| number(dir, "memory.max")),
            Dirs::V1(_) | Dirs::None(_) => lowest(dirs, "memory", |dir| number(dir, "memory.limit_in_bytes")),
        };
        // "No limit" of v1 is a number near 2^63.
        let memory = memory.filter(|limit| *limit < host);
        let cpus = match dirs {
            Dirs::V2(_) => lowest(dirs, "cpu", quota_of_v2),
            Dirs::V1(_) | Dirs::None(_) => lowest(dirs, "cpu", quota_of_v1),
        };
        let killed_as_one = dirs.is_v2() && dirs.of("memory").is_some_and(are_killed_as_one);
        Ok(Self {
            memory: memory.unwrap_or(host),
            memory_is_limited: memory.is_some(),
            cpus: cpus.map(|thousandths| thousandths as f64 / 1000.0),
            tasks: lowest(dirs, "pids", |dir| number(dir, "pids.max")),
            killed_as_one,
        })
    }
}

/// How often the out-of-memory killer struck in the cgroup, or in the nearest above it that counts. The count is there
/// since Linux 4.13.
pub(crate) fn oom_kills(dirs: &Dirs) -> Option<u64> {
    let name = if dirs.is_v2() { "memory.events" } else { "memory.oom_control" };
    dirs.of("memory")?.ancestors().take_while(|dir| is_cgroup(dir)).find_map(|dir| {
        let text = fs::read_to_string(dir.join(name)).ok()?;
        text.lines()
            .find_map(|line| line.strip_prefix("oom_kill "))
            .and_then(|count| count.trim().parse().ok())
    })
}

fn lowest(dirs: &Dirs, controller: &str, limit: impl Fn(&Path) -> Option<u64>) -> Option<u64> {
    dirs.of(controller)?.ancestors().take_while(|dir| is_cgroup(dir)).filter_map(limit).min()
}

/// A number in a file; none for `max`, and where there is no file.
fn number(dir: &Path, file: &str) -> Option<u64> {
    fs::read_to_string(dir.join(file)).ok()?.trim().parse().ok()
}

/// As `mem_cgroup_get_oom_group` in mm/memcontrol.c has it: a mark on a cgroup from the victim's up to the one whose limit is
/// reached, which is the lowest; without a limit up to the root.
fn are_killed_as_one(dir: &Path) -> bool {
    let above: Vec<&Path> = dir.ancestors().take_while(|dir| is_cgroup(dir)).collect();
    let limits = above.iter().enumerate().filter_map(|(nth, dir)| Some((number(dir, "memory.max")?, nth)));
    let out_at = limits.min().map_or(above.len(), |(_, nth)| nth + 1);
    above[..out_at].iter().any(|dir| number(dir, "memory.oom.group") == Some(1))
}

/// In thousandths of a processor: `cpu.max` is "quota period", both in microseconds.
fn quota_of_v2(dir: &Path) -> Option<u64> {
    let text = fs::read_to_string(dir.join("cpu.max")).ok()?;
    let (quota, period) = text.trim().split_once(' ')?;
    Some(quota.parse::<u64>().ok()? * 1000 / period.parse::<u64>().ok()?.max(1))
}

fn quota_of_v1(dir: &Path) -> Option<u64> {
    // -1 is "no quota" and does not parse.
    Some(number(dir, "cpu.cfs_quota_us")? * 1000 / number(dir, "cpu.cfs_period_us")?.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cgroup(dir: &Path, files: &[(&str, &str)]) {
        fs::create_dir_all(dir).unwrap();
        for (name, text) in [("cgroup.procs", "")].iter().chain(files) {
            fs::write(dir.join(name), text).unwrap();
        }
    }

    #[test]
    fn the_lowest_of_all_above_applies() {
        let home = tempfile::tempdir().unwrap();
        let [pod, container] = ["pod", "pod/container"].map(|name| home.path().join(name));
        cgroup(&pod, &[("memory.max", "67108864\n"), ("cpu.max", "max 100000\n"), ("pids.max", "9\n")]);
        cgroup(
            &container,
            &[
                ("memory.max", "max\n"),
                ("cpu.max", "30000 100000\n"),
                ("memory.oom.group", "1\n"),
                ("memory.events", "low 0\noom 3\noom_kill 2\noom_group_kill 0\n"),
            ],
        );
        let dirs = Dirs::V2(container.clone());
        let limits = Limits::of(&dirs).unwrap();
        assert_eq!(
            limits,
            Limits {
                memory: 64 << 20,
                memory_is_limited: true,
                cpus: Some(0.3),
                tasks: Some(9),
                killed_as_one: true
            }
        );
        assert_eq!(oom_kills(&Dirs::V2(container.join("ours"))), None);
        cgroup(&container.join("ours"), &[]);
        assert_eq!(oom_kills(&Dirs::V2(container.join("ours"))), Some(2));
    }

    #[test]
    fn a_mark_above_the_limit_that_is_reached_kills_nobody_else() {
        let home = tempfile::tempdir().unwrap();
        let [pod, container] = ["pod", "pod/container"].map(|name| home.path().join(name));
        let killed = |pod_max: &str, container_max: &str| {
            cgroup(&pod, &[("memory.max", pod_max), ("memory.oom.group", "1\n")]);
            cgroup(&container, &[("memory.max", container_max), ("memory.oom.group", "0\n")]);
            Limits::of(&Dirs::V2(container.clone())).unwrap().killed_as_one
        };
        assert!(!killed("67108864\n", "33554432\n"), "the container's limit is reached first");
        assert!(killed("33554432\n", "67108864\n") && killed("33554432\n", "max\n"), "the pod's is");
        assert!(killed("max\n", "max\n"), "the host's is");
    }

    #[test]
    fn without_limits_it_is_the_host() {
        let home = tempfile::tempdir().unwrap();
        cgroup(
            home.path(),
            &[
                ("memory.limit_in_bytes", "9223372036854771712\n"),
                ("cpu.cfs_quota_us", "-1\n"),
                ("cpu.cfs_period_us", "100000\n"),
            ],
        );
        let dirs = ["memory", "cpu"].map(|name| (name.to_owned(), home.path().to_owned()));
        let limits = Limits::of(&Dirs::V1(dirs.into())).unwrap();
        assert!(!limits.memory_is_limited && limits.memory > 0);
        assert_eq!((limits.cpus, limits.tasks), (None, None));
    }
}
