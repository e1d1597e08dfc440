//! What stands in nf_tables.

use std::ffi::CStr;

use chaos_core::Result;
use netlink_bindings::nftables::{self, ExprOps, Nfgenmsg, TableFlags};
use nix::errno::Errno;

use super::{Family, Table};
use crate::node::net::kernel::Kernel;
use crate::node::net::kernel::refusal::{errno, gone_is_empty};

/// A table, as the kernel lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundTable {
    pub(crate) name: String,
    pub(crate) is_owned: bool,
}

/// A chain of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundChain {
    pub(crate) table: String,
    pub(crate) name: String,
    /// Of base chains at a device.
    pub(crate) devices: Vec<String>,
}

fn header(family: Family) -> Nfgenmsg {
    Nfgenmsg { nfgen_family: family.number(), ..Nfgenmsg::default() }
}

fn text(text: &CStr) -> String {
    text.to_string_lossy().into_owned()
}

/// Nobody in a kernel without nf_tables is there for its messages (net/netfilter/nfnetlink.c, `nfnetlink_rcv_msg`).
fn unknown_is_empty<T>(listed: Result<Vec<T>>) -> Result<Vec<T>> {
    match listed {
        Err(error) if errno(&error) == Some(Errno::EINVAL) => Ok(Vec::new()),
        listed => listed,
    }
}

impl Kernel {
    /// The tables of a family; none where the kernel has no nf_tables.
    pub(crate) fn tables(&mut self, family: Family) -> Result<Vec<FoundTable>> {
        let Some(netfilter) = &mut self.netfilter else { return Ok(Vec::new()) };
        let request = nftables::Request::new().op_gettable_dump(&header(family));
        let tables = netfilter.list("listing the tables", &request, |(_, attributes)| {
            let flags = attributes.get_flags().unwrap_or(0);
            let is_owned = flags & TableFlags::Owner as u32 != 0;
            Some(FoundTable { name: text(attributes.get_name().ok()?), is_owned })
        });
        unknown_is_empty(tables)
    }

    /// The chains of a family, of all tables; none where the kernel has no nf_tables.
    pub(crate) fn chains(&mut self, family: Family) -> Result<Vec<FoundChain>> {
        let Some(netfilter) = &mut self.netfilter else { return Ok(Vec::new()) };
        let request = nftables::Request::new().op_getchain_dump(&header(family));
        let chains = netfilter.list("listing the chains", &request, |(_, attributes)| {
            let hook = attributes.get_hook().ok();
            // Kernels tell a single device twice: alone and in the list.
            let one = hook.as_ref().and_then(|hook| hook.get_dev().ok()).map(text);
            let several = hook.as_ref().and_then(|hook| hook.get_devs().ok());
            let several =
                several.into_iter().flat_map(|devices| devices.get_name().map(text).collect::<Vec<_>>());
            let mut devices: Vec<_> = one.into_iter().chain(several).collect();
            devices.dedup();
            Some(FoundChain {
                table: text(attributes.get_table().ok()?),
                name: text(attributes.get_name().ok()?),
                devices,
            })
        });
        unknown_is_empty(chains)
    }

    /// The names of a table's sets.
    pub(crate) fn sets(&mut self, table: &Table) -> Result<Vec<String>> {
        let mut request = nftables::Request::new().op_getset_dump(&header(table.family));
        request.encode().push_table(&table.name);
        let sets = self.netfilter()?.list("listing the sets", &request, |(_, attributes)| {
            // Older kernels list those of all tables.
            let ours = attributes.get_table().ok()? == table.name.as_c_str();
            attributes.get_name().ok().filter(|_| ours).map(text)
        });
        gone_is_empty(sets)
    }

    /// The packets that the first counter of each rule of a chain has seen.
    pub(crate) fn counters(&mut self, table: &Table, chain: &CStr) -> Result<Vec<u64>> {
        let mut request = nftables::Request::new().op_getrule_dump(&header(table.family));
        request.encode().push_table(&table.name).push_chain(chain);
        let counters = self.netfilter()?.list("reading the counters", &request, |(_, attributes)| {
            // Older kernels do not filter by chain.
            if attributes.get_chain().ok()? != chain {
                return None;
            }
            let expressions = attributes.get_expressions().ok()?;
            expressions.get_elem().find_map(|expression| match expression.get_data() {
                Ok(ExprOps::Counter(counter)) => counter.get_packets().ok(),
                _ => None,
            })
        });
        gone_is_empty(counters)
    }
}
