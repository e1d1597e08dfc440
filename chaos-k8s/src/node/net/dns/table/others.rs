//! The rules for servers whose address is not known beforehand: all that is asked at the port of DNS, but on this machine.
//!
//! A datagram is turned round: its source and its destination change places. So it is one for this machine, from the server that it
//! was for, and nothing of it is lost. The resolver's answer goes to that server, and is turned round too. The kernel remembers no
//! connection of that: what others translate is as it was afterwards, and so it is in between.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use nix::libc;

use super::{PORT, ask_port, bytes, equal, opens, protocol, while_it_lives};
use crate::node::net::kernel::Expr;
use crate::node::net::kernel::expr::{End, Field, Header, Meta, Op, Reg, Reject};

/// The loopback device has this number in every namespace (`LOOPBACK_IFINDEX` in include/net/net_namespace.h).
const LOOPBACK: u32 = 1;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(in crate::node::net::dns) enum IpFamily {
    V4,
    V6,
}

impl IpFamily {
    pub(in crate::node::net::dns) fn of(address: IpAddr) -> Self {
        if address.is_ipv4() { Self::V4 } else { Self::V6 }
    }

    pub(in crate::node::net::dns) fn loopback(self) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::LOCALHOST.into(),
            Self::V6 => Ipv6Addr::LOCALHOST.into(),
        }
    }

    pub(in crate::node::net::dns) fn any(self) -> IpAddr {
        match self {
            Self::V4 => Ipv4Addr::UNSPECIFIED.into(),
            Self::V6 => Ipv6Addr::UNSPECIFIED.into(),
        }
    }
}

/// The resolver's ports that stand for all servers of a family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::node::net::dns) struct Others {
    pub(in crate::node::net::dns) family: IpFamily,
    pub(in crate::node::net::dns) udp: u16,
    pub(in crate::node::net::dns) tcp: u16,
}

pub(super) fn ask(others: Others) -> Vec<Expr> {
    let port = Field::UdpPort(End::Destination);
    let mut steps = elsewhere(others.family);
    steps.extend(ask_port(libc::IPPROTO_UDP));
    steps.extend(while_it_lives());
    steps.extend([Expr::Counter, Expr::Untracked, Expr::LoadBytes(bytes(others.udp))]);
    steps.push(Expr::SetField(port, Reg::A));
    steps.extend(turn(others.family));
    steps
}

pub(super) fn answer(others: Others) -> Vec<Expr> {
    let port = Field::UdpPort(End::Source);
    let mut steps = family(others.family).to_vec();
    steps.extend(protocol(libc::IPPROTO_UDP));
    steps.extend([port.load(), equal(bytes(others.udp))]);
    steps.extend([Expr::Untracked, Expr::LoadBytes(bytes(PORT)), Expr::SetField(port, Reg::A)]);
    steps.extend(turn(others.family));
    steps
}

/// The resolver's port takes what comes to every address, and is for this machine alone: to others it is closed.
pub(super) fn guard(others: Others) -> Vec<Expr> {
    let mut steps = vec![Expr::Meta(Meta::In), Expr::Cmp(Op::NotEqual, LOOPBACK.to_ne_bytes().to_vec())];
    steps.extend(protocol(libc::IPPROTO_UDP));
    steps.extend([Field::UdpPort(End::Destination).load(), equal(bytes(others.udp))]);
    steps.push(Expr::Reject(Reject::PortUnreachable));
    steps
}

pub(super) fn connect(others: Others) -> Vec<Expr> {
    let mut steps = elsewhere(others.family);
    steps.extend(opens());
    steps.extend(while_it_lives());
    steps.extend([Expr::Counter, Expr::LoadBytes(bytes(others.tcp)), Expr::Redirect]);
    steps
}

fn family(family: IpFamily) -> [Expr; 2] {
    super::family(family == IpFamily::V4)
}

/// To another machine, and one that is told by its address alone.
fn elsewhere(of: IpFamily) -> Vec<Expr> {
    let mut steps = family(of).to_vec();
    steps.extend([Expr::Meta(Meta::Out), Expr::Cmp(Op::NotEqual, LOOPBACK.to_ne_bytes().to_vec())]);
    let load = |offset, length| Expr::Payload { header: Header::Network, offset, length };
    match of {
        // Not 224.0.0.0/3: to many, or to all.
        IpFamily::V4 => steps.extend([load(16, 1), Expr::Cmp(Op::Less, vec![224])]),
        IpFamily::V6 => {
            steps.extend([load(24, 1), Expr::Cmp(Op::NotEqual, vec![0xff])]);
            // fe80::/10, as source and as destination.
            for offset in [8, 24] {
                let link_local = Expr::Cmp(Op::NotEqual, vec![0xfe, 0x80]);
                steps.extend([load(offset, 2), Expr::Mask([0xff, 0xc0, 0, 0]), link_local]);
            }
        }
    }
    steps
}

fn turn(family: IpFamily) -> [Expr; 4] {
    let at = |end| match family {
        IpFamily::V4 => Field::Ipv4(end),
        IpFamily::V6 => Field::Ipv6(end),
    };
    [
        Expr::LoadField(at(End::Source), Reg::A),
        Expr::LoadField(at(End::Destination), Reg::E),
        Expr::SetField(at(End::Source), Reg::E),
        Expr::SetField(at(End::Destination), Reg::A),
    ]
}
