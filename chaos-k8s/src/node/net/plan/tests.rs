//! The programs are run on packets here, step by step, and compared with what the rules say in words.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::CString;
use std::net::IpAddr;

use chaos_core::units::ms;
use proptest::prelude::*;

use super::program::{Content, Program};
use super::table::{Ours, Programs, Taps};
use super::*;
use crate::node::net::kernel::expr::{Header, Meta, Op, Reg};
use crate::node::net::kernel::{Expr, Verdict};
use crate::node::net::rule::{Address, AnyEffect, Bandwidth, Effect, Flow, Netem, Ports, Protocol, Shaping};

#[derive(Debug, Clone)]
struct Packet {
    cell: Cell,
    peer: IpAddr,
    protocol: u8,
    peer_port: u16,
    target_port: u16,
    /// As it comes.
    priority: u32,
    /// In whose hands it was, if it comes back from this process.
    back_from: Option<RuleId>,
}

impl Packet {
    fn bytes(&self, header: Header, offset: u32, length: u32) -> Vec<u8> {
        let out = self.cell.way == Way::Out;
        let port = |is_source: bool| {
            if is_source == out { self.target_port } else { self.peer_port }.to_be_bytes().to_vec()
        };
        match (header, offset, length) {
            (Header::Transport, 0, 2) => port(true),
            (Header::Transport, 2, 2) => port(false),
            (Header::Network, 12 | 8, _) if !out => self.address(),
            (Header::Network, 16 | 24, _) if out => self.address(),
            other => panic!("{other:?}"),
        }
    }

    /// From the header of IP on.
    fn whole(&self) -> Vec<u8> {
        let out = self.cell.way == Way::Out;
        let mut bytes = match self.peer {
            IpAddr::V4(_) => [&[0x45, 0, 0, 44, 0, 0, 0, 0, 64, self.protocol, 0, 0], &[9; 8][..]].concat(),
            IpAddr::V6(_) => [&[0x60, 0, 0, 0, 0, 24, self.protocol, 64], &[9; 32][..]].concat(),
        };
        let peer = self.address();
        let end = bytes.len();
        let at = if out { end - peer.len() } else { end - 2 * peer.len() };
        bytes[at..at + peer.len()].copy_from_slice(&peer);
        for offset in [0, 2] {
            bytes.extend(self.bytes(Header::Transport, offset, 2));
        }
        bytes.extend([0; 20]);
        bytes
    }

    fn address(&self) -> Vec<u8> {
        match self.peer {
            IpAddr::V4(peer) => peer.octets().to_vec(),
            IpAddr::V6(peer) => peer.octets().to_vec(),
        }
    }

    /// Whether a rule meets it, said without ranges and sets.
    fn is_met(&self, flow: &Flow) -> bool {
        let fits = |ports: &[Ports], port: u16| {
            ports.is_empty() || ports.iter().any(|ports| (ports.first()..=ports.last()).contains(&port))
        };
        let has_ports = !(flow.of_peer().is_empty() && flow.of_target().is_empty());
        let peer = flow.addresses().is_empty()
            || flow.addresses().iter().any(|address| match address {
                Address::Net(net) => net.contains(&self.peer),
                Address::Host(_) => false,
            });
        let protocol = match flow.protocol() {
            Protocol::Any => !has_ports || [6, 17, 132].contains(&self.protocol),
            Protocol::Tcp => self.protocol == 6,
            Protocol::Udp => self.protocol == 17,
            Protocol::Icmp => self.protocol == if self.peer.is_ipv4() { 1 } else { 58 },
        };
        peer && protocol && fits(flow.of_peer(), self.peer_port) && fits(flow.of_target(), self.target_port)
    }
}

/// What became of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Fate {
    Passed { priority: u32, mark: u32 },
    Gone,
    ToProcess { tap: u32 },
    Aside { class: u32, device: u32 },
}

struct Machine<'a> {
    program: &'a Program,
    packet: &'a Packet,
    priority: u32,
    mark: u32,
    registers: Vec<u8>,
    /// Rules whose time is over.
    over: &'a BTreeSet<RuleId>,
}

enum End {
    Chain,
    Fate(Fate),
}

