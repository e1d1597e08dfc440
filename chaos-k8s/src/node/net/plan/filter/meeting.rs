//! Which packets a rule meets, as instructions.

use std::collections::{BTreeMap, BTreeSet};

use super::Prefixes;
use super::assembler::{Alu, Assembler, If, Label, MapName, R, RESULT, STACK, Width};
use super::packet::{HAS_TRANSPORT, PEER, PREFIX, PROTOCOL, TRANSPORT, VERSION};
use crate::node::net::plan::Way;
use crate::node::net::plan::ranges::Ranges;
use crate::node::net::plan::traffic::{DISCOVERY, ICMP, ICMPV6, Meeting, SCTP, TCP, UDP};
use crate::node::net::rule::Protocol;

/// So many prefixes are compared one by one; more are a map, which is asked once for each length. (Not the kernel's map of longest
/// prefixes: from Linux 6.13 on it may have no memory at hand, `bpf_mem_cache_alloc`.)
const ONE_BY_ONE: usize = 4;

impl Meeting {
    /// Goes to `met` with the packets that are met, and on with the others. `name` begins the names of the maps that it needs.
    pub(super) fn compile(
        &self,
        way: Way,
        name: &str,
        prefixes: &mut BTreeMap<String, Prefixes>,
        program: &mut Assembler,
        met: Label,
    ) {
        for (version, bits, peers) in [(4, 32, &self.v4), (6, 128, &self.v6)] {
            let Some(peers) = peers else { continue };
            let no = program.label();
            program.go_if(VERSION, If::NotEqual, version, no);
            program.is_peer(&Prefixes::of(peers, bits), name, prefixes, no);
            self.is_protocol(version, program, no);
            self.have_ports(way, program, no);
            program.go(met);
            program.bind(no);
        }
    }

    fn is_protocol(&self, version: u32, program: &mut Assembler, no: Label) {
        let one = |program: &mut Assembler, protocol: u8| {
            program.go_if(PROTOCOL, If::NotEqual, u32::from(protocol), no);
        };
        match self.protocol {
            Protocol::Any if self.has_ports() => {
                let yes = program.label();
                for protocol in [TCP, UDP, SCTP] {
                    program.go_if(PROTOCOL, If::Equal, u32::from(protocol), yes);
                }
                program.go(no);
                program.bind(yes);
            }
            Protocol::Any => {}
            Protocol::Tcp => one(program, TCP),
            Protocol::Udp => one(program, UDP),
            Protocol::Icmp if version == 4 => one(program, ICMP),
            Protocol::Icmp => {
                one(program, ICMPV6);
                program.has_transport(no);
                program.load(Width::Byte, R(1), STACK, TRANSPORT);
                let yes = program.label();
                program.go_if(R(1), If::Less, u32::from(DISCOVERY.0), yes);
                program.go_if(R(1), If::Greater, u32::from(DISCOVERY.1), yes);
                program.go(no);
                program.bind(yes);
            }
        }
    }

    fn have_ports(&self, way: Way, program: &mut Assembler, no: Label) {
        // At the start of TCP, UDP and SCTP alike: first the source's port, then the destination's.
        let (source, destination) = match way {
            Way::Out => (&self.target_ports, &self.peer_ports),
            Way::In => (&self.peer_ports, &self.target_ports),
        };
        if self.has_ports() {
            program.has_transport(no);
        }
        for (offset, ports) in [(0, source), (2, destination)] {
            if ports.is_empty() {
                continue;
            }
            program.load(Width::Half, R(1), STACK, TRANSPORT + offset);
            program.network_order(R(1));
            let yes = program.label();
            for (first, last) in ports.iter() {
                let (first, last, next) = (first as u32, last as u32, program.label());
                program.go_if(R(1), If::Less, first, next);
                program.go_if(R(1), If::Greater, last, next);
                program.go(yes);
                program.bind(next);
            }
            program.go(no);
            program.bind(yes);
        }
    }
}

impl Assembler {
    fn has_transport(&mut self, no: Label) {
        self.load(Width::Word, R(1), STACK, HAS_TRANSPORT);
        self.go_if(R(1), If::Equal, 0, no);
    }

    fn is_peer(&mut self, peers: &Prefixes, name: &str, all: &mut BTreeMap<String, Prefixes>, no: Label) {
        let words = peers.bits / 32;
        if peers.list.iter().any(|(length, _)| *length == 0) {
            return;
        }
        let yes = self.label();
        if peers.list.len() > ONE_BY_ONE {
            // Both ways share it: it is the peer on either.
            let name = format!("{name}-v{}", if words == 1 { 4 } else { 6 });
            for length in peers.lengths() {
                self.put(PREFIX, length);
                for word in 0..words {
                    let at = 4 * word as i16;
                    let Some(mask) = mask(length, word) else {
                        self.put(PREFIX + 4 + at, 0);
                        continue;
                    };
                    self.load(Width::Word, R(1), STACK, PEER + at);
                    self.alu(Alu::And, R(1), mask);
                    self.store(Width::Word, STACK, PREFIX + 4 + at, R(1));
                }
                self.look_up(MapName::Prefixes(name.clone()), PREFIX);
                self.go_if(RESULT, If::NotEqual, 0, yes);
            }
            self.go(no);
            self.bind(yes);
            all.insert(name, peers.clone());
            return;
        }
        for (length, address) in &peers.list {
            let next = self.label();
            for (word, bytes) in address.chunks_exact(4).enumerate() {
                let Some(mask) = mask(*length, word as u32) else { break };
                let wanted = u32::from_ne_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
                self.load(Width::Word, R(1), STACK, PEER + 4 * word as i16);
                self.alu(Alu::And, R(1), mask);
                self.alu(Alu::Xor, R(1), wanted);
                self.go_if(R(1), If::NotEqual, 0, next);
            }
            self.go(yes);
            self.bind(next);
        }
        self.go(no);
        self.bind(yes);
    }
}

/// What of a word of an address a prefix of this length says, as the machine reads the packet's bytes; `None`: nothing.
fn mask(length: u32, word: u32) -> Option<u32> {
    let bits = length.saturating_sub(32 * word).min(32);
    (bits > 0).then(|| u32::from_ne_bytes((u32::MAX << (32 - bits)).to_be_bytes()))
}

impl Prefixes {
    /// The lengths that occur, the longest first.
    fn lengths(&self) -> Vec<u32> {
        let lengths: BTreeSet<u32> = self.list.iter().map(|(length, _)| *length).collect();
        lengths.into_iter().rev().collect()
    }

    fn of(ranges: &Ranges, bits: u32) -> Self {
        Self { bits, list: ranges.prefixes(bits) }
    }
}
