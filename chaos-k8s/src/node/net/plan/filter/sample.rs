//! A program with everything that one may have: whether a kernel takes it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chaos_core::Result;

use super::{Picking, picking};
use crate::node::net::plan::table::priorities;
use crate::node::net::plan::{
    Act, Active, Cell, Combinations, Meeting, Numbering, Ours, Picked, RuleId, Site, Taps, Way, tree,
};
use crate::node::net::rule::{AnyEffect, Effect, Flow, Netem, Ports};

/// Of rules that ask for everything, and lose packets or lead them aside.
pub(crate) fn sample() -> Result<Picking> {
    let peers: Vec<String> = (0..8).map(|number| format!("10.0.{number}.1/32")).collect();
    let peers =
        peers.iter().map(String::as_str).chain(["fd00::/9", "fe80::1", "ff00::/8", "2000::/3", "100::/64"]);
    let meetings = vec![Meeting::new(&Flow::peers(peers)?.port(80)?.local_ports(Ports::range(1..=1_023)?)?)];
    let cell = Cell { link: 1, way: Way::Out, device: c"lo".to_owned() };
    let effect =
        AnyEffect::Data(Effect::Netem(Netem { delay: Duration::from_millis(1), ..Netem::default() }));
    let rule = |number, act| {
        let (effect, meetings) = (effect.clone(), meetings.clone());
        Active { id: RuleId(number), effect, act, meetings, cells: BTreeSet::from([cell.clone()]) }
    };
    let rules = [rule(1, Act::Lose(500_000)), rule(2, Act::Ifb), rule(3, Act::Ifb)];
    let mut numbering = Numbering::default();
    let aside: Vec<&Active> = rules[1..].iter().collect();
    let combinations = Combinations::of(&aside)?;
    let tree =
        tree(&aside.iter().map(|rule| (rule.id, *rule)).collect(), &combinations, true, &mut numbering)?;
    let priorities = priorities(&combinations, &mut numbering)?;
    let (links, crowded) = (BTreeMap::from([(0, 2)]), BTreeSet::new());
    let ours = Ours { links: &links, taps: &Taps::default() };
    let site = Site { picked: Picked::default(), ours, crowded: &crowded };
    let picking = picking(&rules, Way::Out, &combinations, &priorities, &tree, site, &mut numbering)?;
    Ok(picking.unwrap_or_default())
}
