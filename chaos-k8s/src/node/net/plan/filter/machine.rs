//! Runs a program in tests, instruction by instruction, as the kernel does.

use std::collections::BTreeSet;

use super::{MapName, Picking};
use crate::node::net::kernel::Handle;
use crate::node::net::plan::RuleId;

/// What became of a packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::node::net::plan) struct End {
    pub(in crate::node::net::plan) result: i32,
    pub(in crate::node::net::plan) priority: u32,
    /// What was left for the next filter.
    pub(in crate::node::net::plan) note: Option<u32>,
}

const CONTEXT: u64 = 1 << 40;
const STACK: u64 = 2 << 40;
const VALUE: u64 = 3 << 40;
const MAP: u64 = 4 << 40;
const DEPTH: usize = 512;
const NOW: u64 = 1_000;

struct Machine<'a> {
    picking: &'a Picking,
    /// The counters of rules whose time is over.
    over: BTreeSet<u32>,
    packet: &'a [u8],
    context: [u8; 192],
    stack: [u8; DEPTH],
    /// What was looked up last.
    value: Vec<u8>,
    registers: [u64; 11],
}

/// Refuses what older kernels refuse (kernel/bpf/verifier.c, `check_cfg`): what jumps back, and what nothing comes to.
fn check(picking: &Picking) {
    let code = &picking.code.instructions;
    let mut reached = vec![false; code.len()];
    reached[0] = true;
    let mut at = 0;
    while at < code.len() {
        assert!(reached[at], "unreachable instruction {at}");
        let step = if code[at].code == 0x18 { 2 } else { 1 };
        let is_jump = code[at].code & 0x07 == 0x05 && ![0x85, 0x95].contains(&code[at].code);
        if is_jump {
            let to = usize::try_from(code[at].offset).expect("a jump back");
            reached[at + 1 + to] = true;
        }
        if ![0x05, 0x95].contains(&code[at].code) {
            reached[at + step] = true;
        }
        at += step;
    }
}

pub(in crate::node::net::plan) fn run(
    picking: &Picking,
    device: u32,
    ethertype: u16,
    packet: &[u8],
    (priority, came_from): (u32, u32),
    over: &BTreeSet<RuleId>,
) -> End {
    check(picking);
    let mut machine = Machine {
        picking,
        over: over.iter().filter_map(|rule| picking.counters.get(rule).copied()).collect(),
        packet,
        context: [0; 192],
        stack: [0xaa; DEPTH],
        value: Vec::new(),
        registers: [0xdead_beef_dead_beef; 11],
    };
    let length = packet.len() as u32;
    let fields = [
        (0, length),
        (16, u32::from(ethertype.to_be())),
        (32, priority),
        (36, came_from),
        (40, device),
        (80, length),
    ];
    for (offset, value) in fields {
        machine.context[offset..offset + 4].copy_from_slice(&value.to_ne_bytes());
    }
    machine.registers[1] = CONTEXT;
    machine.registers[10] = STACK + DEPTH as u64;
    let result = machine.run();
    let word = |offset: usize| u32::from_ne_bytes(machine.context[offset..offset + 4].try_into().unwrap());
    End { result, priority: word(32), note: Some(word(48)).filter(|note| *note != 0) }
}