impl Machine<'_> {
    fn run(&mut self, chain: &str) -> End {
        let chain = &self.program.chains[chain];
        'rules: for rule in &chain.rules {
            for step in rule {
                match self.step(step) {
                    Ok(true) => {}
                    Ok(false) => continue 'rules,
                    Err(end) => match end {
                        // What a jump came back from.
                        Some(end) => return end,
                        None => continue 'rules,
                    },
                }
            }
        }
        End::Chain
    }

    /// Whether the step holds; or how the chain ends.
    fn step(&mut self, step: &Expr) -> Result<bool, Option<End>> {
        match step {
            Expr::Payload { header, offset, length } => {
                self.registers = self.packet.bytes(*header, *offset, *length);
            }
            Expr::Meta(Meta::Protocol) => {
                let v4 = self.packet.peer.is_ipv4();
                self.registers = if v4 { 0x0800_u16 } else { 0x86dd }.to_be_bytes().to_vec();
            }
            Expr::Meta(Meta::Layer4) => self.registers = vec![self.packet.protocol],
            Expr::Meta(Meta::Priority) => self.registers = self.priority.to_ne_bytes().to_vec(),
            Expr::Meta(Meta::Mark) => self.registers = self.mark.to_ne_bytes().to_vec(),
            Expr::Meta(Meta::In | Meta::Out) => self.registers = self.packet.cell.link.to_ne_bytes().to_vec(),
            Expr::SetMeta(Meta::Mark, Reg::A) => {
                self.mark = u32::from_ne_bytes(self.registers[..4].try_into().unwrap());
            }
            Expr::SetMeta(Meta::Priority, Reg::A) => {
                self.priority = u32::from_ne_bytes(self.registers[..4].try_into().unwrap());
            }
            Expr::Cmp(op, bytes) => {
                let ordering = self.registers[..bytes.len()].cmp(bytes.as_slice());
                return Ok(match op {
                    Op::Equal => ordering.is_eq(),
                    Op::NotEqual => ordering.is_ne(),
                    Op::Less => ordering.is_lt(),
                    Op::AtMost => ordering.is_le(),
                    Op::AtLeast => ordering.is_ge(),
                });
            }
            Expr::Mask(mask) => {
                self.registers.iter_mut().zip(mask).for_each(|(byte, mask)| *byte &= mask);
            }
            Expr::Load(bytes) => self.registers = bytes.to_vec(),
            Expr::In(set) => {
                return Ok(match &self.program.sets[set].1 {
                    Content::Ranges(ranges) => {
                        ranges.iter().any(|(first, last)| (first..=last).contains(&&self.registers))
                    }
                    Content::Timed(keys) => {
                        let is_over = self.over.iter().any(|id| in_force_key(*id) == *self.registers);
                        keys.contains(&self.registers) && !is_over
                    }
                    Content::Map(_) => panic!(),
                });
            }
            Expr::Map(map) => {
                let Content::Map(map) = &self.program.sets[map].1 else { panic!() };
                match map.get(&self.registers) {
                    Some(value) => self.registers = value.clone(),
                    None => return Ok(false),
                }
            }
            Expr::Forward(Reg::A) => {
                let tap = u32::from_ne_bytes(self.registers[..4].try_into().unwrap());
                let gone = tap == i32::MAX as u32;
                return Err(Some(End::Fate(if gone { Fate::Gone } else { Fate::ToProcess { tap } })));
            }
            Expr::Forward(Reg::B) => {
                let device = u32::from_ne_bytes(self.registers[4..8].try_into().unwrap());
                return Err(Some(End::Fate(Fate::Aside { class: self.priority, device })));
            }
            Expr::Counter => {}
            Expr::Verdict(Verdict::Drop) => return Err(Some(End::Fate(Fate::Gone))),
            Expr::Verdict(Verdict::Return) => return Err(Some(End::Chain)),
            Expr::Verdict(Verdict::Jump(to)) => match self.run(to.to_str().unwrap()) {
                End::Chain => {}
                end => return Err(Some(end)),
            },
            Expr::Verdict(Verdict::Goto(to)) => return Err(Some(self.run(to.to_str().unwrap()))),
            other => panic!("{other:?}"),
        }
        Ok(true)
    }
}

fn fate(programs: &Programs, packet: &Packet, mark: u32, over: &BTreeSet<RuleId>) -> Fate {
    let (program, priority) = (&programs.netdev, packet.priority);
    let mut machine = Machine { program, packet, priority, mark, registers: Vec::new(), over };
    let base = format!("{}-{}", packet.cell.way.name(), packet.cell.link);
    if !program.chains.contains_key(&base) {
        return Fate::Passed { priority, mark };
    }
    match machine.run(&base) {
        End::Fate(fate) => fate,
        End::Chain => Fate::Passed { priority: machine.priority, mark: machine.mark },
    }
}

/// A rule that was taken out before all others, and whose packets may still come back.
const LEFT: RuleId = RuleId(0);

