//! Control groups: which version, and what ends a group.

use std::path::Path;

use nix::sys::statfs::{CGROUP2_SUPER_MAGIC, statfs};

use super::finding::{Finding, State};

const ROOT: &str = "/sys/fs/cgroup";

pub(super) fn look() -> Vec<Finding> {
    let is_v2 = statfs(ROOT).is_ok_and(|found| found.filesystem_type() == CGROUP2_SUPER_MAGIC);
    let v1 = ["cpu", "memory", "freezer"].map(|hierarchy| Path::new(ROOT).join(hierarchy).is_dir());
    let seen = |there: bool, because: &str| match there {
        true => State::Works,
        false => State::Missing { because: because.to_owned() },
    };
    let kill = match is_v2 {
        // The root has no such file; its children do. Ours is below it.
        true => seen(has_kill(), "no cgroup.kill in any group"),
        false => seen(v1[2], "neither version 2 nor a freezer of version 1"),
    };
    vec![
        Finding {
            group: "cgroups",
            name: "cgroups",
            what_for: if is_v2 {
                "stress within a container's limits (version 2)"
            } else {
                "stress within a container's limits (version 1)"
            },
            brought_by: "a mount of cgroup2 or of cpu, memory and freezer at /sys/fs/cgroup",
            without: "stress of the whole machine",
            state: seen(is_v2 || v1.iter().all(|there| *there), "not mounted at /sys/fs/cgroup"),
        },
        Finding {
            group: "cgroups",
            name: "cgroup end",
            what_for: "ending all stressors of a fault at once",
            brought_by: "Linux 5.14 for cgroup.kill, or the freezer of version 1",
            without: "stressors that end one by one",
            state: kill,
        },
    ]
}

/// Whether groups have `cgroup.kill`. The root has none; where there is no other group, the release says it.
fn has_kill() -> bool {
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default();
    let own = own.lines().find_map(|line| line.strip_prefix("0::/")).unwrap_or_default();
    let children = || std::fs::read_dir(ROOT).into_iter().flatten().flatten().map(|child| child.path());
    let group = match own {
        "" => children().find(|child| child.join("cgroup.procs").exists()),
        own => Some(Path::new(ROOT).join(own)),
    };
    group.map_or_else(|| super::release() >= Some((5, 14)), |group| group.join("cgroup.kill").exists())
}