impl Machine<'_> {
    fn memory(&mut self, address: u64) -> &mut [u8] {
        let (region, offset) = (address >> 40, (address & 0xff_ffff_ffff) as usize);
        match region {
            1 => &mut self.context[offset..],
            2 => &mut self.stack[offset..],
            3 => &mut self.value[offset..],
            _ => panic!("no memory at {address:x}"),
        }
    }

    fn run(&mut self) -> i32 {
        let mut at = 0;
        loop {
            let instruction = self.picking.code.instructions[at];
            let (to, from) = instruction.registers();
            let (offset, number) = (i64::from(instruction.offset), instruction.immediate);
            let map = self.picking.code.maps.iter().position(|(place, _)| *place == at);
            at += 1;
            let other = self.registers[from];
            let address = |base: u64| base.wrapping_add_signed(offset);
            match instruction.code {
                0x95 => return self.registers[0] as i32,
                0xbf => self.registers[to] = other,
                0xb7 => self.registers[to] = i64::from(number) as u64,
                0x07 => self.registers[to] = self.registers[to].wrapping_add_signed(number.into()),
                0x0f => self.registers[to] = self.registers[to].wrapping_add(other),
                0x27 => self.registers[to] = self.registers[to].wrapping_mul(number as u64),
                0x77 => self.registers[to] >>= number,
                0x04 => {
                    self.registers[to] = u64::from((self.registers[to] as u32).wrapping_add(number as u32))
                }
                0x54 => self.registers[to] = u64::from(self.registers[to] as u32 & number as u32),
                0x64 => self.registers[to] = u64::from((self.registers[to] as u32) << number),
                0x74 => self.registers[to] = u64::from(self.registers[to] as u32 >> number),
                0xa4 => self.registers[to] = u64::from(self.registers[to] as u32 ^ number as u32),
                0xb4 => self.registers[to] = u64::from(number as u32),
                0xdc => self.registers[to] = u64::from((self.registers[to] as u16).to_be()),
                0x61 | 0x69 | 0x71 | 0x79 => {
                    let bytes = width(instruction.code);
                    let mut value = [0; 8];
                    value[..bytes].copy_from_slice(&self.memory(address(other))[..bytes]);
                    self.registers[to] = u64::from_le_bytes(value);
                }
                0x63 | 0x6b | 0x73 | 0x7b => {
                    let bytes = width(instruction.code);
                    let target = address(self.registers[to]);
                    self.memory(target)[..bytes].copy_from_slice(&other.to_le_bytes()[..bytes]);
                }
                0x62 => {
                    let target = address(self.registers[to]);
                    self.memory(target)[..4].copy_from_slice(&number.to_ne_bytes());
                }
                0xdb => self.memory(address(self.registers[to]))[0] += 1,
                0x18 => {
                    self.registers[to] = MAP + map.unwrap() as u64;
                    at += 1;
                }
                0x85 => self.call(number),
                code => {
                    // Numbers are compared as those of 64 bits, with the sign spread.
                    let right = if code & 8 == 0 { i64::from(number) as u64 } else { other };
                    let left = self.registers[to];
                    let goes = match code & 0xf7 {
                        0x05 => true,
                        0x15 => left == right,
                        0x25 => left > right,
                        0x35 => left >= right,
                        0x55 => left != right,
                        0xa5 => left < right,
                        other => panic!("instruction {other:x}"),
                    };
                    if goes {
                        assert!(offset >= 0, "older kernels jump ahead only");
                        at += offset as usize;
                    }
                }
            }
        }
    }

    fn call(&mut self, function: i32) {
        let arguments: [u64; 5] = self.registers[1..6].try_into().unwrap();
        self.registers[0] = match function {
            1 => self.look_up(arguments),
            5 => NOW,
            39 => 0,
            68 => {
                let (offset, length) = (arguments[1] as usize, arguments[3] as usize);
                assert_eq!((arguments[0], arguments[4]), (CONTEXT, 1));
                match self.packet.get(offset..offset + length).map(<[u8]>::to_vec) {
                    Some(bytes) => {
                        self.memory(arguments[2])[..length].copy_from_slice(&bytes);
                        0
                    }
                    None => u64::MAX,
                }
            }
            other => panic!("function {other}"),
        };
        // Those are not kept.
        self.registers[1..6].fill(0xdead_beef_dead_beef);
    }

    fn look_up(&mut self, arguments: [u64; 5]) -> u64 {
        let (_, map) = &self.picking.code.maps[(arguments[0] - MAP) as usize];
        let key = self.memory(arguments[1]).to_vec();
        let word = |at: usize| u32::from_ne_bytes(key[at..at + 4].try_into().unwrap());
        let value: Option<Vec<u8>> = match map {
            MapName::Cells => self.picking.cells.get(&word(0)).map(|group| group.to_ne_bytes().to_vec()),
            MapName::Ways => self
                .picking
                .ways
                .get(&(Handle(word(0)), word(4)))
                .map(|to| [to.class.0.to_ne_bytes(), to.note.to_ne_bytes()].concat()),
            MapName::Returns => self
                .picking
                .returns
                .get(&Handle(word(0)))
                .map(|to| [to.link.to_ne_bytes(), to.note.to_ne_bytes()].concat()),
            MapName::Terms => {
                let until = if self.over.contains(&word(0)) { NOW } else { NOW + 1 };
                Some(until.to_ne_bytes().to_vec())
            }
            MapName::Counters => Some(vec![0; 8]),
            MapName::Prefixes(name) => {
                let known = &self.picking.prefixes[name].list;
                let address = |bytes: &[u8]| key[4..4 + bytes.len()] == *bytes;
                let found = known.iter().any(|(length, bytes)| *length == word(0) && address(bytes));
                found.then(|| vec![1])
            }
            MapName::Programs => panic!("no tail call here"),
        };
        self.value = value.clone().unwrap_or_default();
        value.map_or(0, |_| VALUE)
    }
}

fn width(code: u8) -> usize {
    match code & 0x18 {
        0x00 => 4,
        0x08 => 2,
        0x10 => 1,
        _ => 8,
    }
}
