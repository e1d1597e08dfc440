//! [`Expr`]: one step of a rule. A rule goes from step to step until one does not hold.

use std::ffi::{CStr, CString};

use netlink_bindings::nftables::{
    BitwiseOps, CmpOps, MetaKeys, NumgenTypes, PayloadBase, PushExprListAttrs, Registers, RejectTypes,
    VerdictCode,
};
use netlink_bindings::utils::Pusher;

use super::attribute::{self, Attribute};

/// A register of four bytes; the longer values begin at one and go on in the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reg {
    A,
    B,
    /// Behind an address of IPv6 in the first.
    E,
}

impl Reg {
    fn number(self) -> u32 {
        match self {
            Self::A => Registers::Reg3200 as u32,
            Self::B => Registers::Reg3201 as u32,
            Self::E => Registers::Reg3204 as u32,
        }
    }
}

/// The header that an offset counts from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Header {
    Network,
    Transport,
}

/// What is known of a packet beside its bytes, in the machine's byte order but for `Protocol`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Meta {
    /// The EtherType, big endian.
    Protocol,
    /// `NFPROTO_IPV4` or `NFPROTO_IPV6`, one byte; in tables of family inet.
    Family,
    /// The protocol above IP, one byte.
    Layer4,
    Priority,
    Mark,
    /// The number of the device it came from.
    In,
    /// The number of the device it leaves by.
    Out,
}

impl Meta {
    fn key(self) -> u32 {
        let key = match self {
            Self::Protocol => MetaKeys::Protocol,
            Self::Family => MetaKeys::Nfproto,
            Self::Layer4 => MetaKeys::L4Proto,
            Self::Priority => MetaKeys::Priority,
            Self::Mark => MetaKeys::Mark,
            Self::In => MetaKeys::Iif,
            Self::Out => MetaKeys::Oif,
        };
        key as u32
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    Equal,
    NotEqual,
    Less,
    AtMost,
    AtLeast,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// The packet passes this base chain.
    Accept,
    Drop,
    Return,
    Jump(CString),
    Goto(CString),
}

/// How a packet is refused. The codes are those of `icmpx` (nft(8), REJECT STATEMENT).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reject {
    TcpReset,
    PortUnreachable,
    HostUnreachable,
    Prohibited,
}

/// One step of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Expr {
    /// Loads bytes of the packet.
    Payload {
        header: Header,
        offset: u32,
        length: u32,
    },
    /// Loads what is known of it.
    Meta(Meta),
    /// Sets what is known of it from a register.
    SetMeta(Meta, Reg),
    /// Holds if what was loaded compares so with these bytes.
    Cmp(Op, Vec<u8>),
    /// Keeps these bits of what was loaded.
    Mask([u8; 4]),
    /// Puts these bytes into the first register.
    Load([u8; 4]),
    /// The same for up to 16 bytes, which go on in the next registers.
    LoadBytes(Vec<u8>),
    /// Loads a field of the packet into this register, and those behind it.
    LoadField(Field, Reg),
    /// Writes what is in this register, and those behind it, into the packet, and mends the checksums.
    SetField(Field, Reg),
    /// The kernel looks no connection up for the packet, nor translates its addresses; in chains that come before.
    Untracked,
    /// Leads a connection to this machine's own port, the one that was loaded; in chains for NAT.
    Redirect,
    /// Holds if what was loaded is in the set.
    In(CString),
    /// Holds if what was loaded is a key of the map; its value is then loaded.
    Map(CString),
    /// Loads a number from 0 to below this one, in the machine's byte order.
    Random {
        below: u32,
    },
    /// Turns what was loaded into big endian, in which numbers compare.
    BigEndian,
    /// Counts packets and bytes that come so far.
    Counter,
    /// Hands the packet over to the device whose number is in this register, and that is all.
    Forward(Reg),
    Reject(Reject),
    Verdict(Verdict),
}

impl Expr {
    pub(crate) fn jump(chain: &CStr) -> Self {
        Self::Verdict(Verdict::Jump(chain.to_owned()))
    }

    pub(crate) fn goto(chain: &CStr) -> Self {
        Self::Verdict(Verdict::Goto(chain.to_owned()))
    }

    pub(super) fn encode<P: Pusher>(&self, list: PushExprListAttrs<P>) -> PushExprListAttrs<P> {
        let (name, attributes) = self.written();
        let mut element = list.nested_elem().push_name(name);
        attribute::write(element.as_vec_mut(), &attributes);
        element.end_nested()
    }

