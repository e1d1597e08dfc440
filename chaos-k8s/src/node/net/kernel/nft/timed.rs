//! Keys that the kernel's own clock takes out of their set, whether anybody is awake or not.
//!
//! A packet that comes later than that does not find the key: the kernel compares the time at each look
//! (`nft_set_elem_expired` in include/net/netfilter/nf_tables.h), and tidies up whenever it comes to it. The clock counts
//! jiffies, of 1 to 10 ms, and stands while the machine is suspended. Sets with times are older than tables with owners.

use std::collections::BTreeMap;
use std::time::Duration;

use chaos_core::Result;
use netlink_bindings::nftables::{self, Nfgenmsg, PushSetelemListAttrs};
use nix::errno::Errno;
use nix::libc;

use super::{Batch, Set, Table};
use crate::node::net::kernel::Kernel;
use crate::node::net::kernel::refusal::{errno, gone_is_empty};

/// Milliseconds between two times that the kernel frees what is out. It is out before.
pub(super) const TIDIED_EVERY: u32 = 60_000;
/// No time at all would be for ever, and some jiffies are as long.
const SHORTEST: Duration = Duration::from_millis(20);
/// A year: as good as for ever.
const LONGEST: Duration = Duration::from_secs(365 * 24 * 3600);

impl Batch {
    /// Puts keys into a set whose keys are there for a time.
    pub(crate) fn timed(&mut self, table: &Table, set: &Set, keys: &[(Vec<u8>, Duration)]) -> &mut Self {
        if keys.is_empty() {
            return self;
        }
        let what = format!("adding to the set {} of table {}", set.described(), table.name());
        self.add(what, table, libc::NFT_MSG_NEWSETELEM, libc::NLM_F_CREATE as u16, |body| {
            let mut list =
                PushSetelemListAttrs::new(body).push_table(&table.name).push_set(&set.name).nested_elements();
            for (key, time) in keys {
                let millis = (*time).clamp(SHORTEST, LONGEST).as_millis() as u64;
                let element = list.nested_elem().nested_key().push_value(key).end_nested();
                list = element.push_timeout(millis.to_be()).end_nested();
            }
            list.end_nested();
        })
    }

    /// Gives a key that is still there another time. One that is out is an error, by [`is_out`]: what it stood for is over.
    pub(crate) fn renew(&mut self, table: &Table, set: &Set, key: &[u8], time: Duration) -> &mut Self {
        // Before Linux 6.12 a key that is there keeps its time. In one transaction there is no moment without it.
        self.remove(table, set, &[key.to_vec()]);
        self.timed(table, set, &[(key.to_vec(), time)])
    }
}

/// Whether a transaction was refused because a key was not there any more.
pub(crate) fn is_out(error: &chaos_core::Error) -> bool {
    errno(error) == Some(Errno::ENOENT)
}

impl Kernel {
    /// The keys of a timed set, and how long they will still be there.
    pub(crate) fn times(&mut self, table: &Table, set: &Set) -> Result<BTreeMap<Vec<u8>, Duration>> {
        let header = Nfgenmsg { nfgen_family: table.family.number(), ..Nfgenmsg::default() };
        let mut request = nftables::Request::new().op_getsetelem_dump(&header);
        request.encode().push_table(&table.name).push_set(&set.name);
        let lists = self.netfilter()?.list("reading the times of a set", &request, |(_, attributes)| {
            let elements = attributes.get_elements().ok()?;
            let times = elements.get_elem().filter_map(|element| {
                let key = element.get_key().ok()?.get_value().ok()?.to_vec();
                let left = u64::from_be(element.get_expiration().ok()?);
                (left > 0).then(|| (key, Duration::from_millis(left)))
            });
            Some(times.collect::<Vec<_>>())
        });
        Ok(gone_is_empty(lists)?.into_iter().flatten().collect())
    }
}