fn taps(rules: &[Active]) -> Taps {
    let by_process = rules.iter().filter(|rule| rule.act == Act::Process);
    let keys = by_process.flat_map(|rule| rule.cells.iter().map(|cell| (rule.id, cell.clone())));
    Taps {
        links: keys.enumerate().map(|(number, key)| (key, 1_000 + number as u32)).collect(),
        leaving: BTreeSet::from([(LEFT, cells()[0].clone())]),
    }
}

fn by_filter(programs: &Programs, packet: &Packet, mark: u32, over: &BTreeSet<RuleId>) -> Fate {
    let Some(picking) = programs.filters.get(&packet.cell.way) else {
        return Fate::Passed { priority: packet.priority, mark };
    };
    let bytes = packet.whole();
    let ethertype = if packet.peer.is_ipv4() { 0x0800 } else { 0x86dd };
    let end = filter::machine::run(picking, packet.cell.link, ethertype, &bytes, (packet.priority, 0), over);
    match (end.result, end.note) {
        (-1, Some(note)) if note == filter::note(0) => Fate::Aside { class: end.priority, device: 99 },
        (-1, None) => Fate::Passed { priority: end.priority, mark },
        (2 | 4, None) => Fate::Gone,
        other => panic!("{other:?}"),
    }
}

/// The plan of some rules, from the numbers of the plan before.
fn plan(rules: &[Active], numbering: &mut Numbering) -> (Combinations, Tree, Programs) {
    plan_by(Picked::default(), rules, numbering)
}

fn plan_by(picked: Picked, rules: &[Active], numbering: &mut Numbering) -> (Combinations, Tree, Programs) {
    let siding: Vec<&Active> = rules.iter().filter(|rule| rule.act == Act::Ifb).collect();
    let combinations = Combinations::of(&siding).unwrap();
    let by_id = siding.iter().map(|rule| (rule.id, *rule)).collect();
    let tree = tree(&by_id, &combinations, true, numbering).unwrap();
    let (links, taps) = (BTreeMap::from([(0, 99)]), taps(rules));
    let ours = Ours { links: &links, taps: &taps };
    let site = Site { picked, ours, crowded: &BTreeSet::new() };
    let programs = programs(rules, &combinations, &tree, site, numbering).unwrap();
    (combinations, tree, programs)
}

fn cells() -> Vec<Cell> {
    let cell = |link, way| Cell { link, way, device: CString::new(format!("eth{link}")).unwrap() };
    vec![cell(1, Way::Out), cell(1, Way::In), cell(2, Way::Out), cell(2, Way::In)]
}

fn flow() -> impl Strategy<Value = Flow> {
    let peers = prop::collection::vec(
        prop::sample::select(vec![
            "10.0.0.0/8",
            "10.1.0.0/16",
            "10.1.2.3",
            "0.0.0.0/0",
            "fd00::/8",
            "fd00::5",
            "::/0",
        ]),
        0..3,
    );
    let ports = prop::collection::vec((1..40_u16, 0..10_u16), 0..3);
    (peers, ports.clone(), ports, 0..4_u8).prop_map(|(peers, to, own, protocol)| {
        let mut flow = if peers.is_empty() { Flow::all() } else { Flow::peers(peers).unwrap() };
        if protocol == 3 {
            return flow.icmp().unwrap();
        }
        for (first, more) in to {
            flow = flow.ports(Ports::range(first..=first + more).unwrap()).unwrap();
        }
        for (first, more) in own {
            flow = flow.local_ports(Ports::range(first..=first + more).unwrap()).unwrap();
        }
        match protocol {
            1 => flow.tcp(),
            2 => flow.udp(),
            _ => flow,
        }
    })
}

fn effect() -> impl Strategy<Value = (AnyEffect, Act)> {
    let slow = Effect::Netem(Netem { delay: ms(10), ..Netem::default() });
    let rate = |rate| Effect::Bandwidth(Shaping { rate, burst: None, queue: None });
    let effects = [
        (slow.clone(), Act::Ifb),
        (Effect::Netem(Netem { delay: ms(20), jitter: ms(3), ..Netem::default() }), Act::Ifb),
        (rate(Bandwidth::mbit(1).unwrap()), Act::Ifb),
        (rate(Bandwidth::mbit(2).unwrap()), Act::Ifb),
        (slow.clone(), Act::Process),
        (slow, Act::Process),
        (Effect::Drop, Act::Drop),
    ];
    prop::sample::select(effects.map(|(effect, act)| (AnyEffect::Data(effect), act)).to_vec())
}