    /// Name and attributes, by number (include/uapi/linux/netfilter/nf_tables.h, `NFTA_PAYLOAD_DREG` and so on).
    fn written(&self) -> (&'static CStr, Vec<(u16, Attribute<'_>)>) {
        use Attribute::{Byte, Name, Number, Value};
        let a = Number(Reg::A.number());
        match self {
            Self::Payload { header, offset, length } => {
                let base = Number(header.number());
                (c"payload", vec![(1, a), (2, base), (3, Number(*offset)), (4, Number(*length))])
            }
            Self::Meta(meta) => (c"meta", vec![(1, a), (2, Number(meta.key()))]),
            Self::SetMeta(meta, from) => (c"meta", vec![(2, Number(meta.key())), (3, Number(from.number()))]),
            Self::Cmp(op, bytes) => (c"cmp", vec![(1, a), (2, Number(op.number())), (3, Value(bytes))]),
            Self::Mask(mask) => {
                let op = Number(BitwiseOps::MaskXor as u32);
                (
                    c"bitwise",
                    vec![(1, a), (2, a), (3, Number(4)), (4, Value(mask)), (5, Value(&[0; 4])), (6, op)],
                )
            }
            Self::Load(bytes) => (c"immediate", vec![(1, a), (2, Value(bytes))]),
            Self::LoadBytes(bytes) => (c"immediate", vec![(1, a), (2, Value(bytes))]),
            Self::LoadField(field, to) => {
                let (header, offset, length) = field.place();
                let place = [header.number(), offset, length].map(Number);
                (c"payload", vec![(1, Number(to.number())), (2, place[0]), (3, place[1]), (4, place[2])])
            }
            Self::SetField(field, from) => (
                c"payload",
                field
                    .written()
                    .into_iter()
                    .map(|(number, value)| (number, Number(value)))
                    .chain([(5, Number(from.number()))])
                    .collect(),
            ),
            Self::Untracked => (c"notrack", Vec::new()),
            Self::Redirect => {
                // NF_NAT_RANGE_PROTO_SPECIFIED
                const PORT: u32 = 2;
                (c"redir", vec![(1, a), (3, Number(PORT))])
            }
            Self::In(set) => (c"lookup", vec![(1, Name(set)), (2, a)]),
            Self::Map(map) => (c"lookup", vec![(1, Name(map)), (2, a), (3, a)]),
            Self::Random { below } => {
                let random = Number(NumgenTypes::Random as u32);
                (c"numgen", vec![(1, a), (2, Number(*below)), (3, random), (4, Number(0))])
            }
            Self::BigEndian => {
                const HTON: u32 = 1;
                (c"byteorder", vec![(1, a), (2, a), (3, Number(HTON)), (4, Number(4)), (5, Number(4))])
            }
            Self::Counter => (c"counter", Vec::new()),
            Self::Forward(device) => (c"fwd", vec![(1, Number(device.number()))]),
            Self::Reject(reject) => {
                // The codes of NFT_REJECT_ICMPX_*.
                let (kind, code) = match reject {
                    Reject::TcpReset => (RejectTypes::TcpRst, 0),
                    Reject::PortUnreachable => (RejectTypes::IcmpxUnreach, 1),
                    Reject::HostUnreachable => (RejectTypes::IcmpxUnreach, 2),
                    Reject::Prohibited => (RejectTypes::IcmpxUnreach, 3),
                };
                (c"reject", vec![(1, Number(kind as u32)), (2, Byte(code))])
            }
            Self::Verdict(verdict) => {
                let (code, chain) = verdict.code();
                let to = Number(Registers::RegVerdict as u32);
                (c"immediate", vec![(1, to), (2, Attribute::Verdict(code as u32, chain))])
            }
        }
    }
}

/// What can be written of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Field {
    /// An address of IPv4.
    Ipv4(End),
    /// An address of IPv6.
    Ipv6(End),
    /// A port of UDP.
    UdpPort(End),
}

/// Of the two addresses or ports of a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Source,
    Destination,
}

impl Field {
    /// The step that loads it.
    pub(crate) fn load(self) -> Expr {
        Expr::LoadField(self, Reg::A)
    }

    /// RFC 791, RFC 8200, RFC 768.
    fn place(self) -> (Header, u32, u32) {
        let offset = |end, source, length| if end == End::Source { source } else { source + length };
        match self {
            Self::Ipv4(end) => (Header::Network, offset(end, 12, 4), 4),
            Self::Ipv6(end) => (Header::Network, offset(end, 8, 16), 16),
            Self::UdpPort(end) => (Header::Transport, offset(end, 0, 2), 2),
        }
    }

    /// `NFTA_PAYLOAD_BASE`, `_OFFSET`, `_LEN`, and the checksums: `_CSUM_TYPE` (1 as of the Internet), `_CSUM_OFFSET`,
    /// `_CSUM_FLAGS` (1: that of the layer above too, which covers the addresses).
    fn written(self) -> [(u16, u32); 6] {
        let (header, offset, length) = self.place();
        let (kind, at, above) = match self {
            Self::Ipv4(_) => (1, 10, 1),
            Self::Ipv6(_) => (0, 0, 1),
            Self::UdpPort(_) => (1, 6, 0),
        };
        [(2, header.number()), (3, offset), (4, length), (6, kind), (7, at), (8, above)]
    }
}

impl Header {
    fn number(self) -> u32 {
        let base = match self {
            Self::Network => PayloadBase::NetworkHeader,
            Self::Transport => PayloadBase::TransportHeader,
        };
        base as u32
    }
}

impl Op {
    fn number(self) -> u32 {
        let op = match self {
            Self::Equal => CmpOps::Eq,
            Self::NotEqual => CmpOps::Neq,
            Self::Less => CmpOps::Lt,
            Self::AtMost => CmpOps::Lte,
            Self::AtLeast => CmpOps::Gte,
        };
        op as u32
    }
}

impl Verdict {
    fn code(&self) -> (VerdictCode, Option<&CStr>) {
        match self {
            Self::Accept => (VerdictCode::Accept, None),
            Self::Drop => (VerdictCode::Drop, None),
            Self::Return => (VerdictCode::Return, None),
            Self::Jump(chain) => (VerdictCode::Jump, Some(chain)),
            Self::Goto(chain) => (VerdictCode::Goto, Some(chain)),
        }
    }
}
