//! Sets and maps of a table.

use std::ffi::CString;

use chaos_core::Result;
use netlink_bindings::nftables::{PushSetAttrs, PushSetelemListAttrs, SetElemFlags, SetFlags};
use nix::libc;

use super::{Batch, Table};
use crate::node::net::kernel::link::c_string;

/// What the keys of a set are. The numbers are libnftables' (datatype.h): nft(8) prints by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Data {
    Ipv4,
    Ipv6,
    Port,
    /// A priority: major and minor number.
    ClassId,
    /// A priority, and the number of a device.
    Way,
    /// A mark of packets, or a number that is compared with one.
    Mark,
    /// The number of a device.
    Device,
}

impl Data {
    /// Type and length in bytes.
    fn described(self) -> (u32, u32) {
        const CLASSID: u32 = 23;
        const IFINDEX: u32 = 20;
        match self {
            Self::Ipv4 => (7, 4),
            Self::Ipv6 => (8, 16),
            Self::Port => (13, 2),
            Self::ClassId => (CLASSID, 4),
            // Types that are joined take six bits each.
            Self::Way => (CLASSID << 6 | IFINDEX, 8),
            Self::Mark => (19, 4),
            Self::Device => (IFINDEX, 4),
        }
    }
}

/// A set or, with values, a map.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Set {
    pub(crate) name: CString,
    pub(crate) keys: Data,
    pub(crate) values: Option<Data>,
    /// Its keys are ranges.
    pub(crate) ranges: bool,
    /// Its keys are there for a time.
    pub(crate) timed: bool,
}

/// `NLA_F_NESTED` lists of the kernel hold 64 KiB: so many elements fit, v6 ranges too.
const PER_MESSAGE: usize = 400;

impl Set {
    pub(crate) fn of(name: &str, keys: Data) -> Result<Self> {
        Ok(Self { name: c_string(name)?, keys, values: None, ranges: false, timed: false })
    }

    pub(crate) fn timed(name: &str, keys: Data) -> Result<Self> {
        Ok(Self { timed: true, ..Self::of(name, keys)? })
    }

    pub(crate) fn of_ranges(name: &str, keys: Data) -> Result<Self> {
        Ok(Self { ranges: true, ..Self::of(name, keys)? })
    }

    pub(crate) fn map(name: &str, keys: Data, values: Data) -> Result<Self> {
        Ok(Self { values: Some(values), ..Self::of(name, keys)? })
    }

    pub(super) fn described(&self) -> String {
        self.name.to_string_lossy().into_owned()
    }
}

impl Batch {
    /// A set without elements. `number` is unlike that of every other set of this transaction.
    pub(crate) fn set(&mut self, table: &Table, set: &Set, number: u32) -> &mut Self {
        let what = format!("making the set {} of table {}", set.described(), table.name());
        self.add(what, table, libc::NFT_MSG_NEWSET, libc::NLM_F_CREATE as u16, |body| {
            let mut flags = 0;
            if set.ranges {
                flags |= SetFlags::Interval as u32;
            }
            if set.values.is_some() {
                flags |= SetFlags::Map as u32;
            }
            if set.timed {
                flags |= SetFlags::Timeout as u32;
            }
            let (key_type, key_length) = set.keys.described();
            let mut attributes = PushSetAttrs::new(body)
                .push_table(&table.name)
                .push_name(&set.name)
                .push_flags(flags)
                .push_key_type(key_type)
                .push_key_len(key_length)
                .push_id(number);
            if let Some(values) = set.values {
                let (data_type, data_length) = values.described();
                attributes = attributes.push_data_type(data_type).push_data_len(data_length);
            }
            if set.timed {
                attributes = attributes.push_gc_interval(super::timed::TIDIED_EVERY.to_be());
            }
            // How nft(8) reads the numbers (libnftnl, `NFTNL_UDATA_SET_KEYBYTEORDER` and `_DATABYTEORDER`).
            let native = 1_u32.to_ne_bytes();
            let keys =
                matches!(set.keys, Data::ClassId | Data::Mark).then(|| [&[0, 4], &native[..]].concat());
            let values = (set.values == Some(Data::ClassId)).then(|| [&[1, 4], &native[..]].concat());
            let notes: Vec<u8> = keys.into_iter().chain(values).flatten().collect();
            if !notes.is_empty() {
                attributes = attributes.push_userdata(&notes);
            }
            drop(attributes);
        })
    }

