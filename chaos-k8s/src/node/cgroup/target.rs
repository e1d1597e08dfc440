//! [`Cgroup`]: a control group as a target.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use chaos_core::{Error, Result, Target};

use super::dirs::Dirs;
use super::hierarchy::Hierarchies;
use super::own;
use crate::node::Node;

/// How a cgroup was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Origin {
    Process(u32),
    Path,
    Own,
    Host,
}

/// A cgroup: of a process, of a directory in `/sys/fs/cgroup`, this program's own, or the whole host. Made by [`Node`].
///
/// ```
/// use chaos_core::{Chaos, Target};
/// use chaos_k8s::Node;
/// let node = Node::new(&Chaos::seeded(7));
/// assert_eq!(node.host()?.name(), "the host");
/// # Ok::<(), chaos_core::Error>(())
/// ```
///
/// A container is its cgroup: with the runtime's pid of its first process, [`Node::cgroup_of`] finds it.
#[derive(Debug, Clone)]
pub struct Cgroup {
    node: Node,
    dirs: Dirs,
    hierarchies: Hierarchies,
    /// Of its main directory: the kernel never gives the number of a removed cgroup to the next of the same name.
    inode: u64,
    origin: Origin,
    is_own: bool,
    /// Whether this program is in it, or below it.
    holds_us: bool,
}

impl Cgroup {
    pub(crate) fn of_process(node: &Node, pid: u32) -> Result<Self> {
        let hierarchies = Hierarchies::read()?;
        let dirs = hierarchies.dirs_of(pid)?;
        Self::new(node, hierarchies, dirs, Origin::Process(pid))
    }

    pub(crate) fn at(node: &Node, path: &Path) -> Result<Self> {
        let hierarchies = Hierarchies::read()?;
        let dirs = hierarchies.dirs_at(path)?;
        Self::new(node, hierarchies, dirs, Origin::Path)
    }

    pub(crate) fn own(node: &Node) -> Result<Self> {
        let hierarchies = Hierarchies::read()?;
        let dirs = hierarchies.dirs_of(std::process::id())?;
        Self::new(node, hierarchies, dirs, Origin::Own)
    }

    pub(crate) fn host(node: &Node) -> Result<Self> {
        let hierarchies = Hierarchies::read()?;
        let dirs = hierarchies.roots()?;
        Self::new(node, hierarchies, dirs, Origin::Host)
    }

    fn new(node: &Node, hierarchies: Hierarchies, dirs: Dirs, origin: Origin) -> Result<Self> {
        let inode = inode(dirs.main())?;
        // Seen from a namespace whose outside is not known it cannot be said, and is not ours as far as anybody can tell.
        let own = hierarchies.dirs_of(std::process::id());
        let is_own = own.as_ref().is_ok_and(|own| *own == dirs);
        let holds = |own: &Path| dirs.all().into_iter().any(|dir| own.starts_with(dir));
        let holds_us = own.is_ok_and(|own| own.all().into_iter().any(holds));
        Ok(Self { node: node.clone(), dirs, hierarchies, inode, origin, is_own, holds_us })
    }

    /// Its directory; on v1 the one that limits memory.
    pub fn path(&self) -> &Path {
        self.dirs.main()
    }

    pub(crate) fn node(&self) -> &Node {
        &self.node
    }

    pub(crate) fn dirs(&self) -> &Dirs {
        &self.dirs
    }

    pub(crate) fn hierarchies(&self) -> &Hierarchies {
        &self.hierarchies
    }

    pub(crate) fn is_host(&self) -> bool {
        self.origin == Origin::Host
    }

    /// Whether it was asked for as this program's own.
    pub(crate) fn is_own(&self) -> bool {
        self.origin == Origin::Own
    }

    /// Whether this program is in it or below it, as far as that can be told from where it is.
    pub(crate) fn holds_us(&self) -> bool {
        self.holds_us
    }

    /// The cgroup above it: a pod's, of a container.
    pub(crate) fn parent(&self) -> Result<Dirs> {
        if let Some(root) = self.dirs.all().into_iter().find(|dir| self.hierarchies.is_root(dir)) {
            return Err(Error::invalid(format!(
                "{} has no cgroup beside it: place it inside",
                root.display()
            )));
        }
        Ok(self.dirs.map(|dir| dir.parent().unwrap_or(dir).to_owned()))
    }

    /// Whether a process is in it, or below it in a cgroup that is not ours.
    pub(crate) fn is_used(&self) -> bool {
        is_used(self.dirs.main(), 0)
    }

    /// Whether the cgroup is still the one that was found, and not a successor of the same name.
    pub(crate) fn is_there(&self) -> bool {
        inode(self.dirs.main()).is_ok_and(|inode| inode == self.inode)
    }
}

fn is_used(dir: &Path, depth: u32) -> bool {
    /// Deeper than any container nests.
    const DEEPEST: u32 = 16;
    if fs::read_to_string(dir.join("cgroup.procs")).is_ok_and(|pids| !pids.is_empty()) {
        return true;
    }
    let below = fs::read_dir(dir).into_iter().flatten().flatten();
    depth < DEEPEST
        && below
            .filter(|entry| {
                entry.file_type().is_ok_and(|kind| kind.is_dir()) && !own::is_marked(&entry.path())
            })
            .any(|entry| is_used(&entry.path(), depth + 1))
}

pub(crate) fn inode(dir: &Path) -> Result<u64> {
    let metadata = dir.metadata();
    metadata.map(|found| found.ino()).map_err(|source| {
        Error::refused(format!("the cgroup {} cannot be read", dir.display())).with_source(source)
    })
}

impl Target for Cgroup {
    const UNIT: &'static str = "cgroup";

    fn id(&self) -> String {
        format!("cgroup:[{}]:{}", self.inode, self.path().display())
    }

    fn name(&self) -> String {
        match self.origin {
            Origin::Process(pid) => format!("cgroup of pid {pid}"),
            Origin::Path => self.path().display().to_string(),
            Origin::Own => "own cgroup".to_owned(),
            Origin::Host => "the host".to_owned(),
        }
    }

    fn protected(&self) -> Option<String> {
        (self.is_own && !matches!(self.origin, Origin::Own | Origin::Host))
            .then(|| "it is the cgroup of this program: say so with `own_cgroup()`".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use chaos_core::Chaos;

    use super::*;

    #[test]
    fn the_own_cgroup_is_protected_unless_said_on_purpose() {
        let node = Node::new(&Chaos::seeded(1));
        let Ok(on_purpose) = node.own_cgroup() else {
            return println!("not run: no cgroup tree is mounted here");
        };
        let by_pid = node.cgroup_of(std::process::id()).unwrap();
        assert!(by_pid.protected().unwrap().contains("own_cgroup"));
        assert_eq!(on_purpose.protected(), None);
        assert_eq!(by_pid.id(), on_purpose.id());
        assert!(by_pid.is_there());
    }

    #[test]
    fn the_host_has_nothing_beside_it() {
        let node = Node::new(&Chaos::seeded(1));
        let Ok(host) = node.host() else { return println!("not run: no cgroup tree is mounted here") };
        assert!(host.parent().unwrap_err().is_invalid());
        assert!(node.cgroup_at("/proc").unwrap_err().is_invalid());
    }
}