fn rules() -> impl Strategy<Value = Vec<(Vec<Flow>, Active)>> {
    let rule = (prop::collection::vec(flow(), 1..3), effect(), prop::sample::subsequence(cells(), 1..4));
    prop::collection::vec(rule, 1..5).prop_map(|rules| {
        let active = |(number, (flows, (effect, act), cells)): (usize, (Vec<Flow>, _, Vec<Cell>))| {
            let meetings = flows.iter().map(Meeting::new).collect();
            let id = RuleId(number as u64 + 1);
            (flows, Active { id, effect, act, meetings, cells: cells.into_iter().collect() })
        };
        rules.into_iter().enumerate().map(active).collect()
    })
}

fn packet() -> impl Strategy<Value = Packet> {
    let peer = prop::sample::select(vec![
        "10.1.2.3",
        "10.1.9.9",
        "10.9.9.9",
        "192.0.2.1",
        "fd00::5",
        "fd00::6",
        "2001:db8::1",
    ]);
    let protocol = prop::sample::select(vec![6_u8, 17, 132, 1, 47]);
    // Nobody's, and one that was left by another device.
    let priority = prop::sample::select(vec![0_u32, 6, 0x0001_0010, 0xca05_0010, 0xca05_0020]);
    let back_from = prop::option::of((0..5_u64).prop_map(RuleId));
    (prop::sample::select(cells()), peer, protocol, 1..50_u16, 1..50_u16, priority, back_from).prop_map(
        |(cell, peer, protocol, peer_port, target_port, priority, back_from)| {
            let peer: IpAddr = peer.parse().unwrap();
            Packet { cell, peer, protocol, peer_port, target_port, priority, back_from }
        },
    )
}

proptest! {
    #[test]
    fn every_packet_gets_what_the_rules_say(
        (rules, packets) in (rules(), prop::collection::vec(packet(), 1..20)),
        over in prop::collection::btree_set((1..5_u64).prop_map(RuleId), 0..3),
    ) {
        let actives: Vec<Active> = rules.iter().map(|(_, active)| active.clone()).collect();
        let mut numbering = Numbering::default();
        let (_, tree, programs) = plan(&actives, &mut numbering);
        let taps = taps(&actives);
        // Filters lead nothing through this process.
        let kernels: Vec<Active> = actives.iter().filter(|rule| rule.act != Act::Process).cloned().collect();
        let by_filters = Picked { out: Picker::Filter, inward: Picker::Filter };
        let (_, same, filters) = plan_by(by_filters, &kernels, &mut numbering.clone());
        prop_assert_eq!(&same, &tree);
        prop_assert!(filters.netdev.is_empty() && filters.inet.is_empty());
        for packet in packets {
            // It can only come back from where it can have been.
            let was_there = |rule: &RuleId| {
                let key = (*rule, packet.cell.clone());
                taps.links.contains_key(&key) || taps.leaving.contains(&key)
            };
            let back_from = packet.back_from.filter(was_there);
            let mark = back_from.map_or(5, |rule| numbering.mark(rule).unwrap());
            let here: Vec<&Active> = rules
                .iter()
                .filter(|(flows, active)| {
                    !over.contains(&active.id)
                        && active.cells.contains(&packet.cell) && flows.iter().any(|flow| packet.is_met(flow))
                })
                .map(|(_, active)| active)
                .collect();
            let members: BTreeSet<RuleId> =
                here.iter().filter(|rule| rule.act == Act::Ifb).map(|rule| rule.id).collect();
            let siding_here = actives
                .iter()
                .any(|rule| rule.act == Act::Ifb && rule.cells.contains(&packet.cell));
            let next = here
                .iter()
                .find(|rule| rule.act == Act::Process && back_from.is_none_or(|before| rule.id > before));
            let expected = if back_from.is_none() && here.iter().any(|rule| rule.act == Act::Drop) {
                Fate::Gone
            } else if let Some(next) = next {
                Fate::ToProcess { tap: taps.links[&(next.id, packet.cell.clone())] }
            } else if members.is_empty() {
                let stale = siding_here && packet.priority >> 16 == u32::from(MAJOR);
                let mark = if back_from.is_some() { 0 } else { mark };
                Fate::Passed { priority: if stale { 0 } else { packet.priority }, mark }
            } else {
                let (_, class) = tree.ways[&(packet.cell.clone(), members)];
                Fate::Aside { class: class.0, device: 99 }
            };
            if back_from.is_none() && next.is_none() {
                prop_assert_eq!(by_filter(&filters, &packet, mark, &over), expected.clone(), "{:?} by filters", packet);
            }
            prop_assert_eq!(fate(&programs, &packet, mark, &over), expected, "{:?}", packet);
        }
    }

    #[test]
    fn a_rule_more_changes_nothing_of_the_others(rules in rules()) {
        let actives: Vec<Active> = rules.into_iter().map(|(_, active)| active).collect();
        let mut numbering = Numbering::default();
        let (fewer, last) = (&actives[..actives.len() - 1], &actives[actives.len() - 1]);
        let (_, before, programs) = plan(fewer, &mut numbering);
        let (_, after, more) = plan(&actives, &mut numbering);
        for (name, chain) in &programs.netdev.chains {
            // Those of a device, and of what comes back there, name their rules in order.
            let is_list = chain.place.is_some() || name.starts_with("back-");
            prop_assert!(is_list || more.netdev.chains[name] == *chain, "{}", name);
        }
        for (name, (set, content)) in &programs.netdev.sets {
            let now = &more.netdev.sets[name].1;
            match (content, now) {
                (Content::Map(before), Content::Map(now)) => {
                    for (key, value) in before {
                        prop_assert_eq!(now.get(key), Some(value), "{:?}", set);
                    }
                }
                (Content::Timed(before), Content::Timed(now)) => prop_assert!(before.is_subset(now)),
                (before, now) => prop_assert_eq!(before, now),
            }
        }
        for (number, branches) in &before.devices {
            for branch in branches {
                prop_assert!(after.devices[number].contains(branch), "{:?}", branch);
            }
        }
        // And taken out again, all is as it was.
        let (_, again, back) = plan(fewer, &mut numbering);
        prop_assert_eq!(again, before);
        prop_assert_eq!(back, programs);
        let _ = last;
    }
}

