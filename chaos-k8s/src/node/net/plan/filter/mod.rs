//! The programs of BPF that pick the packets where nf_tables cannot: at a device's clsact, on its way out or in.
//!
//! ```text
//! filter of preference 1   the stub of a way, which goes on in its program: these packets? count; drop, or take the step to the
//!                          larger combination; at the end its class, and a note for which device of ours
//! filter of preference 2   for each device of ours a stub: is the note for it? then off to that device
//! ```
//!
//! The stubs go on through a map of programs that this process holds: the kernel empties it with the last descriptor, and then
//! they do nothing (kernel/bpf/arraymap.c, `prog_array_map_clear`). So the filters end as an owned table does, with their process.
//! Exchanging a program is one step for all devices of a way.

mod aside;
mod assembler;
#[cfg(test)]
pub(super) mod machine;
mod meeting;
mod packet;
mod sample;
mod stub;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use chaos_core::Result;

use assembler::{Assembler, Function, If, Label, R, RESULT, STACK, Width};
pub(crate) use assembler::{Code, MapName};
use packet::{GROUP, HEADER, KEY};
pub(crate) use sample::sample;
pub(crate) use stub::{device_stub, pick_stub, to_device};

use super::combine::Members;
use super::{Act, Active, Combinations, MAJOR, Numbering, RuleId, Site, Tree, Way};
use crate::node::net::kernel::Handle;

/// What a filter's program says (`TC_ACT_*`): it goes on with the next filter.
const NEXT: i32 = -1;
/// The packet is gone, and its sender is not told: what it is told of a packet that is shot lets TCP try again at once.
const STOLEN: i32 = 4;
const SHOT: i32 = 2;

/// Places in the map of programs.
pub(crate) const SLOTS: u32 = 3;
/// What those of preference 2 go on in.
pub(crate) const TO_DEVICE: u32 = 2;

/// The place of a way's program.
pub(crate) fn slot(way: Way) -> u32 {
    match way {
        Way::Out => 0,
        Way::In => 1,
    }
}

/// Networks of one family, as prefixes: length in bits and address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Prefixes {
    pub(crate) bits: u32,
    pub(crate) list: Vec<(u32, Vec<u8>)>,
}

/// Where a combination goes at a device: its class, and the note for the device of ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Destination {
    pub(crate) class: Handle,
    pub(crate) note: u32,
}

/// What comes back from a device of ours: the device that it leaves by, and its note.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Return {
    pub(crate) link: u32,
    pub(crate) note: u32,
}

/// The program of a way, with what its maps hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Picking {
    pub(crate) code: Code,
    /// The group of each device: those of a group have the same rules.
    pub(crate) cells: BTreeMap<u32, u32>,
    /// By combination and device.
    pub(crate) ways: BTreeMap<(Handle, u32), Destination>,
    /// By class, what comes back from a device of ours.
    pub(crate) returns: BTreeMap<Handle, Return>,
    pub(crate) prefixes: BTreeMap<String, Prefixes>,
    /// The place of each rule's counter.
    pub(crate) counters: BTreeMap<RuleId, u32>,
    /// The devices of ours to which packets of each device go.
    pub(crate) devices: BTreeMap<u32, BTreeSet<u16>>,
}

/// The note for a device of ours, which no other program leaves.
pub(crate) fn note(device: u16) -> u32 {
    u32::from(MAJOR) << 16 | u32::from(device)
}

