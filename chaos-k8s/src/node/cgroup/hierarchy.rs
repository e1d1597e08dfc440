//! [`Hierarchies`]: where the kernel's cgroup trees are mounted, and which directories a process's cgroup is.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use chaos_core::{Error, Result};
use procfs::process::{MountInfo, Process};

use super::delegate;
use super::dirs::{Dirs, is_cgroup};

/// The controllers in whose v1 hierarchies a cgroup of ours gets a directory. Not `cpuset`: a new child of it has no
/// processor, and moving there gives ENOSPC.
const CONTROLLERS: [&str; 6] = ["freezer", "cpu", "cpuacct", "memory", "pids", "blkio"];

/// One mounted tree.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Tree {
    /// Of v1, as the kernel lists them; empty for v2.
    controllers: Vec<String>,
    point: PathBuf,
    /// The cgroup that the mount point is.
    root: PathBuf,
}

/// The trees that are mounted here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hierarchies {
    trees: Vec<Tree>,
    is_v2: bool,
    nsdelegate: bool,
}

impl Hierarchies {
    /// # Errors
    /// Refused when no cgroup tree is mounted.
    pub(crate) fn read() -> Result<Self> {
        let mounts = delegate::as_the_host(|| Ok(this_process()?.mountinfo().map_err(unread)?.0))?;
        let all: Vec<String> = this_process()?
            .cgroups()
            .map_err(unread)?
            .0
            .into_iter()
            .map(|cgroup| cgroup.controllers.join(","))
            .filter(|controllers| !controllers.is_empty())
            .collect();
        Self::of(&mounts, &all)
    }

    fn of(mounts: &[MountInfo], hierarchies: &[String]) -> Result<Self> {
        let tree = |mount: &MountInfo, controllers: Vec<String>| Tree {
            controllers,
            point: mount.mount_point.clone(),
            root: PathBuf::from(&mount.root),
        };
        // A container has some mounted more than once: the one that shows most.
        let best = |mounts: Vec<&MountInfo>| mounts.into_iter().min_by_key(|mount| mount.root.len()).cloned();
        let mut v1 = Vec::new();
        for hierarchy in hierarchies {
            let controllers: Vec<String> = hierarchy.split(',').map(str::to_owned).collect();
            if !controllers.iter().any(|one| CONTROLLERS.contains(&one.as_str())) {
                continue;
            }
            let is_it = |mount: &&MountInfo| {
                mount.fs_type == "cgroup"
                    && controllers.iter().all(|one| mount.super_options.contains_key(one))
            };
            if let Some(mount) = best(mounts.iter().filter(is_it).collect()) {
                v1.push(tree(&mount, controllers));
            }
        }
        if !v1.is_empty() {
            return Ok(Self { trees: v1, is_v2: false, nsdelegate: false });
        }
        let v2 = best(mounts.iter().filter(|mount| mount.fs_type == "cgroup2").collect()).ok_or_else(|| {
            Error::refused("no cgroup tree is mounted here: mount one on /sys/fs/cgroup, or give the container the host's")
        })?;
        let nsdelegate = v2.super_options.contains_key("nsdelegate");
        Ok(Self { trees: vec![tree(&v2, Vec::new())], is_v2: true, nsdelegate })
    }

    /// The cgroup of a process. On v1 hierarchies that are not mounted are left out.
    pub(crate) fn dirs_of(&self, pid: u32) -> Result<Dirs> {
        let gone = || Error::invalid(format!("there is no process {pid}"));
        let number = i32::try_from(pid).map_err(|_| gone())?;
        let listed =
            delegate::as_the_host(|| match Process::new(number).and_then(|process| process.cgroups()) {
                Ok(cgroups) => Ok(cgroups.0),
                Err(procfs::ProcError::NotFound(_)) => Err(gone()),
                Err(source) => Err(unread(source)),
            })?;
        let mut dirs = BTreeMap::new();
        for tree in &self.trees {
            let Some(cgroup) = listed.iter().find(|cgroup| cgroup.controllers == tree.controllers) else {
                continue;
            };
            dirs.insert(tree.controllers.join(","), tree.dir_of(Path::new(&cgroup.pathname))?);
        }
        self.found(dirs, &format!("process {pid}"))
    }

    /// The cgroup that this directory is. On v1 any of its directories: the others are those of the same path in the
    /// other hierarchies.
    pub(crate) fn dirs_at(&self, path: &Path) -> Result<Dirs> {
        let none = || {
            Error::invalid(format!(
                "{} is no cgroup: give a directory below {}",
                path.display(),
                self.trees.first().map_or(Path::new("/sys/fs/cgroup"), |tree| &tree.point).display()
            ))
        };
        let path = path.canonicalize().map_err(|source| none().with_source(source))?;
        // Deeper mount points first: on v1 all lie below one directory.
        let tree = self.trees.iter().filter(|tree| path.starts_with(&tree.point));
        let tree = tree.max_by_key(|tree| tree.point.as_os_str().len()).ok_or_else(none)?;
        if !is_cgroup(&path) {
            return Err(none());
        }
        let inside = path.strip_prefix(&tree.point).map_err(|_| none())?;
        let same = |tree: &Tree| (tree.controllers.join(","), tree.point.join(inside));
        let dirs = self.trees.iter().map(same).filter(|(_, dir)| is_cgroup(dir)).collect();
        self.found(dirs, &path.display().to_string())
    }

    /// The whole machine, as far as it is mounted here.
    pub(crate) fn roots(&self) -> Result<Dirs> {
        let dirs = self.trees.iter().map(|tree| (tree.controllers.join(","), tree.point.clone())).collect();
        self.found(dirs, "the host")
    }

