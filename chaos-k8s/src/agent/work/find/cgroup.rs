//! The cgroup of a container: the directory with its id, below the host's tree.

use std::collections::VecDeque;
use std::fs;
use std::path::{Path, PathBuf};

use chaos_core::{Error, Result};

use crate::agent::spec::ContainerCgroup;
use crate::node::process::ContainerId;
use crate::node::{Cgroup, Node};

/// The hierarchies of v1 that are looked into, the first that is there: a container is in all of them.
const HIERARCHIES: [&str; 3] = ["memory", "cpu", "freezer"];
/// Slices of systemd nest four deep, a container's own below that.
const DEEPEST: usize = 8;

/// The cgroup of the container.
pub(in crate::agent::work) fn cgroup(node: &Node, wanted: &ContainerCgroup) -> Result<Cgroup> {
    let id: ContainerId = wanted.container.parse()?;
    let root = tree(&wanted.root)?;
    let mut found = below(&root, &id);
    match (found.pop(), found.pop()) {
        (None, _) => Err(Error::refused(format!(
            "no cgroup of container {id} is below {}: it has ended, is on another node, or the host's tree is not mounted there",
            root.display()
        ))),
        (Some(one), None) => node.cgroup_at(one),
        (Some(one), Some(two)) => Err(Error::refused(format!(
            "{} and {} both are cgroups of container {id}",
            one.display(),
            two.display()
        ))),
    }
}

/// The directory whose tree has all containers.
fn tree(root: &Path) -> Result<PathBuf> {
    if root.join("cgroup.controllers").exists() {
        return Ok(root.to_owned());
    }
    let hierarchies = HIERARCHIES.iter().map(|name| root.join(name));
    hierarchies.into_iter().find(|dir| dir.join("cgroup.procs").exists()).ok_or_else(|| {
        Error::refused(format!(
            "{} is no tree of cgroups: mount the host's /sys/fs/cgroup there",
            root.display()
        ))
    })
}

fn below(root: &Path, id: &ContainerId) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = VecDeque::from([(root.to_owned(), 0)]);
    while let Some((dir, depth)) = waiting.pop_front() {
        // One that went meanwhile has nothing in it.
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            if !entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                continue;
            }
            if id.found_in(Path::new(&entry.file_name())).is_some() {
                found.push(entry.path());
            } else if depth < DEEPEST {
                waiting.push_back((entry.path(), depth + 1));
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4f1c0b6d2a9e8f7c6b5a4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a";

    #[test]
    fn the_container_s_directory_is_found_and_no_other() {
        let home = tempfile::tempdir().unwrap();
        let id: ContainerId = ID.parse().unwrap();
        let pod = home.path().join("kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod1.slice");
        let container = pod.join(format!("cri-containerd-{ID}.scope"));
        for dir in
            [&container.join("below"), &pod.join(format!("crio-conmon-{ID}.scope")), &pod.join("other")]
        {
            fs::create_dir_all(dir).unwrap();
        }
        std::os::unix::fs::symlink(&pod, home.path().join("again")).unwrap();
        assert_eq!(below(home.path(), &id), [container]);
        assert!(below(home.path(), &ID.replacen('4', "5", 1).parse().unwrap()).is_empty());
    }

    #[test]
    fn what_is_no_tree_is_refused() {
        let home = tempfile::tempdir().unwrap();
        assert!(tree(home.path()).unwrap_err().is_refused());
        fs::write(home.path().join("cgroup.controllers"), "cpu").unwrap();
        assert_eq!(tree(home.path()).unwrap(), home.path());
    }
}