    pub(crate) fn delete_set(&mut self, table: &Table, set: &Set) -> &mut Self {
        let what = format!("deleting the set {} of table {}", set.described(), table.name());
        self.add(what, table, libc::NFT_MSG_DELSET, 0, |body| {
            PushSetAttrs::new(body).push_table(&table.name).push_name(&set.name);
        })
    }

    /// Keys to a set, or keys and values to a map.
    pub(crate) fn elements(
        &mut self,
        table: &Table,
        set: &Set,
        elements: &[(Vec<u8>, Vec<u8>)],
    ) -> &mut Self {
        self.each(table, set, libc::NFT_MSG_NEWSETELEM, elements)
    }

    /// Takes keys out of a set or a map.
    pub(crate) fn remove(&mut self, table: &Table, set: &Set, keys: &[Vec<u8>]) -> &mut Self {
        let elements: Vec<_> = keys.iter().map(|key| (key.clone(), Vec::new())).collect();
        self.each(table, set, libc::NFT_MSG_DELSETELEM, &elements)
    }

    fn each(
        &mut self,
        table: &Table,
        set: &Set,
        kind: libc::c_int,
        elements: &[(Vec<u8>, Vec<u8>)],
    ) -> &mut Self {
        for some in elements.chunks(PER_MESSAGE) {
            let what = format!("changing the set {} of table {}", set.described(), table.name());
            self.add(what, table, kind, libc::NLM_F_CREATE as u16, |body| {
                let mut list = PushSetelemListAttrs::new(body)
                    .push_table(&table.name)
                    .push_set(&set.name)
                    .nested_elements();
                for (key, value) in some {
                    let mut element = list.nested_elem().nested_key().push_value(key).end_nested();
                    if !value.is_empty() {
                        element = element.nested_data().push_value(value).end_nested();
                    }
                    list = element.end_nested();
                }
                list.end_nested();
            });
        }
        self
    }

    /// Ranges to a set of ranges: first and last key of each. They must not overlap or touch.
    pub(crate) fn ranges(&mut self, table: &Table, set: &Set, ranges: &[(Vec<u8>, Vec<u8>)]) -> &mut Self {
        for some in ranges.chunks(PER_MESSAGE) {
            let what = format!("filling the set {} of table {}", set.described(), table.name());
            self.add(what, table, libc::NFT_MSG_NEWSETELEM, libc::NLM_F_CREATE as u16, |body| {
                let mut list = PushSetelemListAttrs::new(body)
                    .push_table(&table.name)
                    .push_set(&set.name)
                    .nested_elements();
                for (first, last) in some {
                    list = list.nested_elem().nested_key().push_value(first).end_nested().end_nested();
                    // The kernel holds the first key behind a range; behind the last of all keys there is none.
                    if let Some(behind) = next(last) {
                        list = list
                            .nested_elem()
                            .push_flags(&(SetElemFlags::IntervalEnd as u32).to_be_bytes())
                            .nested_key()
                            .push_value(&behind)
                            .end_nested()
                            .end_nested();
                    }
                }
                list.end_nested();
            });
        }
        self
    }
}

/// The key after this one, as a number in big endian.
fn next(key: &[u8]) -> Option<Vec<u8>> {
    let mut next = key.to_vec();
    for byte in next.iter_mut().rev() {
        let (sum, carries) = byte.overflowing_add(1);
        *byte = sum;
        if !carries {
            return Some(next);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::next;

    #[test]
    fn the_next_key() {
        assert_eq!(next(&[10, 0, 0, 255]), Some(vec![10, 0, 1, 0]));
        assert_eq!(next(&[0, 255]), Some(vec![1, 0]));
        assert_eq!(next(&[255, 255]), None);
    }
}