    /// The highest cgroups above this process's own that we may make one in: for root the roots.
    pub(crate) fn highest(&self) -> Result<Dirs> {
        let own = self.dirs_of(std::process::id())?;
        let may_write = |dir: &Path| rustix::fs::access(dir, rustix::fs::Access::WRITE_OK).is_ok();
        Ok(own.map(|dir| {
            let above = dir.ancestors().take_while(|above| is_cgroup(above));
            above.filter(|above| may_write(above)).last().unwrap_or(dir).to_owned()
        }))
    }

    fn found(&self, mut dirs: BTreeMap<String, PathBuf>, of: &str) -> Result<Dirs> {
        match (self.is_v2, dirs.pop_first()) {
            (_, None) => Err(Error::refused(format!("{of}: its cgroup is in no tree that is mounted here"))),
            (true, Some((_, dir))) => Ok(Dirs::V2(dir)),
            (false, Some((name, dir))) => {
                dirs.insert(name, dir);
                Ok(Dirs::V1(dirs))
            }
        }
    }

    /// Whether `dir` is a mount point, above which there is nothing to go to.
    pub(crate) fn is_root(&self, dir: &Path) -> bool {
        self.trees.iter().any(|tree| tree.point == dir)
    }

    /// On v1, the freezer's directory of this process: by it a cgroup of ours is ended where the target has none.
    pub(super) fn own_freezer(&self) -> Result<(String, PathBuf)> {
        let tree = self.trees.iter().find(|tree| tree.controllers.iter().any(|one| one == "freezer"));
        let tree = tree.ok_or_else(|| {
            Error::refused(
                "the freezer's hierarchy is not mounted, by which a cgroup (v1) is ended: mount it",
            )
        })?;
        let own = self.dirs_of(std::process::id())?;
        let dir = own.of("freezer").unwrap_or(&tree.point).to_owned();
        Ok((tree.controllers.join(","), dir))
    }

    /// Why a process of ours cannot be moved to where paths lead out of our cgroup namespace.
    pub(super) fn border(&self) -> Option<&'static str> {
        (self.nsdelegate && !delegate::is_outermost() && !delegate::may_cross()).then_some(
            "this container has a cgroup namespace of its own and the tree is mounted with nsdelegate: share the host's pids \
             and give it CAP_SYS_ADMIN and CAP_SYS_PTRACE",
        )
    }
}

impl Tree {
    fn dir_of(&self, cgroup: &Path) -> Result<PathBuf> {
        let inside = cgroup.strip_prefix(&self.root).ok().filter(|inside| !climbs(inside));
        let inside = inside.ok_or_else(|| {
            Error::refused(format!(
                "cgroup {} is not below {}, which is mounted at {}: mount the host's tree, or share the host's pids with \
                 CAP_SYS_ADMIN and CAP_SYS_PTRACE, so that its path can be read",
                cgroup.display(),
                self.root.display(),
                self.point.display()
            ))
        })?;
        let dir = self.point.join(inside);
        if is_cgroup(&dir) {
            Ok(dir)
        } else {
            Err(Error::refused(format!("cgroup {} is gone", dir.display())))
        }
    }
}

fn climbs(path: &Path) -> bool {
    path.components().any(|part| matches!(part, std::path::Component::ParentDir))
}

fn this_process() -> Result<Process> {
    // What it says of cgroups is what the thread that reads sees from its own cgroup namespace.
    Process::myself().map_err(unread)
}

fn unread(source: procfs::ProcError) -> Error {
    Error::failed("/proc cannot be read").with_source(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mounts(lines: &str) -> Vec<MountInfo> {
        lines.lines().map(|line| MountInfo::from_line(line.trim()).unwrap()).collect()
    }

    #[test]
    fn v1_has_a_directory_per_hierarchy_but_for_cpuset() {
        let mounts = mounts(
            "26 25 0:21 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
             27 25 0:22 /docker/a /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
             28 25 0:23 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset
             29 25 0:24 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw,nsdelegate",
        );
        let found =
            Hierarchies::of(&mounts, &["cpu,cpuacct".into(), "memory".into(), "cpuset".into()]).unwrap();
        assert!(!found.is_v2 && found.trees.len() == 2, "{found:?}");
        let memory = found.trees.iter().find(|tree| tree.controllers == ["memory"]).unwrap();
        let error = memory.dir_of(Path::new("/docker/b")).unwrap_err();
        assert!(error.is_refused() && error.to_string().contains("/docker/b"), "{error}");
    }

    #[test]
    fn v2_is_one_and_a_path_that_leads_out_of_the_namespace_is_refused() {
        let mounts = mounts("29 25 0:24 /../../.. /sys/fs/cgroup rw - cgroup2 cgroup2 rw,nsdelegate");
        let found = Hierarchies::of(&mounts, &[]).unwrap();
        assert!(found.is_v2 && found.nsdelegate);
        assert!(found.trees[0].dir_of(Path::new("/../other")).unwrap_err().is_refused());
        assert!(Hierarchies::of(&[], &[]).unwrap_err().is_refused());
    }

    #[test]
    fn what_is_no_cgroup_is_refused() {
        let Ok(found) = Hierarchies::read() else {
            return println!("not run: no cgroup tree is mounted here");
        };
        for path in ["/", "/proc/self", "/nowhere"] {
            assert!(found.dirs_at(Path::new(path)).unwrap_err().is_invalid(), "{path}");
        }
        assert!(found.dirs_of(u32::MAX).unwrap_err().is_invalid());
        assert!(found.dirs_of(999_999_999).unwrap_err().is_invalid());
        found.dirs_of(std::process::id()).unwrap();
    }
}
