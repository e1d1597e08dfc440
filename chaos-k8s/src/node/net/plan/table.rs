//! What picks the packets: programs of nf_tables, and those of [`filter`](super::filter) where it cannot.
//!
//! ```text
//! base chain of a device and way          of each rule
//!   mark of ours? goto back               match<rule>: these packets, and still in force?
//!   jump match<rule> ... that drop        act<rule>:   count; drop, off to its TAP, or take the step to the larger
//!   jump match<rule> ... by this process               combination
//!   priority of ours? forget it           back: the packet was in this process
//!   jump match<rule> ... on an ifb          jump match<rule> ... by this process, those after the one whose mark it has
//!   known combination? its class,           forget the mark; on as in the base chain, from the priority on
//!   and off to the ifb
//! ```

use std::collections::{BTreeMap, BTreeSet};

use chaos_core::Result;

use super::act::acting;
use super::base::base;
use super::combine::Members;
use super::filter::{Picking, picking};
use super::program::{Chain, Program};
use super::traffic::chain;
use super::{
    Act, Active, Cell, Combinations, MAJOR, MOST_CLASSES, Numbering, Picker, RuleId, Site, Tree, Way, minor,
};
use crate::node::net::kernel::expr::{Meta, Op};
use crate::node::net::kernel::{Data, Expr, Family, Handle, Hook, Set};

/// Where filters stand.
const FILTER: i32 = 0;

/// The programs of a namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Programs {
    pub(crate) netdev: Program,
    pub(crate) inet: Program,
    /// Of the ways that filters pick.
    pub(crate) filters: BTreeMap<Way, Picking>,
}

/// The devices of ours, by their numbers in the kernel.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Ours<'a> {
    /// The ifbs.
    pub(crate) links: &'a BTreeMap<u16, u32>,
    pub(crate) taps: &'a Taps,
}

/// Where packets go through this process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Taps {
    /// The TAP of each rule at its cells.
    pub(crate) links: BTreeMap<(RuleId, Cell), u32>,
    /// Where packets may still come back of rules that were taken out.
    pub(crate) leaving: BTreeSet<(RuleId, Cell)>,
}

/// The chain that counts what a rule meets.
pub(crate) fn act_chain(rule: &Active, way: Way) -> String {
    format!("act{}-{}", rule.id, way.name())
}

pub(super) fn match_chain(rule: RuleId, way: Way) -> String {
    format!("match{rule}-{}", way.name())
}

/// The set of the rules whose time is not over, in each table.
pub(crate) fn in_force() -> Result<Set> {
    Set::timed("in-force", Data::Mark)
}

/// What stands for a rule there. A number is given out once, and four thousand million of them are enough.
pub(crate) fn in_force_key(rule: RuleId) -> [u8; 4] {
    (rule.0 as u32).to_ne_bytes()
}

/// Of these rules in their order.
pub(crate) fn programs(
    rules: &[Active],
    combinations: &Combinations,
    tree: &Tree,
    site: Site<'_>,
    numbering: &mut Numbering,
) -> Result<Programs> {
    let (picked, ours) = (site.picked, site.ours);
    let mut programs = Programs::default();
    let priorities = priorities(combinations, numbering)?;
    for way in Way::BOTH.into_iter().filter(|way| picked.by(*way) == Picker::Filter) {
        let picking = picking(rules, way, combinations, &priorities, tree, site, numbering)?;
        programs.filters.extend(picking.map(|picking| (way, picking)));
    }
    let by_table = |rule: &Active, way: Way| refuses(rule) || picked.by(way) == Picker::Table;
    for rule in rules {
        let (family, program) = match rule.act {
            Act::Refuse(_) => (Family::Inet, &mut programs.inet),
            _ => (Family::Netdev, &mut programs.netdev),
        };
        for way in rule.ways().into_iter().filter(|way| by_table(rule, *way)) {
            let act = act_chain(rule, way);
            let mut matching = Vec::new();
            for (number, meeting) in rule.meetings.iter().enumerate() {
                let name = format!("flow{}-{number}", rule.id);
                for mut steps in meeting.steps(way, family, &name, program)? {
                    let key = in_force_key(rule.id);
                    let in_force = program.timed(in_force()?, key.to_vec());
                    steps.extend([Expr::Load(key), Expr::In(in_force), Expr::goto(&chain(&act))]);
                    matching.push(steps);
                }
            }
            program.chains.insert(match_chain(rule.id, way), Chain { place: None, rules: matching });
            let acting = acting(rule, way, combinations, &priorities, ours, program)?;
            program.chains.insert(act, Chain { place: None, rules: acting });
        }
    }
    let led = rules.iter().filter(|rule| !refuses(rule)).flat_map(|rule| &rule.cells);
    let cells: BTreeSet<&Cell> = led.chain(ours.taps.leaving.iter().map(|(_, cell)| cell)).collect();
    for cell in cells.into_iter().filter(|cell| picked.by(cell.way) == Picker::Table) {
        base(cell, rules, &priorities, tree, ours, numbering, &mut programs.netdev)?;
    }
    refusing(rules, &mut programs.inet);
    Ok(programs)
}

pub(super) fn refuses(rule: &Active) -> bool {
    matches!(rule.act, Act::Refuse(_))
}

/// The priority that stands for each combination.
pub(super) fn priorities(
    combinations: &Combinations,
    numbering: &mut Numbering,
) -> Result<BTreeMap<Members, Handle>> {
    combinations
        .cells
        .keys()
        .map(|members| {
            // There are fewer combinations than numbers.
            let number = numbering.combinations.of(members, MOST_CLASSES).unwrap_or(MOST_CLASSES);
            Ok((members.clone(), Handle::new(MAJOR, minor(number))))
        })
        .collect()
}

pub(super) fn register(handle: Handle) -> [u8; 4] {
    handle.0.to_ne_bytes()
}

/// The chains in which packets are refused: an answer from a device's own hook would leave by that device.
fn refusing(rules: &[Active], program: &mut Program) {
    let hooks = [
        ("output", Hook::Output, Way::Out),
        ("forward-out", Hook::Forward, Way::Out),
        ("input", Hook::Input, Way::In),
        ("forward-in", Hook::Forward, Way::In),
    ];
    for (name, hook, way) in hooks {
        let mut lines = Vec::new();
        for rule in rules.iter().filter(|rule| refuses(rule)) {
            for cell in rule.cells.iter().filter(|cell| cell.way == way) {
                let device = if way == Way::Out { Meta::Out } else { Meta::In };
                lines.push(vec![
                    Expr::Meta(device),
                    Expr::Cmp(Op::Equal, cell.link.to_ne_bytes().to_vec()),
                    Expr::jump(&chain(&match_chain(rule.id, way))),
                ]);
            }
        }
        if !lines.is_empty() {
            program.chains.insert(name.to_owned(), Chain { place: Some((hook, FILTER)), rules: lines });
        }
    }
}
