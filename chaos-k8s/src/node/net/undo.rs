//! [`NetUndo`]: takes a network fault back, in the process that made it or in another.

use std::collections::BTreeSet;

use chaos_core::ledger::RunId;
use chaos_core::{Error, Result, Undo};
use serde::{Deserialize, Serialize};

use super::kernel::{Batch, Family, FoundFilter, Kernel, Side, Table};
use super::marks::{Marks, has_own_clsact};
use super::plan::RuleId;
use crate::node::namespace::Origin;
use crate::node::netns::{self, NetnsId};
use crate::node::{Namespace, Node};

/// The undo of a network fault: the namespace, the run and the rule.
///
/// In the process that made the fault it takes back that rule alone. In another, the fault ended with its process: the kernel
/// took the table away that led packets aside, or emptied the filters that did. What is left is an idle device, and filters
/// that do nothing, with the mark of the run; they are deleted. So is a table that the kernel did not own, where it cannot: that
/// is the guardian's work, and past a deadline it takes back all that such a table does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NetUndo {
    origin: Origin,
    netns: NetnsId,
    run: RunId,
    rule: u64,
    /// The devices that the fault gives a clsact.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    clsacts: BTreeSet<u32>,
}

impl NetUndo {
    pub(super) fn new(namespace: &Namespace, rule: RuleId, clsacts: BTreeSet<u32>) -> Self {
        Self {
            clsacts,
            origin: namespace.origin().clone(),
            netns: namespace.netns(),
            run: *namespace.node().run(),
            rule: rule.0,
        }
    }

    /// What a run may have left in a namespace, known by its marks.
    pub(super) fn of_run(netns: NetnsId, origin: Origin, run: RunId) -> Self {
        Self { origin, netns, run, rule: 0, clsacts: BTreeSet::new() }
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
        for (table, is_owned) in tables_of(&mut kernel, &marks)? {
            if is_owned {
                return Err(Error::refused(format!(
                    "the run {} still lives and owns its faults: end it, then sweep again",
                    self.run
                )));
            }
            let mut batch = Batch::new();
            batch.delete_table(&table);
            kernel.commit(batch)?;
        }
        let mut clsacts = self.clsacts.clone();
        for (link, side, filter) in filters_of(&mut kernel, &marks)? {
            if has_own_clsact(&filter) {
                clsacts.insert(link);
            }
            kernel.delete_filter(link, side, &filter)?;
        }
        for link in clsacts {
            kernel.delete_idle_clsact(link)?;
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
        let has_links = links.iter().any(|link| marks.made(link));
        Ok(!has_links
            && tables_of(&mut kernel, &marks)?.is_empty()
            && filters_of(&mut kernel, &marks)?.is_empty())
    }

    /// `None` if the namespace is gone, and all that was in it.
    fn kernel(&self) -> Result<Option<Kernel>> {
        match netns::find(self.netns, &self.origin)? {
            Some(file) => Kernel::of(&file).map(Some),
            None => Ok(None),
        }
    }
}

/// The tables of the run that stand, and whether they are owned.
fn tables_of(kernel: &mut Kernel, marks: &Marks) -> Result<Vec<(Table, bool)>> {
    let mut all = Vec::new();
    for family in [Family::Netdev, Family::Inet] {
        let table = marks.table(family)?;
        let found = kernel.tables(family)?.into_iter().find(|found| found.name == table.name());
        all.extend(found.map(|found| (table, found.is_owned)));
    }
    Ok(all)
}

/// The filters that the run made, wherever they stand.
fn filters_of(kernel: &mut Kernel, marks: &Marks) -> Result<Vec<(u32, Side, FoundFilter)>> {
    let mut all = Vec::new();
    for link in kernel.links()? {
        for side in [Side::Egress, Side::Ingress] {
            let found =
                kernel.filters(link.index, side)?.into_iter().filter(|filter| marks.made_filter(filter));
            all.extend(found.map(|filter| (link.index, side, filter)));
        }
    }
    Ok(all)
}
