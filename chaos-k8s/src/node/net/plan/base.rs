//! The chain that a device calls, for one way: which rules look at a packet, and in which order.

use std::collections::BTreeMap;

use chaos_core::Result;

use super::combine::Members;
use super::program::{Chain, Program};
use super::table::{Ours, match_chain, refuses, register};
use super::traffic::chain;
use super::{Act, Active, Cell, Numbering, ROOT, RuleId, Tree, Way};
use crate::node::net::kernel::expr::{Meta, Op, Reg};
use crate::node::net::kernel::{Data, Expr, Handle, Hook, Set, Verdict};

/// After what others do at a device on the way out (300, as the nftables wiki has it), before all others on the way in.
const OUT_PRIORITY: i32 = 300;
const IN_PRIORITY: i32 = -300;

/// Adds the chain of `cell`.
pub(super) fn base(
    cell: &Cell,
    rules: &[Active],
    priorities: &BTreeMap<Members, Handle>,
    tree: &Tree,
    ours: Ours<'_>,
    numbering: &mut Numbering,
    program: &mut Program,
) -> Result<()> {
    let device = cell.device.clone();
    let (hook, priority) = match cell.way {
        Way::Out => (Hook::Egress { device }, OUT_PRIORITY),
        Way::In => (Hook::Ingress { device }, IN_PRIORITY),
    };
    let name = format!("{}-{}", cell.way.name(), cell.link);
    let here: Vec<&Active> =
        rules.iter().filter(|rule| !refuses(rule) && rule.cells.contains(cell)).collect();
    let jumps = |is_meant: fn(Act) -> bool| {
        here.iter().filter(move |rule| is_meant(rule.act)).map(|rule| jump(rule.id, cell))
    };
    let aside = aside(cell, &here, &name, priorities, tree, ours, program)?;

    let mut lines = Vec::new();
    if let Some(back) = back(cell, &here, &name, &aside, ours, numbering, program)? {
        lines.push([is_marked(), vec![Expr::goto(&chain(&back))]].concat());
    } else if here.iter().any(|rule| matches!(rule.act, Act::Lose(_))) {
        // Another run leads packets through its process: one that comes back from there has had its throw here.
        lines.push([is_marked(), vec![Expr::Verdict(Verdict::Accept)]].concat());
    }
    lines.extend(jumps(|act| matches!(act, Act::Drop | Act::Lose(_))));
    lines.extend(jumps(|act| act == Act::Process));
    lines.extend(aside);
    program.chains.insert(name, Chain { place: Some((hook, priority)), rules: lines });
    Ok(())
}

fn jump(rule: RuleId, cell: &Cell) -> Vec<Expr> {
    vec![Expr::jump(&chain(&match_chain(rule, cell.way)))]
}

/// Holds for packets that come back from a process of ours.
fn is_marked() -> Vec<Expr> {
    vec![
        Expr::Meta(Meta::Mark),
        Expr::Mask(0xffff_0000_u32.to_ne_bytes()),
        Expr::Cmp(Op::Equal, register(ROOT).to_vec()),
    ]
}

/// The lines for rules on an ifb: the combination of those that meet the packet, then its class.
fn aside(
    cell: &Cell,
    here: &[&Active],
    name: &str,
    priorities: &BTreeMap<Members, Handle>,
    tree: &Tree,
    ours: Ours<'_>,
    program: &mut Program,
) -> Result<Vec<Vec<Expr>>> {
    let meant = || here.iter().filter(|rule| rule.act == Act::Ifb);
    if meant().next().is_none() {
        return Ok(Vec::new());
    }
    // Left from another device that it crossed.
    let mut lines = vec![vec![
        Expr::Meta(Meta::Priority),
        Expr::Mask(0xffff_0000_u32.to_ne_bytes()),
        Expr::Cmp(Op::Equal, register(ROOT).to_vec()),
        Expr::Load([0; 4]),
        Expr::SetMeta(Meta::Priority, Reg::A),
    ]];
    lines.extend(meant().map(|rule| jump(rule.id, cell)));
    let ways = tree
        .ways
        .iter()
        .filter(|((at, _), _)| at == cell)
        .map(|((_, members), (device, class))| {
            let link = ours.links.get(device).copied().unwrap_or(0);
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
    Ok(lines)
}

/// The chain for packets that come back from this process, if any can: they go on with the rules after the one whose mark they
/// have. A rule's rank is its number, so that one which comes later changes no line of others.
fn back(
    cell: &Cell,
    here: &[&Active],
    name: &str,
    aside: &[Vec<Expr>],
    ours: Ours<'_>,
    numbering: &mut Numbering,
    program: &mut Program,
) -> Result<Option<String>> {
    let rank = |rule: RuleId| (rule.0 as u32).to_be_bytes().to_vec();
    let present: Vec<RuleId> =
        here.iter().filter(|rule| rule.act == Act::Process).map(|rule| rule.id).collect();
    let leaving = ours.taps.leaving.iter().filter(|(_, at)| at == cell).map(|(rule, _)| *rule);
    let mut ranks = BTreeMap::new();
    for rule in present.iter().copied().chain(leaving) {
        ranks.insert(numbering.mark(rule)?.to_ne_bytes().to_vec(), rank(rule));
    }
    if ranks.is_empty() {
        return Ok(None);
    }
    let ranks = program.map(Set::map(&format!("ranks-{name}"), Data::Mark, Data::Mark)?, ranks);
    let mut lines = Vec::new();
    for rule in present {
        let is_later =
            vec![Expr::Meta(Meta::Mark), Expr::Map(ranks.clone()), Expr::Cmp(Op::Less, rank(rule))];
        lines.push([is_later, jump(rule, cell)].concat());
    }
    lines.push(vec![Expr::Load([0; 4]), Expr::SetMeta(Meta::Mark, Reg::A)]);
    lines.extend_from_slice(aside);
    let back = format!("back-{name}");
    program.chains.insert(back.clone(), Chain { place: None, rules: lines });
    Ok(Some(back))
}