#[test]
fn more_combinations_than_anybody_means_are_refused() {
    let rule = |number: u64| Active {
        id: RuleId(number),
        effect: AnyEffect::Data(Effect::Netem(Netem { delay: ms(1), ..Netem::default() })),
        act: Act::Ifb,
        meetings: vec![Meeting::new(&Flow::all())],
        cells: cells().into_iter().take(1).collect(),
    };
    let rules: Vec<Active> = (0..11).map(rule).collect();
    let some: Vec<&Active> = rules[..10].iter().collect();
    assert_eq!(Combinations::of(&some).unwrap().cells.len(), 1_023);
    let all: Vec<&Active> = rules.iter().collect();
    assert!(Combinations::of(&all).unwrap_err().is_refused());
}

#[test]
fn where_netem_does_not_nest_several_are_one_or_refused() {
    let rule = |number: u64, effect: Effect| Active {
        id: RuleId(number),
        effect: AnyEffect::Data(effect),
        act: Act::Ifb,
        meetings: vec![Meeting::new(&Flow::all())],
        cells: cells().into_iter().take(1).collect(),
    };
    let delay = |number, delay| rule(number, Effect::Netem(Netem { delay: ms(delay), ..Netem::default() }));
    let stray = Netem { delay: ms(9), jitter: ms(1), ..Netem::default() };
    let rate = |number| {
        let shaping = Shaping { rate: Bandwidth::mbit(number).unwrap(), burst: None, queue: None };
        rule(number, Effect::Bandwidth(shaping))
    };
    let grown = |rules: &[Active], nests| {
        let all: Vec<&Active> = rules.iter().collect();
        let combinations = Combinations::of(&all).unwrap();
        let by_id = all.iter().map(|rule| (rule.id, *rule)).collect();
        let longest = |tree: Tree| tree.devices[&0].iter().map(|branch| branch.chain.len()).max().unwrap();
        tree(&by_id, &combinations, nests, &mut Numbering::default()).map(longest)
    };
    let delays = [delay(1, 20), delay(2, 30), delay(3, 40)];
    assert_eq!((grown(&delays, true).unwrap(), grown(&delays, false).unwrap()), (3, 1));
    let strays = [1, 2].map(|number| rule(number, Effect::Netem(stray.clone())));
    let one_rate = [delay(1, 20), rate(2)];
    let two_rates = [delay(1, 20), rate(2), rate(3)];
    assert_eq!(grown(&one_rate, false).unwrap(), 1);
    for rules in [&strays[..], &two_rates] {
        assert_eq!(grown(rules, true).unwrap(), 2);
        let error = grown(rules, false).unwrap_err();
        assert!(error.is_refused() && error.to_string().contains("within a netem"), "{error}");
    }
}