/// The program of a way; `None` if no rule acts there.
pub(super) fn picking(
    rules: &[Active],
    way: Way,
    combinations: &Combinations,
    priorities: &BTreeMap<Members, Handle>,
    tree: &Tree,
    site: Site<'_>,
    numbering: &mut Numbering,
) -> Result<Option<Picking>> {
    let links = |rule: &Active| -> BTreeSet<u32> {
        rule.cells.iter().filter(|cell| cell.way == way).map(|cell| cell.link).collect()
    };
    let here: Vec<(&Active, BTreeSet<u32>)> = rules
        .iter()
        .filter(|rule| !matches!(rule.act, Act::Refuse(_) | Act::Process))
        .map(|rule| (rule, links(rule)))
        .filter(|(_, links)| !links.is_empty())
        .collect();
    if here.is_empty() {
        return Ok(None);
    }
    let mut picking = Picking::default();
    let groups = groups(&here);
    for (number, (links, _)) in groups.iter().enumerate() {
        picking.cells.extend(links.iter().map(|link| (*link, number as u32)));
    }
    for ((cell, members), (device, class)) in tree.ways.iter().filter(|((cell, _), _)| cell.way == way) {
        let to = Destination { class: *class, note: note(*device) };
        picking.ways.insert((priorities[members], cell.link), to);
        picking.devices.entry(cell.link).or_default().insert(*device);
        let note = if site.crowded.contains(&cell.link) { 0 } else { to.note };
        picking.returns.insert(*class, Return { link: cell.link, note });
    }
    let mut program = Assembler::default();
    let end = program.label();
    program.read_device(end);
    if way == Way::Out {
        program.let_return(site.ours.links.values().copied(), end);
    }
    program.read(way, end);
    let (aside, at_once): (Vec<_>, Vec<_>) =
        here.iter().map(|(rule, _)| *rule).partition(|rule| rule.act == Act::Ifb);
    let mut rule = |rule: &Active, program: &mut Assembler| -> Result<()> {
        let (acts, next) = (program.label(), program.label());
        program.only_groups(&groups, |members| members.contains(&rule.id), next);
        for (number, meeting) in rule.meetings.iter().enumerate() {
            let name = format!("flow{}-{number}", rule.id);
            meeting.compile(way, &name, &mut picking.prefixes, program, acts);
        }
        program.go(next);
        program.bind(acts);
        let counter = numbering.counter(rule.id, way)?;
        picking.counters.insert(rule.id, counter);
        program.only_in_time(counter, next);
        program.count(counter);
        match rule.act {
            Act::Drop => program.exit_with(vanish(way)),
            Act::Lose(share) => {
                program.call(Function::Random);
                program.scale(RESULT, 1_000_000);
                program.go_if(RESULT, If::AtLeast, share, next);
                program.exit_with(vanish(way));
            }
            Act::Ifb => program.step(rule, combinations, priorities, next),
            Act::Refuse(_) | Act::Process => {}
        }
        program.bind(next);
        Ok(())
    };
    for at_once in at_once {
        rule(at_once, &mut program)?;
    }
    if !aside.is_empty() {
        let has_some = |members: &BTreeSet<RuleId>| aside.iter().any(|rule| members.contains(&rule.id));
        program.only_groups(&groups, has_some, end);
        program.forget();
        for aside in aside {
            rule(aside, &mut program)?;
        }
        program.send_aside(end);
    }
    program.bind(end);
    program.exit_with(NEXT);
    picking.code = program.finish()?;
    Ok(Some(picking))
}

fn vanish(way: Way) -> i32 {
    match way {
        Way::Out => STOLEN,
        Way::In => SHOT,
    }
}

/// Devices with the same rules, and these.
type Group = (BTreeSet<u32>, BTreeSet<RuleId>);

fn groups(here: &[(&Active, BTreeSet<u32>)]) -> Vec<Group> {
    let mut by_link: BTreeMap<u32, BTreeSet<RuleId>> = BTreeMap::new();
    for (rule, links) in here {
        for link in links {
            by_link.entry(*link).or_default().insert(rule.id);
        }
    }
    let mut groups: BTreeMap<BTreeSet<RuleId>, BTreeSet<u32>> = BTreeMap::new();
    for (link, members) in by_link {
        groups.entry(members).or_default().insert(link);
    }
    groups.into_iter().map(|(members, links)| (links, members)).collect()
}

impl Assembler {
    /// Goes on with the packets of devices that have some of these rules, and to `other` with the rest.
    fn only_groups(&mut self, groups: &[Group], wanted: impl Fn(&BTreeSet<RuleId>) -> bool, other: Label) {
        let wanted: Vec<u32> =
            (0..).zip(groups).filter(|(_, (_, members))| wanted(members)).map(|(number, _)| number).collect();
        if wanted.len() == groups.len() {
            return;
        }
        let here = self.label();
        for number in wanted {
            self.go_if(GROUP, If::Equal, number, here);
        }
        self.go(other);
        self.bind(here);
    }

    /// Goes to `over` if the rule's time is over, by the kernel's own clock.
    fn only_in_time(&mut self, counter: u32, over: Label) {
        self.put(KEY, counter);
        self.look_up(MapName::Terms, KEY);
        self.go_if(RESULT, If::Equal, 0, over);
        self.load(Width::Double, R(1), RESULT, 0);
        self.store(Width::Double, STACK, HEADER, R(1));
        self.call(Function::Time);
        self.load(Width::Double, R(1), STACK, HEADER);
        self.go_if_other(RESULT, If::AtLeast, R(1), over);
    }

    fn count(&mut self, counter: u32) {
        let full = self.label();
        self.put(KEY, counter);
        self.look_up(MapName::Counters, KEY);
        self.go_if(RESULT, If::Equal, 0, full);
        self.set(R(1), 1);
        self.add_in_memory(RESULT, R(1));
        self.bind(full);
    }
}
