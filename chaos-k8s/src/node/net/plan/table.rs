//! The programs of nf_tables that pick the packets.
//!
//! ```text
//! base chain of a device and way          of each rule
//!   priority of ours? forget it           match<rule>: these packets, and still in force? goto act<rule>
//!   jump match<rule> ... in their order   act<rule>:   count; drop, or take the step to the larger combination
//!   known combination? its class, and off to the device of ours
//! ```

use std::collections::{BTreeMap, BTreeSet};

use chaos_core::Result;

use super::combine::Members;
use super::program::{Chain, Program};
use super::traffic::chain;
use super::{Act, Active, Cell, Combinations, MAJOR, MOST_CLASSES, Numbering, RuleId, Tree, Way, minor};
use crate::node::net::kernel::expr::{Meta, Op, Reg, Reject};
use crate::node::net::kernel::{Data, Expr, Family, Handle, Hook, Set, Verdict};
use crate::node::net::rule::Refusal;

/// After what others do at a device on the way out (300, as the nftables wiki has it), before all others on the way in.
const OUT_PRIORITY: i32 = 300;
const IN_PRIORITY: i32 = -300;
/// Where filters stand.
const FILTER: i32 = 0;

/// Both programs of a namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Programs {
    pub(crate) netdev: Program,
    pub(crate) inet: Program,
}

/// The chain that counts what a rule meets.
pub(crate) fn act_chain(rule: &Active, way: Way) -> String {
    format!("act{}-{}", rule.id, way.name())
}

fn match_chain(rule: &Active, way: Way) -> String {
    format!("match{}-{}", rule.id, way.name())
}

/// The set of the rules whose time is not over, in each table.
pub(crate) fn in_force() -> Result<Set> {
    Set::timed("in-force", Data::Mark)
}

/// What stands for a rule there. A number is given out once, and four thousand million of them are enough.
pub(crate) fn in_force_key(rule: RuleId) -> [u8; 4] {
    (rule.0 as u32).to_ne_bytes()
}

/// Of these rules in their order. `links` are the numbers of the devices of ours.
pub(crate) fn programs(
    rules: &[Active],
    combinations: &Combinations,
    tree: &Tree,
    links: &BTreeMap<u16, u32>,
    numbering: &mut Numbering,
) -> Result<Programs> {
    let mut programs = Programs::default();
    let priorities = priorities(combinations, numbering)?;
    for rule in rules {
        let (family, program) = match rule.act {
            Act::Refuse(_) => (Family::Inet, &mut programs.inet),
            _ => (Family::Netdev, &mut programs.netdev),
        };
        for way in rule.ways() {
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
            program.chains.insert(match_chain(rule, way), Chain { place: None, rules: matching });
            let acting = acting(rule, way, combinations, &priorities, program)?;
            program.chains.insert(act, Chain { place: None, rules: acting });
        }
    }
    for cell in
        rules.iter().filter(|rule| !refuses(rule)).flat_map(|rule| &rule.cells).collect::<BTreeSet<_>>()
    {
        base(cell, rules, &priorities, tree, links, &mut programs.netdev)?;
    }
    refusing(rules, &mut programs.inet);
    Ok(programs)
}

fn refuses(rule: &Active) -> bool {
    matches!(rule.act, Act::Refuse(_))
}

