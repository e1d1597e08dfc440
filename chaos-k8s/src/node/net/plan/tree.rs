//! The classes and qdiscs that combinations need, each on a device of ours.

use std::collections::{BTreeMap, BTreeSet};

use chaos_core::{Error, Result};

use super::combine::{Combinations, Members};
use super::{Active, Cell, ClassKey, MAJOR, MOST_CLASSES, Numbering, ROOT, RuleId, minor, options};
use crate::node::net::kernel::{Class, Handle, Kind, NetemOptions, Qdisc};
use crate::node::net::rule::{AnyEffect, Effect, Shaping};

/// 1 Tbit/s: no rate at all.
const UNBOUND: u64 = 125_000_000_000;
const UNBOUND_BURST: u32 = 1 << 20;
/// What a class is assured of that shares its parent's rate: it borrows all the rest.
const SHARED: u64 = 1;
/// The numbers of qdiscs end below our major number.
const MOST_QDISCS: u16 = MAJOR - 1;

/// One class, and what its packets go through, the outermost first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Branch {
    pub(crate) key: ClassKey,
    pub(crate) class: Class,
    pub(crate) chain: Vec<Qdisc>,
}

/// The devices of ours: 0 is shared, the others are of one class each (they duplicate packets, and Linux 6.16 and later lets no
/// other netem stand beside one that does, net/sched/sch_netem.c, `check_netem_in_tree`).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Tree {
    pub(crate) devices: BTreeMap<u16, Vec<Branch>>,
    /// Device and class of every combination at its cells.
    pub(crate) ways: BTreeMap<(Cell, Members), (u16, Handle)>,
}

impl Tree {
    pub(crate) fn keys(&self) -> BTreeSet<ClassKey> {
        self.devices.values().flatten().map(|branch| branch.key.clone()).collect()
    }
}

/// What these combinations need. `nests`: whether this kernel's netem may hold another qdisc below HTB.
pub(crate) fn tree(
    rules: &BTreeMap<RuleId, &Active>,
    combinations: &Combinations,
    nests: bool,
    numbering: &mut Numbering,
) -> Result<Tree> {
    let mut tree = Tree::default();
    for (members, cells) in &combinations.cells {
        for cell in cells {
            grow(&mut tree, rules, cell, members, nests, numbering)?;
        }
    }
    for branches in tree.devices.values_mut() {
        // Parents come before their children.
        branches.sort_by_key(|branch| (branch.class.parent != ROOT, branch.class.handle));
    }
    Ok(tree)
}

fn grow(
    tree: &mut Tree,
    rules: &BTreeMap<RuleId, &Active>,
    cell: &Cell,
    members: &Members,
    nests: bool,
    numbering: &mut Numbering,
) -> Result<()> {
    let parts = Parts::of(rules, members);
    let key = ClassKey::Leaf(cell.clone(), members.clone());
    let number = numbering.class(&key)?;
    let copies = parts.netems.iter().any(|(_, options)| options.duplicate > 0);
    let device = if copies { number } else { 0 };
    let netems = match parts.netems.len() {
        0 | 1 => parts.netems.clone(),
        _ if copies => vec![parts.as_one(STANDS_ALONE)?],
        _ if !nests => vec![parts.as_one(DOES_NOT_NEST)?],
        _ => parts.netems.clone(),
    };
    let mut class = Class {
        handle: Handle::new(MAJOR, minor(number)),
        parent: ROOT,
        rate: UNBOUND,
        ceil: UNBOUND,
        burst: UNBOUND_BURST,
    };
    let mut rates = parts.rates.as_slice();
    if let Some(((rule, shaping), rest)) = parts.rates.split_first() {
        let burst = shaping.burst_bytes();
        let ceil = shaping.rate.bytes_per_second();
        let shared = ClassKey::Rate(cell.clone(), *rule);
        let parent = Class {
            handle: Handle::new(MAJOR, minor(numbering.class(&shared)?)),
            parent: ROOT,
            rate: ceil,
            ceil,
            burst,
        };
        class = Class { parent: parent.handle, rate: SHARED.min(ceil), ceil, burst, ..class };
        let branches = tree.devices.entry(device).or_default();
        if !branches.iter().any(|branch| branch.key == shared) {
            branches.push(Branch { key: shared, class: parent, chain: Vec::new() });
        }
        rates = rest;
    }
    if !(nests || netems.is_empty() || rates.is_empty()) {
        return Err(Error::refused(format!(
            "a fault with a netem and two bandwidths meet the same packets: {DOES_NOT_NEST}; keep the traffic of one apart"
        )));
    }
    let mut chain = Chain { key: &key, parent: class.handle, qdiscs: Vec::new() };
    for (rule, options) in netems {
        chain.add(numbering, rule, Kind::Netem(options))?;
    }
    for (rule, shaping) in rates {
        let bytes_per_second = shaping.rate.bytes_per_second();
        let (burst, limit) = (shaping.burst_bytes(), shaping.queue_bytes());
        chain.add(numbering, *rule, Kind::Tbf { bytes_per_second, burst, limit })?;
    }
    if let (true, Some((rule, shaping))) = (chain.qdiscs.is_empty(), parts.rates.first()) {
        chain.add(numbering, *rule, Kind::Bytes { limit: shaping.queue_bytes() })?;
    }
    let chain = chain.qdiscs;
    tree.ways.insert((cell.clone(), members.clone()), (device, class.handle));
    tree.devices.entry(device).or_default().push(Branch { key, class, chain });
    Ok(())
}

