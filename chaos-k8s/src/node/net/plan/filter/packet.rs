//! What a program reads of a packet before it asks its rules: where it is, its peer, its protocol, its ports.

use nix::libc;

use super::assembler::{ARGUMENT, Alu, Assembler, Function, If, Label, MapName, R, RESULT, STACK, Width};
use crate::node::net::plan::Way;

/// What stays in registers, which functions keep.
pub(super) const CONTEXT: R = R(6);
/// The protocol above IP.
pub(super) const PROTOCOL: R = R(7);
/// The number of the device's group.
pub(super) const GROUP: R = R(8);
/// 4 or 6.
pub(super) const VERSION: R = R(9);

/// What lies on the stack: the peer's address, as the packet has it.
pub(super) const PEER: i16 = -16;
/// The first four bytes behind the headers of IP: the ports.
pub(super) const TRANSPORT: i16 = -20;
/// 1 where they are known: later fragments have none.
pub(super) const HAS_TRANSPORT: i16 = -24;
/// Keys of maps but prefixes.
pub(super) const KEY: i16 = -32;
/// A key of a map of prefixes: the length, and the address up to there.
pub(super) const PREFIX: i16 = -56;
/// The lowest.
pub(super) const HEADER: i16 = -96;

/// Of `struct __sk_buff` (include/uapi/linux/bpf.h).
const LENGTH: i16 = 0;
const ETHERTYPE: i16 = 16;
pub(super) const PRIORITY: i16 = 32;
/// The device that it came from (`ingress_ifindex`): of what returns the one of ours.
pub(super) const CAME_FROM: i16 = 36;
pub(super) const DEVICE: i16 = 40;
/// Free for programs, from one filter to the next (`cb`).
pub(super) const NOTE: i16 = 48;
const DATA: i16 = 76;
const DATA_END: i16 = 80;

/// Within so many bytes are the headers that are looked at.
const HEADERS: u32 = 192;
/// More headers of IPv6 before the transport's have been seen in attacks only.
const MOST_EXTENSIONS: usize = 6;

impl Assembler {
    /// Reads which device it is. At `other` goes on what is of none of these.
    pub(super) fn read_device(&mut self, other: Label) {
        self.copy(CONTEXT, ARGUMENT[0]);
        self.load(Width::Word, RESULT, CONTEXT, DEVICE);
        self.store(Width::Word, STACK, KEY, RESULT);
        self.look_up(MapName::Cells, KEY);
        self.go_if(RESULT, If::Equal, 0, other);
        self.load(Width::Word, GROUP, RESULT, 0);
    }

    /// Reads the packet. At `other` goes on what is not IP.
    pub(super) fn read(&mut self, way: Way, other: Label) {
        self.straighten();
        let (v6, known) = (self.label(), self.label());
        self.load(Width::Word, R(1), CONTEXT, ETHERTYPE);
        let ethertype = |number: libc::c_int| u32::from((number as u16).to_be());
        self.go_if(R(1), If::Equal, ethertype(libc::ETH_P_IPV6), v6);
        self.go_if(R(1), If::NotEqual, ethertype(libc::ETH_P_IP), other);
        self.read_v4(way, known, other);
        self.bind(v6);
        self.read_v6(way, known, other);
        self.bind(known);
    }

    /// The headers in one piece: a driver may leave them in pages.
    fn straighten(&mut self) {
        let (short, straight) = (self.label(), self.label());
        let (data, end, length) = (R(2), R(3), R(4));
        self.load(Width::Word, data, CONTEXT, DATA);
        self.load(Width::Word, end, CONTEXT, DATA_END);
        self.load(Width::Word, length, CONTEXT, LENGTH);
        self.go_if(length, If::Less, HEADERS, short);
        self.set(length, HEADERS as i32);
        self.bind(short);
        self.add(data, length);
        self.go_if_other(end, If::AtLeast, data, straight);
        self.copy(ARGUMENT[0], CONTEXT);
        self.copy(ARGUMENT[1], length);
        self.call(Function::PullData);
        self.bind(straight);
    }