/// The priority that stands for each combination.
fn priorities(combinations: &Combinations, numbering: &mut Numbering) -> Result<BTreeMap<Members, Handle>> {
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

fn register(handle: Handle) -> [u8; 4] {
    handle.0.to_ne_bytes()
}

/// What a rule does with a packet that it meets.
fn acting(
    rule: &Active,
    way: Way,
    combinations: &Combinations,
    priorities: &BTreeMap<Members, Handle>,
    program: &mut Program,
) -> Result<Vec<Vec<Expr>>> {
    let count = vec![Expr::Counter];
    Ok(match rule.act {
        Act::Drop => vec![count, vanish(way)],
        Act::Lose(share) => {
            let chosen = [
                Expr::Random { below: 1_000_000 },
                Expr::BigEndian,
                Expr::Cmp(Op::Less, share.to_be_bytes().to_vec()),
            ];
            vec![count, [&chosen[..], &vanish(way)].concat()]
        }
        Act::Refuse(how) => [vec![count], refusal(how)].concat(),
        Act::Ifb => {
            let steps = combinations.steps.get(&rule.id).map_or(&[][..], Vec::as_slice);
            let steps: BTreeMap<_, _> = steps
                .iter()
                .map(|(from, to)| (register(priorities[from]).to_vec(), register(priorities[to]).to_vec()))
                .collect();
            let alone = priorities[&Members::from([rule.id])];
            let first = vec![Expr::Load(register(alone)), Expr::SetMeta(Meta::Priority, Reg::A)];
            let set = Set::map(&format!("steps{}", rule.id), Data::ClassId, Data::ClassId)?;
            let steps = program.map(set, steps);
            let next = vec![
                Expr::Meta(Meta::Priority),
                Expr::Map(steps),
                Expr::SetMeta(Meta::Priority, Reg::A),
                Expr::Verdict(Verdict::Return),
            ];
            vec![count, next, first]
        }
    })
}

/// A packet that is dropped on its way out is seen by its sender, and TCP then tries again at once instead of backing off. So
/// it is sent to a device that is not there, which frees it and says nothing (net/netfilter/nf_dup_netdev.c,
/// `nf_fwd_netdev_egress`).
fn vanish(way: Way) -> Vec<Expr> {
    const NO_DEVICE: i32 = i32::MAX;
    match way {
        Way::Out => vec![Expr::Load(NO_DEVICE.to_ne_bytes()), Expr::Forward(Reg::A)],
        Way::In => vec![Expr::Verdict(Verdict::Drop)],
    }
}

fn refusal(how: Refusal) -> Vec<Vec<Expr>> {
    let tcp = vec![
        Expr::Meta(Meta::Layer4),
        Expr::Cmp(Op::Equal, vec![nix::libc::IPPROTO_TCP as u8]),
        Expr::Reject(Reject::TcpReset),
    ];
    match how {
        Refusal::Reset => vec![tcp, vec![Expr::Reject(Reject::PortUnreachable)]],
        Refusal::HostUnreachable => vec![vec![Expr::Reject(Reject::HostUnreachable)]],
        Refusal::Prohibited => vec![vec![Expr::Reject(Reject::Prohibited)]],
    }
}

/// The chain that a device calls.
fn base(
    cell: &Cell,
    rules: &[Active],
    priorities: &BTreeMap<Members, Handle>,
    tree: &Tree,
    links: &BTreeMap<u16, u32>,
    program: &mut Program,
) -> Result<()> {
    let device = cell.device.clone();
    let (hook, priority) = match cell.way {
        Way::Out => (Hook::Egress { device }, OUT_PRIORITY),
        Way::In => (Hook::Ingress { device }, IN_PRIORITY),
    };
    let name = format!("{}-{}", cell.way.name(), cell.link);
    let here = || rules.iter().filter(|rule| !refuses(rule) && rule.cells.contains(cell));
    let jump = |rule: &Active| vec![Expr::jump(&chain(&match_chain(rule, cell.way)))];
    let mut lines: Vec<Vec<Expr>> = here().filter(|rule| rule.act != Act::Ifb).map(jump).collect();
    if here().any(|rule| rule.act == Act::Ifb) {
        // Left from another device that it crossed.
        lines.push(vec![
            Expr::Meta(Meta::Priority),
            Expr::Mask(0xffff_0000_u32.to_ne_bytes()),
            Expr::Cmp(Op::Equal, register(super::ROOT).to_vec()),
            Expr::Load([0; 4]),
            Expr::SetMeta(Meta::Priority, Reg::A),
        ]);
        lines.extend(here().filter(|rule| rule.act == Act::Ifb).map(jump));
        let ways = tree
            .ways
            .iter()
            .filter(|((at, _), _)| at == cell)
            .map(|((_, members), (device, class))| {
                let link = links.get(device).copied().unwrap_or(0);
                let way = [register(*class), link.to_ne_bytes()].concat();
                (register(priorities[members]).to_vec(), way)
            })
            .collect();
        let ways = program.map(Set::map(&format!("ways-{name}"), Data::ClassId, Data::Way)?, ways);
        lines.push(vec![
            Expr::Meta(Meta::Priority),
            Expr::Map(ways),
            Expr::SetMeta(Meta::Priority, Reg::A),
            Expr::Forward(Reg::B),
        ]);
    }
    program.chains.insert(name, Chain { place: Some((hook, priority)), rules: lines });
    Ok(())
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
                    Expr::jump(&chain(&match_chain(rule, way))),
                ]);
            }
        }
        if !lines.is_empty() {
            program.chains.insert(name.to_owned(), Chain { place: Some((hook, FILTER)), rules: lines });
        }
    }
}
