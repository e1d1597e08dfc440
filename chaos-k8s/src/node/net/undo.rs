//! [`NetUndo`]: takes a network fault back, in the process that made it or in another.

use chaos_core::ledger::RunId;
use chaos_core::{Error, Result, Undo};
use serde::{Deserialize, Serialize};

use super::kernel::{Family, Kernel};
use super::marks::Marks;
use super::plan::RuleId;
use crate::node::namespace::Origin;
use crate::node::netns::{self, NetnsId};
use crate::node::{Namespace, Node};

/// The undo of a network fault: the namespace, the run and the rule.
///
/// In the process that made the fault it takes back that rule alone. In another, the fault ended with its process: the kernel
/// took the table away that led packets aside. What is left is an idle device, with the mark of the run; it is deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NetUndo {
    origin: Origin,
    netns: NetnsId,
    run: RunId,
    rule: u64,
}

impl NetUndo {
    pub(super) fn new(namespace: &Namespace, rule: RuleId) -> Self {
        Self {
            origin: namespace.origin().clone(),
            netns: namespace.netns(),
            run: *namespace.node().run(),
            rule: rule.0,
        }
    }

    /// What a run may have left in a namespace, known by its marks.
    pub(super) fn of_run(netns: NetnsId, origin: Origin, run: RunId) -> Self {
        Self { origin, netns, run, rule: 0 }
    }

    pub(super) fn rule(&self) -> RuleId {
        RuleId(self.rule)
    }

    fn is_of(&self, node: &Node) -> bool {
        self.run == *node.run()
    }
}

impl Undo for NetUndo {
    const KIND: &'static str = "chaos-k8s/net/1";
    type Via = Node;

    async fn revert(&self, node: &Node) -> Result<()> {
        if self.is_of(node) {
            return node.net().remove(self.netns, self.rule(), node.chaos().clock()).await;
        }
        let undo = self.clone();
        node.net().run(move || undo.sweep()).await
    }

    async fn is_gone(&self, node: &Node) -> Result<bool> {
        if self.is_of(node) {
            return node.net().is_gone(self.netns, self.rule()).await;
        }
        let undo = self.clone();
        node.net().run(move || undo.nothing_is_left()).await
    }
}

impl NetUndo {
    pub(super) fn sweep(&self) -> Result<()> {
        let Some(mut kernel) = self.kernel()? else { return Ok(()) };
        let marks = Marks::of(self.run);
        if self.table_stands(&mut kernel, &marks)? {
            return Err(Error::refused(format!(
                "the run {} still lives and owns its faults: end it, then sweep again",
                self.run
            )));
        }
        for link in kernel.links()?.iter().filter(|link| marks.made(link)) {
            kernel.delete_link(link.index)?;
        }
        Ok(())
    }

    fn nothing_is_left(&self) -> Result<bool> {
        let Some(mut kernel) = self.kernel()? else { return Ok(true) };
        let marks = Marks::of(self.run);
        let links = kernel.links()?;
        Ok(!self.table_stands(&mut kernel, &marks)? && !links.iter().any(|link| marks.made(link)))
    }

    fn table_stands(&self, kernel: &mut Kernel, marks: &Marks) -> Result<bool> {
        for family in [Family::Netdev, Family::Inet] {
            let table = marks.table(family)?;
            if kernel.tables(family)?.iter().any(|found| found.name == table.name()) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// `None` if the namespace is gone, and all that was in it.
    fn kernel(&self) -> Result<Option<Kernel>> {
        match netns::find(self.netns, &self.origin)? {
            Some(file) => Kernel::of(&file).map(Some),
            None => Ok(None),
        }
    }
}