const STANDS_ALONE: &str =
    "one of them duplicates packets, and the kernel lets no other netem stand beside that one";
/// Packets that went on into what stands within a netem are not counted by it, and HTB does not ask it for them (mended by "account for
/// backlog updates from child qdisc", net/sched/sch_netem.c).
const DOES_NOT_NEST: &str = "this kernel forgets packets in what stands within a netem (mended in Linux 5.10.232, 5.15.175, 6.1.121, \
                             6.6.67, 6.12.6 and 6.13)";

/// What the members of a combination do.
struct Parts<'a> {
    netems: Vec<(RuleId, NetemOptions)>,
    /// The lowest first: it is shared with the rule's other combinations, the others are each combination's own.
    rates: Vec<(RuleId, &'a Shaping)>,
}

impl<'a> Parts<'a> {
    fn of(rules: &BTreeMap<RuleId, &'a Active>, members: &Members) -> Self {
        let mut parts = Self { netems: Vec::new(), rates: Vec::new() };
        for rule in members.iter().filter_map(|id| rules.get(id)) {
            match &rule.effect {
                AnyEffect::Data(Effect::Netem(netem)) => {
                    parts.netems.push((rule.id, options::options(netem)))
                }
                AnyEffect::Data(Effect::Bandwidth(shaping)) => parts.rates.push((rule.id, shaping)),
                _ => {}
            }
        }
        parts.rates.sort_by_key(|(id, shaping)| (shaping.rate, *id));
        parts
    }

    fn as_one(&self, because: &str) -> Result<(RuleId, NetemOptions)> {
        let options: Vec<_> = self.netems.iter().map(|(_, options)| options.clone()).collect();
        let merged = options::merged(&options).ok_or_else(|| {
            Error::refused(format!(
                "two faults whose effects cannot be joined in one netem meet the same packets (a second jitter, loss or rate): {because}; say \
                 both in one fault, keep their traffic apart, or let one go through this process"
            ))
        })?;
        // There are several.
        let (rule, _) = self.netems[0];
        Ok((rule, merged))
    }
}

/// Qdiscs, each within the one before.
struct Chain<'a> {
    key: &'a ClassKey,
    parent: Handle,
    qdiscs: Vec<Qdisc>,
}

impl Chain<'_> {
    fn add(&mut self, numbering: &mut Numbering, rule: RuleId, kind: Kind) -> Result<()> {
        let number = numbering.qdiscs.of(&(self.key.clone(), rule), MOST_QDISCS).ok_or_else(full)?;
        self.qdiscs.push(Qdisc { handle: Handle::new(number, 0), parent: self.parent, kind });
        // The only class of netem and tbf.
        self.parent = Handle::new(number, 1);
        Ok(())
    }
}

impl Numbering {
    fn class(&mut self, key: &ClassKey) -> Result<u16> {
        self.classes.of(key, MOST_CLASSES).ok_or_else(full)
    }
}

fn full() -> Error {
    Error::refused(format!(
        "more than {MOST_CLASSES} classes of packets in one namespace: name fewer devices, or take some faults back"
    ))
}
