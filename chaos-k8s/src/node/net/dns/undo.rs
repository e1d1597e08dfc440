//! [`DnsUndo`]: takes a DNS fault back, in the process that made it or in another.

use std::net::IpAddr;

use chaos_core::ledger::RunId;
use chaos_core::{Error, Result, Undo};
use serde::{Deserialize, Serialize};

use super::servers::Asked;
use super::table;
use crate::node::namespace::Origin;
use crate::node::net::kernel::{Family, Kernel};
use crate::node::netns::{self, NetnsId};
use crate::node::{Namespace, Node};

/// The undo of a DNS fault: the namespace, the run and the rule.
///
/// In the process that made the fault it takes back that rule alone. In another there is nothing to do: the kernel took the
/// table away with the process that owned it, and nothing else was there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct DnsUndo {
    origin: Origin,
    netns: NetnsId,
    run: RunId,
    rule: u64,
    servers: Vec<IpAddr>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    others: bool,
}

impl DnsUndo {
    pub(super) fn new(namespace: &Namespace, rule: u64, asked: Asked) -> Self {
        Self {
            origin: namespace.origin().clone(),
            netns: namespace.netns(),
            run: *namespace.node().run(),
            rule,
            servers: asked.servers,
            others: asked.others,
        }
    }

    pub(super) fn rule(&self) -> u64 {
        self.rule
    }

    pub(super) fn asked(&self) -> Asked {
        Asked { servers: self.servers.clone(), others: self.others }
    }

    fn is_of(&self, node: &Node) -> bool {
        self.run == *node.run()
    }

    async fn table_stands(&self, node: &Node) -> Result<bool> {
        let undo = self.clone();
        node.net()
            .run(move || {
                // Nobody is in it and no file holds it: it is gone, and all that was in it.
                let Some(namespace) = netns::find(undo.netns, &undo.origin)? else { return Ok(false) };
                let table = table::of(&undo.run)?;
                let found = Kernel::of(&namespace)?.tables(Family::Inet)?;
                Ok(found.iter().any(|found| found.name == table.name()))
            })
            .await
    }
}

impl Undo for DnsUndo {
    const KIND: &'static str = "chaos-k8s/dns/1";
    type Via = Node;

    async fn revert(&self, node: &Node) -> Result<()> {
        if self.is_of(node) {
            return node.dns().remove(self.netns, self.rule).await;
        }
        if self.table_stands(node).await? {
            return Err(Error::refused(format!(
                "the run {} still lives and owns its faults: end it, then sweep again",
                self.run
            )));
        }
        Ok(())
    }

    async fn is_gone(&self, node: &Node) -> Result<bool> {
        let own = if self.is_of(node) { node.dns().has(self.netns, self.rule).await? } else { None };
        match own {
            Some(has) => Ok(!has),
            None => Ok(!self.table_stands(node).await?),
        }
    }
}
