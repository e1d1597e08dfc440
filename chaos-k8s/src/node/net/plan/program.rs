//! [`Program`]: what one table of nf_tables holds, as a value; and the transaction from one to the next.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CString;
use std::time::Duration;

use chaos_core::Result;

use crate::node::net::kernel::{Batch, Expr, Hook, Set, Table};

/// Where a base chain stands, and its priority.
pub(crate) type Place = (Hook, i32);

/// A chain and its rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Chain {
    pub(crate) place: Option<Place>,
    pub(crate) rules: Vec<Vec<Expr>>,
}

/// What a set holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Content {
    Ranges(Vec<(Vec<u8>, Vec<u8>)>),
    Map(BTreeMap<Vec<u8>, Vec<u8>>),
    /// Keys that are there for a time, which is known when they are put in.
    Timed(BTreeSet<Vec<u8>>),
}

/// The content of a table.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Program {
    pub(crate) chains: BTreeMap<String, Chain>,
    pub(crate) sets: BTreeMap<CString, (Set, Content)>,
}

impl Program {
    /// Adds a set of ranges; its name. One of this name that is there already holds the same.
    pub(crate) fn ranges(&mut self, set: Set, ranges: &[(Vec<u8>, Vec<u8>)]) -> CString {
        let name = set.name.clone();
        self.sets.entry(name.clone()).or_insert_with(|| (set, Content::Ranges(ranges.to_vec())));
        name
    }

    /// Adds a map; its name.
    pub(crate) fn map(&mut self, set: Set, map: BTreeMap<Vec<u8>, Vec<u8>>) -> CString {
        let name = set.name.clone();
        self.sets.insert(name.clone(), (set, Content::Map(map)));
        name
    }

    /// Adds a key to a set whose keys are there for a time; the name of the set.
    pub(crate) fn timed(&mut self, set: Set, key: Vec<u8>) -> CString {
        let name = set.name.clone();
        let (_, content) =
            self.sets.entry(name.clone()).or_insert_with(|| (set, Content::Timed(BTreeSet::new())));
        if let Content::Timed(keys) = content {
            keys.insert(key);
        }
        name
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.chains.is_empty() && self.sets.is_empty()
    }

    /// Adds to `batch` what turns `from` into this. Chains that stay as they are are not touched. `owned`: whether the
    /// table is to end with its socket. `times` says how long a timed
    /// key is to be there; none for one whose time is over.
    pub(crate) fn change(
        &self,
        from: &Self,
        table: &Table,
        owned: bool,
        batch: &mut Batch,
        times: &dyn Fn(&[u8]) -> Option<Duration>,
    ) -> Result<()> {
        if from.is_empty() && !self.is_empty() {
            if owned {
                batch.own_table(table)
            } else {
                batch.plain_table(table)
            };
        }
        self.change_sets(from, table, batch, times);
        let stays = |name: &String| self.chains.get(name).zip(from.chains.get(name));
        for (name, chain) in &self.chains {
            if stays(name).is_none() {
                batch.chain(table, name, chain.place.as_ref().map(|(hook, priority)| (hook, *priority)))?;
            }
        }
        let changed: BTreeSet<&String> = self
            .chains
            .keys()
            .chain(from.chains.keys())
            .filter(|name| stays(name).is_none_or(|(now, before)| now.rules != before.rules))
            .collect();
        for name in &changed {
            if from.chains.get(*name).is_some_and(|before| !before.rules.is_empty()) {
                batch.flush(table, name)?;
            }
        }
        for name in &changed {
            for rule in self.chains.get(*name).map_or(&[][..], |chain| &chain.rules) {
                batch.rule(table, name, rule)?;
            }
        }
        for name in from.chains.keys().filter(|name| !self.chains.contains_key(*name)) {
            batch.delete_chain(table, name)?;
        }
        for (name, (set, _)) in &from.sets {
            if !self.sets.contains_key(name) {
                batch.delete_set(table, set);
            }
        }
        if self.is_empty() && !from.is_empty() {
            batch.delete_table(table);
        }
        Ok(())
    }

    fn change_sets(
        &self,
        from: &Self,
        table: &Table,
        batch: &mut Batch,
        times: &dyn Fn(&[u8]) -> Option<Duration>,
    ) {
        let nothing = BTreeMap::new();
        for (number, (name, (set, content))) in self.sets.iter().enumerate() {
            let before = from.sets.get(name).map(|(_, content)| content);
            if before.is_none() {
                batch.set(table, set, number as u32 + 1);
            }
            match (content, before) {
                (Content::Ranges(ranges), None) => {
                    batch.ranges(table, set, ranges);
                }
                // A set of ranges is of one rule, and a rule does not change.
                (Content::Ranges(_), Some(_)) => {}
                (Content::Timed(now), before) => {
                    let before = match before {
                        Some(Content::Timed(before)) => Some(before),
                        _ => None,
                    };
                    // Those that go are left to their time: no rule looks for them any more, and to take out one that is out
                    // would fail the whole.
                    let new = now.iter().filter(|key| before.is_none_or(|before| !before.contains(*key)));
                    let new: Vec<_> = new.filter_map(|key| Some((key.clone(), times(key)?))).collect();
                    batch.timed(table, set, &new);
                }
                (Content::Map(now), before) => {
                    let before = match before {
                        Some(Content::Map(before)) => before,
                        _ => &nothing,
                    };
                    let gone: Vec<_> =
                        before.iter().filter(|(key, value)| now.get(*key) != Some(value)).collect();
                    let keys: Vec<_> = gone.iter().map(|(key, _)| (*key).clone()).collect();
                    batch.remove(table, set, &keys);
                    let new: Vec<_> = now
                        .iter()
                        .filter(|(key, value)| before.get(*key) != Some(value))
                        .map(|(key, value)| (key.clone(), value.clone()))
                        .collect();
                    batch.elements(table, set, &new);
                }
            }
        }
    }
}
