//! Which packets a rule meets, as steps of nf_tables; and whether two rules can meet the same packet.

use std::ffi::CString;

use chaos_core::Result;
use ipnet::IpNet;
use nix::libc;

use super::program::Program;
use super::ranges::Ranges;
use crate::node::net::kernel::expr::{Header, Meta, Op};
use crate::node::net::kernel::{Data, Expr, Family, Set};
use crate::node::net::rule::{Address, Flow, Ports, Protocol};

/// Whether a packet leaves or arrives.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Way {
    Out,
    In,
}

impl Way {
    pub(crate) const BOTH: [Self; 2] = [Self::Out, Self::In];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Out => "out",
            Self::In => "in",
        }
    }
}

pub(super) const TCP: u8 = libc::IPPROTO_TCP as u8;
pub(super) const UDP: u8 = libc::IPPROTO_UDP as u8;
pub(super) const SCTP: u8 = libc::IPPROTO_SCTP as u8;
pub(super) const ICMP: u8 = libc::IPPROTO_ICMP as u8;
pub(super) const ICMPV6: u8 = libc::IPPROTO_ICMPV6 as u8;
/// The messages of neighbour discovery (RFC 4861, section 4).
pub(super) const DISCOVERY: (u8, u8) = (133, 137);

/// A flow, with its networks in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Meeting {
    /// `None`: not this family at all.
    pub(super) v4: Option<Ranges>,
    pub(super) v6: Option<Ranges>,
    pub(super) peer_ports: Ranges,
    pub(super) target_ports: Ranges,
    pub(super) protocol: Protocol,
}

impl Meeting {
    /// Names of the flow must have been resolved: what is still a name is met by nothing.
    pub(crate) fn new(flow: &Flow) -> Self {
        let nets: Vec<IpNet> = flow
            .addresses()
            .iter()
            .filter_map(|address| match address {
                Address::Net(net) => Some(*net),
                Address::Host(_) => None,
            })
            .collect();
        let everyone = flow.addresses().is_empty();
        let (v4, v6) = (Ranges::v4(&nets), Ranges::v6(&nets));
        let all = |last| Ranges::new([(0, last)]);
        let ports = |ports: &[Ports]| {
            Ranges::new(ports.iter().map(|ports| (u128::from(ports.first()), u128::from(ports.last()))))
        };
        Self {
            v4: if everyone { Some(all(u128::from(u32::MAX))) } else { Some(v4).filter(|v4| !v4.is_empty()) },
            v6: if everyone { Some(all(u128::MAX)) } else { Some(v6).filter(|v6| !v6.is_empty()) },
            peer_ports: ports(flow.of_peer()),
            target_ports: ports(flow.of_target()),
            protocol: flow.protocol(),
        }
    }

    pub(crate) fn overlaps(&self, other: &Self) -> bool {
        let family = |a: &Option<Ranges>, b: &Option<Ranges>| {
            a.as_ref().zip(b.as_ref()).is_some_and(|(a, b)| a.overlap(b))
        };
        // No ports are all ports.
        let ports = |a: &Ranges, b: &Ranges| a.is_empty() || b.is_empty() || a.overlap(b);
        let protocol = match (self.protocol, other.protocol) {
            (Protocol::Any, Protocol::Icmp) => !self.has_ports(),
            (Protocol::Icmp, Protocol::Any) => !other.has_ports(),
            (Protocol::Any, _) | (_, Protocol::Any) => true,
            (a, b) => a == b,
        };
        protocol
            && (family(&self.v4, &other.v4) || family(&self.v6, &other.v6))
            && ports(&self.peer_ports, &other.peer_ports)
            && ports(&self.target_ports, &other.target_ports)
    }

    pub(super) fn has_ports(&self) -> bool {
        !(self.peer_ports.is_empty() && self.target_ports.is_empty())
    }

    /// The rules that hold for these packets, without what then happens to them; the sets that they need go into `program`
    /// under names that begin with `name`.
    pub(crate) fn steps(
        &self,
        way: Way,
        family: Family,
        name: &str,
        program: &mut Program,
    ) -> Result<Vec<Vec<Expr>>> {
        let mut rules = Vec::new();
        let ports = self.ports(way, name, program)?;
        for version in [Version::Four, Version::Six] {
            let Some(peers) = version.of(self) else { continue };
            let mut head = version.is_it(family);
            head.extend(version.peer(peers, way, name, program)?);
            for mut protocol in self.protocols(version) {
                let mut rule = head.clone();
                rule.append(&mut protocol);
                rule.extend(ports.iter().cloned());
                rules.push(rule);
            }
        }
        Ok(rules)
    }

