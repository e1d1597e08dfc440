//! [`Thaw`]: lets a frozen cgroup go on, whoever froze it and whether that still lives.

use chaos_core::{Error, Result, Target, Undo};
use serde::{Deserialize, Serialize};

use crate::node::cgroup::{Freezer, inode};
use crate::node::process::wait::{BOUND, until};
use crate::node::{Cgroup, Node};

/// The undo of [`Freeze`](super::Freeze): thaws the cgroup, unless it is gone or another has its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Thaw {
    pub(super) freezer: Freezer,
    inode: u64,
}

impl Thaw {
    pub(super) fn of(cgroup: &Cgroup) -> Result<Self> {
        let freezer = Freezer::of(cgroup.dirs()).ok_or_else(|| {
            Error::refused(format!(
                "{} has no freezer: it is a root, the kernel has none (cgroup v2: since Linux 5.2), or its hierarchy is not mounted",
                cgroup.name()
            ))
        })?;
        let inode = inode(freezer.dir())?;
        Ok(Self { freezer, inode })
    }

    /// Whether the cgroup is still the one that was frozen.
    pub(super) fn is_there(&self) -> bool {
        inode(self.freezer.dir()).is_ok_and(|inode| inode == self.inode)
    }

    fn is_thawed(&self) -> Result<bool> {
        match self.freezer.is_asked() {
            Ok(asked) => Ok(!asked),
            Err(_) if !self.is_there() => Ok(true),
            Err(error) => Err(error.into()),
        }
    }
}

impl Undo for Thaw {
    const KIND: &'static str = "chaos-k8s/cgroup-freeze/1";
    type Via = Node;

    async fn revert(&self, node: &Node) -> Result<()> {
        if !self.is_there() || self.is_thawed()? {
            return Ok(());
        }
        match self.freezer.thaw() {
            Err(error) if self.is_there() => return Err(error.into()),
            _ => {}
        }
        if until(node.chaos().clock(), BOUND, || self.is_thawed()).await? {
            return Ok(());
        }
        Err(Error::failed(format!("{} does not thaw", self.freezer.dir().display())))
    }

    async fn is_gone(&self, _: &Node) -> Result<bool> {
        Ok(!self.is_there() || self.is_thawed()?)
    }
}