    /// RFC 791. The transport's header begins at `R(1)` where it is known.
    fn read_v4(&mut self, way: Way, known: Label, other: Label) {
        let (fragment, whole) = (self.label(), self.label());
        self.set(R(2), 0);
        self.load_header(HEADER, 20);
        self.go_if(RESULT, If::NotEqual, 0, other);
        self.load(Width::Word, R(1), STACK, HEADER + if way == Way::Out { 16 } else { 12 });
        self.store(Width::Word, STACK, PEER, R(1));
        self.load(Width::Byte, PROTOCOL, STACK, HEADER + 9);
        self.set(VERSION, 4);
        self.load(Width::Half, R(1), STACK, HEADER + 6);
        self.network_order(R(1));
        self.alu(Alu::And, R(1), 0x1fff);
        self.go_if(R(1), If::NotEqual, 0, fragment);
        self.go(whole);
        self.bind(fragment);
        self.put(HAS_TRANSPORT, 0);
        self.go(known);
        self.bind(whole);
        // In words.
        self.load(Width::Byte, R(2), STACK, HEADER);
        self.alu(Alu::And, R(2), 0x0f);
        self.alu(Alu::ShiftLeft, R(2), 2);
        self.read_transport(known);
    }

    /// RFC 8200, and RFC 4302 for the header of authentication.
    fn read_v6(&mut self, way: Way, known: Label, other: Label) {
        let (hop_by_hop, routing, fragment, authentication, options) = (0, 43, 44, 51, 60);
        self.set(R(2), 0);
        self.load_header(HEADER, 40);
        self.go_if(RESULT, If::NotEqual, 0, other);
        let peer = HEADER + if way == Way::Out { 24 } else { 8 };
        for half in [0, 8] {
            self.load(Width::Double, R(1), STACK, peer + half);
            self.store(Width::Double, STACK, PEER + half, R(1));
        }
        self.load(Width::Byte, PROTOCOL, STACK, HEADER + 6);
        // Where the next header begins, until it is known that it is the transport's.
        let next = VERSION;
        self.set(next, 40);
        let (transport, later, short) = (self.label(), self.label(), self.label());
        for _ in 0..MOST_EXTENSIONS {
            let (extension, is_fragment, is_authentication, skipped) =
                (self.label(), self.label(), self.label(), self.label());
            self.go_if(PROTOCOL, If::Equal, fragment, is_fragment);
            self.go_if(PROTOCOL, If::Equal, authentication, is_authentication);
            for header in [hop_by_hop, routing, options] {
                self.go_if(PROTOCOL, If::Equal, header, extension);
            }
            self.go(transport);

            self.bind(is_fragment);
            self.copy(R(2), next);
            self.load_header(HEADER, 4);
            self.go_if(RESULT, If::NotEqual, 0, short);
            self.load(Width::Byte, PROTOCOL, STACK, HEADER);
            self.load(Width::Half, R(1), STACK, HEADER + 2);
            self.network_order(R(1));
            self.alu(Alu::And, R(1), 0xfff8);
            self.go_if(R(1), If::NotEqual, 0, later);
            self.alu(Alu::Add, next, 8);
            self.go(skipped);

            for (label, more, shift) in [(extension, 1, 3), (is_authentication, 2, 2)] {
                self.bind(label);
                self.copy(R(2), next);
                self.load_header(HEADER, 4);
                self.go_if(RESULT, If::NotEqual, 0, short);
                self.load(Width::Byte, PROTOCOL, STACK, HEADER);
                self.load(Width::Byte, R(1), STACK, HEADER + 1);
                self.alu(Alu::Add, R(1), more);
                self.alu(Alu::ShiftLeft, R(1), shift);
                self.add(next, R(1));
                self.go(skipped);
            }
            self.bind(skipped);
        }
        // Behind more of them, and in later fragments, nothing is known of the transport.
        for label in [later, short] {
            self.bind(label);
        }
        self.put(HAS_TRANSPORT, 0);
        self.set(VERSION, 6);
        self.go(known);
        self.bind(transport);
        self.copy(R(2), next);
        self.set(VERSION, 6);
        self.read_transport(known);
    }

    /// What begins at `R(2)`; goes on at `known`.
    fn read_transport(&mut self, known: Label) {
        let none = self.label();
        self.load_header(TRANSPORT, 4);
        self.go_if(RESULT, If::NotEqual, 0, none);
        self.put(HAS_TRANSPORT, 1);
        self.go(known);
        self.bind(none);
        self.put(HAS_TRANSPORT, 0);
        self.go(known);
    }

    /// So many bytes from `R(2)` of the network's header on, to the stack. The result is 0 where there are so many.
    fn load_header(&mut self, to: i16, length: i32) {
        const NETWORK: i32 = 1;
        self.copy(ARGUMENT[0], CONTEXT);
        self.address(ARGUMENT[2], to);
        self.set(ARGUMENT[3], length);
        self.set(ARGUMENT[4], NETWORK);
        self.call(Function::LoadBytesRelative);
    }
}