    /// One list of steps for each protocol that is met.
    fn protocols(&self, version: Version) -> Vec<Vec<Expr>> {
        let is = |protocol: u8| vec![Expr::Meta(Meta::Layer4), Expr::Cmp(Op::Equal, vec![protocol])];
        match self.protocol {
            Protocol::Any if self.has_ports() => [TCP, UDP, SCTP].map(is).into(),
            Protocol::Any => vec![Vec::new()],
            Protocol::Tcp => vec![is(TCP)],
            Protocol::Udp => vec![is(UDP)],
            Protocol::Icmp => match version {
                Version::Four => vec![is(ICMP)],
                Version::Six => {
                    let kind = |op, kind: u8| {
                        let load = Expr::Payload { header: Header::Transport, offset: 0, length: 1 };
                        [is(ICMPV6), vec![load, Expr::Cmp(op, vec![kind])]].concat()
                    };
                    vec![kind(Op::Less, DISCOVERY.0), kind(Op::AtLeast, DISCOVERY.1 + 1)]
                }
            },
        }
    }

    fn ports(&self, way: Way, name: &str, program: &mut Program) -> Result<Vec<Expr>> {
        // At the start of TCP, UDP and SCTP alike: first the source's port, then the destination's.
        let (source, destination) = match way {
            Way::Out => (&self.target_ports, &self.peer_ports),
            Way::In => (&self.peer_ports, &self.target_ports),
        };
        let mut steps = Vec::new();
        for (offset, ports, end) in [(0, source, "from"), (2, destination, "to")] {
            if ports.is_empty() {
                continue;
            }
            steps.push(Expr::Payload { header: Header::Transport, offset, length: 2 });
            match ports.bytes(2).as_slice() {
                [(first, last)] if first == last => steps.push(Expr::Cmp(Op::Equal, first.clone())),
                [(first, last)] => {
                    steps.push(Expr::Cmp(Op::AtLeast, first.clone()));
                    steps.push(Expr::Cmp(Op::AtMost, last.clone()));
                }
                several => {
                    let set = Set::of_ranges(&format!("{name}-{end}-{}", way.name()), Data::Port)?;
                    steps.push(Expr::In(program.ranges(set, several)));
                }
            }
        }
        Ok(steps)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Version {
    Four,
    Six,
}

impl Version {
    fn of(self, meeting: &Meeting) -> Option<&Ranges> {
        match self {
            Self::Four => meeting.v4.as_ref(),
            Self::Six => meeting.v6.as_ref(),
        }
    }

    fn is_it(self, family: Family) -> Vec<Expr> {
        match (family, self) {
            (Family::Netdev, _) => {
                let ethertype = if self == Self::Four { libc::ETH_P_IP } else { libc::ETH_P_IPV6 } as u16;
                let bytes = ethertype.to_be_bytes().to_vec();
                vec![Expr::Meta(Meta::Protocol), Expr::Cmp(Op::Equal, bytes)]
            }
            (Family::Inet, _) => {
                let number = if self == Self::Four { libc::NFPROTO_IPV4 } else { libc::NFPROTO_IPV6 } as u8;
                vec![Expr::Meta(Meta::Family), Expr::Cmp(Op::Equal, vec![number])]
            }
        }
    }

    fn peer(self, peers: &Ranges, way: Way, name: &str, program: &mut Program) -> Result<Vec<Expr>> {
        let (length, last, source, data, version) = match self {
            Self::Four => (4, u128::from(u32::MAX), 12, Data::Ipv4, "v4"),
            Self::Six => (16, u128::MAX, 8, Data::Ipv6, "v6"),
        };
        if peers.are_all(last) {
            return Ok(Vec::new());
        }
        let offset = match way {
            Way::Out => source + length,
            Way::In => source,
        };
        let mut steps = vec![Expr::Payload { header: Header::Network, offset, length }];
        match peers.bytes(length as usize).as_slice() {
            [(first, last)] if first == last => steps.push(Expr::Cmp(Op::Equal, first.clone())),
            several => {
                // Both ways share it: it is the peer on either.
                let set = Set::of_ranges(&format!("{name}-{version}"), data)?;
                steps.push(Expr::In(program.ranges(set, several)));
            }
        }
        Ok(steps)
    }
}

/// Used where a chain is named in a step.
pub(crate) fn chain(name: &str) -> CString {
    CString::new(name).unwrap_or_default()
}
