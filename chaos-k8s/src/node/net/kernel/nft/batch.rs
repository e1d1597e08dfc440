//! [`Batch`]: one transaction. All of it happens at once, for every packet, or nothing.

use chaos_core::Result;
use netlink_bindings::nftables::{
    Nfgenmsg, PushChainAttrs, PushExprListAttrs, PushRuleAttrs, PushTableAttrs, TableFlags,
};
use nix::libc;

use super::{Expr, Hook, Purpose, Table};
use crate::node::net::kernel::Kernel;
use crate::node::net::kernel::link::c_string;
use crate::node::net::kernel::socket::Messages;

/// `NFNL_SUBSYS_NFTABLES << 8`.
const NFTABLES: u16 = 10 << 8;
/// `NFNL_MSG_BATCH_BEGIN`, `NFNL_MSG_BATCH_END`.
const BEGIN: u16 = 16;
const END: u16 = 17;

const CREATE: u16 = libc::NLM_F_CREATE as u16;
const APPEND: u16 = libc::NLM_F_APPEND as u16;

/// A transaction that grows.
#[derive(Debug)]
#[must_use = "nothing happens before it is committed"]
pub(crate) struct Batch {
    messages: Messages,
}

impl Batch {
    pub(crate) fn new() -> Self {
        let mut messages = Messages::default();
        messages.add("beginning a transaction".to_owned(), BEGIN, 0, edge);
        Self { messages }
    }

    /// Whether nothing was added.
    pub(crate) fn is_empty(&self) -> bool {
        self.messages.len() == 1
    }

    /// A table that ends with the socket that makes it (`NFT_TABLE_F_OWNER`, Linux 5.12 and later).
    pub(crate) fn own_table(&mut self, table: &Table) -> &mut Self {
        let what = format!("making the owned table {}", table.name());
        self.add(what, table, libc::NFT_MSG_NEWTABLE, CREATE, |body| {
            PushTableAttrs::new(body).push_name(&table.name).push_flags(TableFlags::Owner as u32);
        })
    }

    /// A table that stays until somebody deletes it.
    pub(crate) fn plain_table(&mut self, table: &Table) -> &mut Self {
        let what = format!("making the table {}", table.name());
        self.add(what, table, libc::NFT_MSG_NEWTABLE, CREATE, |body| {
            PushTableAttrs::new(body).push_name(&table.name);
        })
    }

    pub(crate) fn delete_table(&mut self, table: &Table) -> &mut Self {
        let what = format!("deleting the table {}", table.name());
        self.add(what, table, libc::NFT_MSG_DELTABLE, 0, |body| {
            PushTableAttrs::new(body).push_name(&table.name);
        })
    }

    /// A chain that others jump to, or with a hook one that the kernel calls; the lower of two priorities is called first.
    pub(crate) fn chain(
        &mut self,
        table: &Table,
        name: &str,
        hook: Option<(&Hook, i32)>,
    ) -> Result<&mut Self> {
        self.chain_of(Purpose::Filter, table, name, hook)
    }

    /// [`chain`](Self::chain) for other ends than to let packets pass or not.
    pub(crate) fn chain_of(
        &mut self,
        purpose: Purpose,
        table: &Table,
        name: &str,
        hook: Option<(&Hook, i32)>,
    ) -> Result<&mut Self> {
        let what = format!("making the chain {name} of table {}", table.name());
        let name = c_string(name)?;
        Ok(self.add(what, table, libc::NFT_MSG_NEWCHAIN, CREATE, |body| {
            let mut chain = PushChainAttrs::new(body).push_table(&table.name).push_name(&name);
            if let Some((hook, priority)) = hook {
                let mut place = chain
                    .push_type(purpose.name())
                    .push_policy(libc::NF_ACCEPT as u32)
                    .nested_hook()
                    .push_num(hook.number())
                    .push_priority(priority);
                if let Some(device) = hook.device() {
                    place = place.push_dev(device);
                }
                chain = place.end_nested();
            }
            drop(chain);
        }))
    }

    pub(crate) fn delete_chain(&mut self, table: &Table, name: &str) -> Result<&mut Self> {
        let what = format!("deleting the chain {name} of table {}", table.name());
        let name = c_string(name)?;
        Ok(self.add(what, table, libc::NFT_MSG_DELCHAIN, 0, |body| {
            PushChainAttrs::new(body).push_table(&table.name).push_name(&name);
        }))
    }

    /// Takes every rule out of a chain.
    pub(crate) fn flush(&mut self, table: &Table, chain: &str) -> Result<&mut Self> {
        let what = format!("flushing the chain {chain} of table {}", table.name());
        let chain = c_string(chain)?;
        Ok(self.add(what, table, libc::NFT_MSG_DELRULE, 0, |body| {
            PushRuleAttrs::new(body).push_table(&table.name).push_chain(&chain);
        }))
    }

    /// Adds a rule at the end of a chain.
    pub(crate) fn rule(&mut self, table: &Table, chain: &str, expressions: &[Expr]) -> Result<&mut Self> {
        let what = format!("adding a rule to the chain {chain} of table {}", table.name());
        let chain = c_string(chain)?;
        Ok(self.add(what, table, libc::NFT_MSG_NEWRULE, CREATE | APPEND, |body| {
            let rule = PushRuleAttrs::new(body).push_table(&table.name).push_chain(&chain);
            let mut list: PushExprListAttrs<_> = rule.nested_expressions();
            for expression in expressions {
                list = expression.encode(list);
            }
            list.end_nested();
        }))
    }

    pub(super) fn add(
        &mut self,
        what: String,
        table: &Table,
        kind: libc::c_int,
        flags: u16,
        body: impl FnOnce(&mut Vec<u8>),
    ) -> &mut Self {
        let header = Nfgenmsg { nfgen_family: table.family.number(), ..Nfgenmsg::default() };
        self.messages.add(what, NFTABLES | kind as u16, flags, |bytes| {
            bytes.extend(header.as_slice());
            body(bytes);
        });
        self
    }
}

/// The header of the messages that begin and end a transaction.
fn edge(bytes: &mut Vec<u8>) {
    let mut header = Nfgenmsg::default();
    header.set_res_id(NFTABLES >> 8);
    bytes.extend(header.as_slice());
}

impl Kernel {
    /// Carries a transaction out.
    pub(crate) fn commit(&mut self, mut batch: Batch) -> Result<()> {
        if batch.is_empty() {
            return Ok(());
        }
        batch.messages.acknowledge_last();
        batch.messages.add("committing a transaction".to_owned(), END, 0, edge);
        self.netfilter()?.transact(&mut batch.messages)
    }
}
