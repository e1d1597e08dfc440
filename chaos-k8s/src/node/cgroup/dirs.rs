//! [`Dirs`]: the directories that one cgroup is.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// One directory on v2; on v1 one per hierarchy, by the controllers of the hierarchy (`"memory"`, `"cpu,cpuacct"`); or none,
/// for processes that stay where they are started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Dirs {
    V2(PathBuf),
    V1(BTreeMap<String, PathBuf>),
    /// By a name of its own.
    None(PathBuf),
}

impl Dirs {
    /// The one where `controller` is, whether or not it is switched on there.
    pub(crate) fn of(&self, controller: &str) -> Option<&Path> {
        match self {
            Self::V2(dir) => Some(dir),
            Self::V1(dirs) => dirs
                .iter()
                .find(|(controllers, _)| controllers.split(',').any(|one| one == controller))
                .map(|(_, dir)| dir.as_path()),
            Self::None(_) => None,
        }
    }

    pub(crate) fn all(&self) -> Vec<&Path> {
        match self {
            Self::V2(dir) => vec![dir],
            Self::V1(dirs) => dirs.values().map(PathBuf::as_path).collect(),
            Self::None(_) => Vec::new(),
        }
    }

    /// What people call it: on v1 the directory that limits memory, where there is one.
    pub(crate) fn main(&self) -> &Path {
        if let Self::None(name) = self {
            return name;
        }
        let first = || self.all().first().copied().unwrap_or(Path::new("/"));
        self.of("memory").or_else(|| self.of("cpu")).unwrap_or_else(first)
    }

    pub(crate) fn is_v2(&self) -> bool {
        matches!(self, Self::V2(_))
    }

    pub(super) fn map(&self, change: impl Fn(&Path) -> PathBuf) -> Self {
        match self {
            Self::V2(dir) => Self::V2(change(dir)),
            Self::V1(dirs) => Self::V1(dirs.iter().map(|(name, dir)| (name.clone(), change(dir))).collect()),
            Self::None(name) => Self::None(name.clone()),
        }
    }

    pub(super) fn child(&self, name: &str) -> Self {
        self.map(|dir| dir.join(name))
    }

    /// Whether a process is in it or below it, also one of another pid namespace: those are not among [`pids`](Self::pids) on v1, and
    /// counted by its controller `pids` all the same, until their parent has heard of their end.
    pub(crate) fn is_populated(&self) -> bool {
        let read = |dir: &Path, file: &str| fs::read_to_string(dir.join(file)).unwrap_or_default();
        match self {
            Self::V2(dir) => read(dir, "cgroup.events").lines().any(|line| line == "populated 1"),
            Self::V1(_) | Self::None(_) => {
                let counted = self.of("pids").map(|dir| read(dir, "pids.current"));
                let counted = counted.and_then(|count| count.trim().parse::<u64>().ok());
                counted.is_some_and(|count| count > 0) || !self.pids_below().is_empty()
            }
        }
    }

    /// The processes in it, and not in those below it. Those of another pid namespace read as 0 on v2, and are left
    /// out on v1 (kernel/cgroup/cgroup-v1.c, `pidlist_array_load`).
    pub(crate) fn pids(&self) -> Vec<u32> {
        pids_in(self.all().into_iter().map(Path::to_owned).collect())
    }

    /// The processes in it and below it.
    pub(crate) fn pids_below(&self) -> Vec<u32> {
        let mut all: Vec<PathBuf> = self.all().into_iter().map(Path::to_owned).collect();
        let mut next = 0;
        // A cgroup that went meanwhile has nothing in it.
        while let Some(dir) = all.get(next) {
            let below = fs::read_dir(dir).into_iter().flatten().flatten();
            let below = below.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir()));
            let below: Vec<PathBuf> = below.map(|entry| entry.path()).collect();
            all.extend(below);
            next += 1;
        }
        pids_in(all)
    }
}

fn pids_in(dirs: Vec<PathBuf>) -> Vec<u32> {
    let lists = dirs.iter().filter_map(|dir| fs::read_to_string(dir.join("cgroup.procs")).ok());
    let mut pids: Vec<u32> = lists
        .flat_map(|text| text.lines().filter_map(|line| line.trim().parse().ok()).collect::<Vec<u32>>())
        .collect();
    pids.sort_unstable();
    pids.dedup();
    pids
}

/// Whether a directory is a cgroup.
pub(super) fn is_cgroup(dir: &Path) -> bool {
    dir.join("cgroup.procs").exists()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_controller_is_found_where_hierarchies_share_a_mount() {
        let dirs = Dirs::V1(BTreeMap::from([
            ("cpu,cpuacct".to_owned(), PathBuf::from("/c/a")),
            ("memory".to_owned(), PathBuf::from("/m/a")),
        ]));
        assert_eq!(dirs.of("cpuacct"), Some(Path::new("/c/a")));
        assert_eq!(dirs.of("pids"), None);
        assert_eq!(dirs.main(), Path::new("/m/a"));
        assert_eq!(dirs.child("x").of("cpu"), Some(Path::new("/c/a/x")));
        let read: Dirs = serde_json::from_str(&serde_json::to_string(&dirs).unwrap()).unwrap();
        assert_eq!(read, dirs);
    }
}
