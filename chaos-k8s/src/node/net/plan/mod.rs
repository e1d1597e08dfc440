//! What the kernel must hold so that every rule of a namespace acts: pure, from rules to values.
//!
//! ```text
//! Active rules ── combine ──> combinations ──┬── tree ──> devices of ours: classes and their qdiscs
//!                                            ├── table ─> programs of nf_tables that pick the packets
//!                                            └── filter > programs of BPF that do, where nf_tables cannot
//! ```
//!
//! A packet that rules meet goes through this process first, for the rules that act there, one after the other: each has a TAP of
//! its own at each of its devices, and what comes back from it has the rule's mark (`0xca05NNN0`), by which the program goes on
//! with the rules after that one. Then it waits for the others on an ifb. For those, a packet that rules meet carries its combination in its priority (`ca05:NNN0`) while it is looked at, and then the class
//! that waits for it on a device of ours. The lowest four bits stay 0: a qdisc that puts packets into bands by them
//! (pfifo_fast, prio) sees best effort.

mod act;
mod base;
mod combine;
pub(crate) mod filter;
mod numbers;
mod options;
mod program;
mod ranges;
mod table;
#[cfg(test)]
mod tests;
mod traffic;
mod tree;

use std::collections::BTreeSet;
use std::ffi::CString;
use std::fmt;

pub(crate) use combine::Combinations;
use combine::Members;
use numbers::Numbers;
pub(crate) use program::Program;
pub(crate) use table::{Ours, Programs, Taps, act_chain, in_force, in_force_key, programs};
pub(crate) use traffic::{Meeting, Way, chain};
pub(crate) use tree::{Branch, Tree, tree};

use chaos_core::{Error, Result};

use super::kernel::Handle;
use super::rule::{AnyEffect, Refusal};

/// Major number of everything of ours: unlike what people and other programs choose.
pub(crate) const MAJOR: u16 = 0xca05;
/// The root qdisc of a device of ours.
pub(crate) const ROOT: Handle = Handle::new(MAJOR, 0);

/// One injected rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct RuleId(pub(crate) u64);

impl fmt::Display for RuleId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A device, and the way that packets take there.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Cell {
    pub(crate) link: u32,
    pub(crate) way: Way,
    pub(crate) device: CString,
}

/// A rule in force: its names are addresses, its devices have numbers.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Active {
    pub(crate) id: RuleId,
    pub(crate) effect: AnyEffect,
    pub(crate) act: Act,
    pub(crate) meetings: Vec<Meeting>,
    pub(crate) cells: BTreeSet<Cell>,
}

/// By what a rule acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Act {
    Drop,
    /// So many of a million, each on its own.
    Lose(u32),
    Refuse(Refusal),
    /// Packets go over an ifb of ours, with classes and qdiscs.
    Ifb,
    /// Packets go over a TAP of ours, through this process.
    Process,
}

impl Active {
    /// Whether one packet can meet both.
    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        self.meetings.iter().any(|a| other.meetings.iter().any(|b| a.overlaps(b)))
    }

    pub(crate) fn ways(&self) -> BTreeSet<Way> {
        self.cells.iter().map(|cell| cell.way).collect()
    }
}

/// What picks packets at a device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Picker {
    /// A table of nf_tables.
    #[default]
    Table,
    /// Filters of BPF at its clsact.
    Filter,
}

/// What picks packets on each way: all rules of a namespace are picked by the same, or they would not compose.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Picked {
    pub(crate) out: Picker,
    pub(crate) inward: Picker,
}

impl Picked {
    pub(crate) fn by(self, way: Way) -> Picker {
        match way {
            Way::Out => self.out,
            Way::In => self.inward,
        }
    }
}

/// What a plan needs to know of the namespace.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Site<'a> {
    pub(crate) picked: Picked,
    pub(crate) ours: Ours<'a>,
    /// Devices with filters of others on the way out.
    pub(crate) crowded: &'a BTreeSet<u32>,
}

/// What has a class.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum ClassKey {
    /// A combination at its cell.
    Leaf(Cell, Members),
    /// What all combinations with this bandwidth share at a cell.
    Rate(Cell, RuleId),
}

/// The numbers that were given out; they stay while what they name stays.
#[derive(Debug, Clone, Default)]
pub(crate) struct Numbering {
    combinations: Numbers<Members>,
    classes: Numbers<ClassKey>,
    qdiscs: Numbers<(ClassKey, RuleId)>,
    counters: Numbers<(RuleId, Way)>,
    marks: Numbers<RuleId>,
    taps: Numbers<(RuleId, Cell)>,
}

/// So many counters of filters has a namespace.
pub(crate) const COUNTERS: u16 = 1_024;
/// So many numbers have 12 bits.
const MOST_CLASSES: u16 = 0xfff;

/// The minor number that stands for `number`.
const fn minor(number: u16) -> u16 {
    number << 4
}

impl Numbering {
    /// The place of the counter of a rule where filters pick its packets.
    fn counter(&mut self, rule: RuleId, way: Way) -> Result<u32> {
        let number = self.counters.of(&(rule, way), COUNTERS - 1).ok_or_else(|| {
            Error::refused(format!("more than {COUNTERS} network faults in one namespace: take some back"))
        })?;
        Ok(number.into())
    }

    /// Gives back the numbers of what is neither in these rules, nor in these combinations, nor in these classes.
    pub(crate) fn keep(
        &mut self,
        rules: &[Active],
        combinations: &Combinations,
        classes: &BTreeSet<ClassKey>,
    ) {
        self.counters.keep(|(id, _)| rules.iter().any(|rule| rule.id == *id));
        self.combinations.keep(|members| combinations.cells.contains_key(members));
        self.classes.keep(|key| classes.contains(key));
        self.qdiscs.keep(|(key, _)| classes.contains(key));
    }

    /// Gives back the numbers of rules whose packets go through this process no more.
    pub(crate) fn keep_taps(&mut self, stay: &BTreeSet<(RuleId, Cell)>) {
        self.taps.keep(|key| stay.contains(key));
        self.marks.keep(|rule| stay.iter().any(|(id, _)| id == rule));
    }

    /// The mark of what comes back from this process for a rule.
    pub(crate) fn mark(&mut self, rule: RuleId) -> Result<u32> {
        let number = self.marks.of(&rule, MOST_CLASSES).ok_or_else(too_many)?;
        Ok(Handle::new(MAJOR, minor(number)).0)
    }

    /// The number of a rule's TAP at a cell.
    pub(crate) fn tap(&mut self, rule: RuleId, cell: &Cell) -> Result<u16> {
        self.taps.of(&(rule, cell.clone()), MOST_CLASSES).ok_or_else(too_many)
    }
}

fn too_many() -> Error {
    Error::refused(format!(
        "more than {MOST_CLASSES} ways through this process in one namespace: name fewer devices, or take some faults back"
    ))
}
