//! The table that leads queries to the resolver and its answers back.

mod others;

use std::net::IpAddr;
use std::time::Duration;

use chaos_core::ledger::RunId;
use chaos_core::{Error, Result};
use nix::libc;

use crate::node::net::kernel::expr::{End, Field, Header, Meta, Op, Reg};
use crate::node::net::kernel::{Batch, Data, Expr, Family, Hook, Kernel, Purpose, Set, Table, Verdict};
use crate::node::net::plan::chain;
use crate::node::netns;

pub(super) use others::{IpFamily, Others};

/// How the names of these tables begin.
const NAME: &str = "chaos-dns-";

/// The mark of the resolver's own queries, which go straight: the number of the port. None of the bits that kube-proxy,
/// Calico and Cilium match by masks.
pub(super) const MARK: u32 = 53;
/// Where DNS servers listen.
pub(super) const PORT: u16 = 53;

/// Before the kernel looks for connections (`NF_IP_PRI_CONNTRACK`, -200): what it then remembers is the way to the resolver,
/// in which no rule for the server's address has a part.
const BEFORE_CONNECTIONS: i32 = -300;
/// After that, and before addresses are translated (`NF_IP_PRI_NAT_DST`, -100).
const AFTER_CONNECTIONS: i32 = -150;
/// The lower of two chains for NAT decides about a connection: before kube-proxy's and Docker's, at -100.
const BEFORE_NAT: i32 = -110;

const ASK: &str = "ask";
const ANSWER: &str = "answer";
const CONNECT: &str = "connect";
const GUARD: &str = "guard";

/// The set whose one key says that the resolver lives, and what the key is.
const LIVES: &str = "lives";
const KEY: [u8; 4] = 1_u32.to_ne_bytes();

/// A server, and the resolver's ports that stand for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Way {
    pub(super) server: IpAddr,
    pub(super) udp: u16,
    pub(super) tcp: u16,
}

/// The address of the resolver that queries to this server are led to. Only this machine reaches it.
pub(super) fn own_address(server: IpAddr) -> IpAddr {
    IpFamily::of(server).loopback()
}

pub(super) fn of(run: &RunId) -> Result<Table> {
    Table::new(Family::Inet, &format!("{NAME}{run}"))
}

/// Whether a table is of this crate's DNS faults, in whatever run.
pub(super) fn is_ours(name: &str) -> bool {
    name.starts_with(NAME)
}

fn lives() -> Result<Set> {
    Set::timed(LIVES, Data::Mark)
}

/// Makes the table, which leads nothing aside yet.
pub(super) fn make(kernel: &mut Kernel, table: &Table) -> Result<()> {
    let mut batch = Batch::new();
    batch.own_table(table).set(table, &lives()?, 1);
    for (name, purpose, priority) in [
        (ASK, Purpose::Route, BEFORE_CONNECTIONS),
        (ANSWER, Purpose::Route, AFTER_CONNECTIONS),
        (CONNECT, Purpose::Nat, BEFORE_NAT),
    ] {
        batch.chain_of(purpose, table, name, Some((&Hook::Output, priority)))?;
    }
    batch.chain(table, GUARD, Some((&Hook::Input, AFTER_CONNECTIONS)))?;
    kernel.commit(batch)
}

/// What leads to the resolver.
#[derive(Debug, Default)]
pub(super) struct Ways {
    /// From these servers.
    pub(super) ways: Vec<Way>,
    /// From all servers that are on other machines.
    pub(super) others: Vec<Others>,
}

/// Leads aside what `asked` says, and nothing else, while [`live`] is said. Answers find their way back to all of `known` too,
/// which has them.
pub(super) fn lead(kernel: &mut Kernel, table: &Table, asked: &Ways, known: &Ways) -> Result<()> {
    let mut batch = Batch::new();
    for name in [ASK, ANSWER, CONNECT, GUARD] {
        batch.flush(table, name)?;
    }
    // The resolver's answers have its mark too.
    for others in &known.others {
        batch.rule(table, ASK, &others::answer(*others))?.rule(table, GUARD, &others::guard(*others))?;
    }
    batch.rule(table, ASK, &own())?.rule(table, CONNECT, &own())?;
    for way in &asked.ways {
        batch.rule(table, ASK, &ask(*way))?.rule(table, CONNECT, &connect(*way))?;
    }
    for way in &known.ways {
        batch.rule(table, ANSWER, &answer(*way))?;
    }
    // What a rule before led aside is not at the port of DNS any more.
    for others in &asked.others {
        batch.rule(table, ASK, &others::ask(*others))?.rule(table, CONNECT, &others::connect(*others))?;
    }
    kernel.commit(batch)
}

/// The resolver lives, and for so long queries are led to it; after that the kernel lets them go, if nothing is said before.
/// `was_said` before, and not longer ago than it said.
///
/// # Errors
/// Also when that was longer ago, by the kernel's clock.
pub(super) fn live(kernel: &mut Kernel, table: &Table, time: Duration, was_said: bool) -> Result<()> {
    let (mut batch, set) = (Batch::new(), lives()?);
    if was_said {
        batch.renew(table, &set, &KEY, time);
    } else {
        batch.timed(table, &set, &[(KEY.to_vec(), time)]);
    }
    kernel.commit(batch)
}

/// Whether this kernel can do all that: tried in a namespace that is thrown away. Without the right to make one nothing is
/// known, and nothing is refused beforehand.
pub(super) fn try_out(others: bool) -> Result<()> {
    let tried = netns::aside(|| {
        let (mut kernel, table) = (Kernel::here()?, Table::new(Family::Inet, "chaos-dns-trial")?);
        make(&mut kernel, &table)?;
        for family in [IpFamily::V4, IpFamily::V6] {
            let way = Way { server: family.loopback(), udp: 1, tcp: 1 };
            let ways = Ways {
                ways: vec![way],
                others: others.then_some(Others { family, udp: 1, tcp: 1 }).into_iter().collect(),
            };
            lead(&mut kernel, &table, &ways, &ways)?;
        }
        live(&mut kernel, &table, Duration::from_secs(1), false)
    });
    tried.map(drop).map_err(|source| {
        let more = if others {
            "; for servers that are not known also notrack and reject (or narrow it to the known servers)"
        } else {
            ""
        };
        Error::refused(format!(
            "a DNS fault needs nf_tables with owned tables, sets with times, chains for routes and NAT, and redirects{more}"
        ))
        .with_source(source)
    })
}

pub(super) fn delete(kernel: &mut Kernel, table: &Table) -> Result<()> {
    let mut batch = Batch::new();
    batch.delete_table(table);
    kernel.commit(batch)
}

fn ask(way: Way) -> Vec<Expr> {
    let (to, port) = (field(way.server, End::Destination), Field::UdpPort(End::Destination));
    let mut steps = family(way.server.is_ipv4()).to_vec();
    steps.extend([to.load(), equal(address(way.server))]);
    steps.extend(ask_port(libc::IPPROTO_UDP));
    steps.extend(while_it_lives());
    steps.extend([
        Expr::Counter,
        Expr::LoadBytes(bytes(way.udp)),
        Expr::SetField(port, Reg::A),
        Expr::LoadBytes(address(own_address(way.server))),
        Expr::SetField(to, Reg::A),
    ]);
    steps
}

fn answer(way: Way) -> Vec<Expr> {
    let (from, port) = (field(way.server, End::Source), Field::UdpPort(End::Source));
    let mut steps = family(way.server.is_ipv4()).to_vec();
    steps.extend([from.load(), equal(address(own_address(way.server)))]);
    steps.extend(protocol(libc::IPPROTO_UDP));
    steps.extend([
        port.load(),
        equal(bytes(way.udp)),
        Expr::LoadBytes(bytes(PORT)),
        Expr::SetField(port, Reg::A),
        Expr::LoadBytes(address(way.server)),
        Expr::SetField(from, Reg::A),
    ]);
    steps
}

fn connect(way: Way) -> Vec<Expr> {
    let mut steps = family(way.server.is_ipv4()).to_vec();
    steps.extend([field(way.server, End::Destination).load(), equal(address(way.server))]);
    steps.extend(opens());
    steps.extend(while_it_lives());
    steps.extend([Expr::Counter, Expr::LoadBytes(bytes(way.tcp)), Expr::Redirect]);
    steps
}

/// Only what opens a connection: the kernel takes packets of one that runs for the first of a new one, and NAT would break it.
fn opens() -> Vec<Expr> {
    const FLAGS: u32 = 13;
    const FIN_SYN_RST_ACK: u8 = 0x17;
    const SYN: u8 = 0x02;
    let mut steps = ask_port(libc::IPPROTO_TCP).to_vec();
    steps.extend([
        Expr::Payload { header: Header::Transport, offset: FLAGS, length: 1 },
        Expr::Mask([FIN_SYN_RST_ACK, 0, 0, 0]),
        equal(vec![SYN]),
    ]);
    steps
}

/// To the port of DNS; it is at the same place for both protocols.
fn ask_port(over: libc::c_int) -> [Expr; 4] {
    let [load, is] = protocol(over);
    [load, is, Field::UdpPort(End::Destination).load(), equal(bytes(PORT))]
}

fn while_it_lives() -> [Expr; 2] {
    [Expr::Load(KEY), Expr::In(chain(LIVES))]
}

fn family(is_v4: bool) -> [Expr; 2] {
    let family = if is_v4 { libc::NFPROTO_IPV4 } else { libc::NFPROTO_IPV6 };
    [Expr::Meta(Meta::Family), equal(vec![family as u8])]
}

fn protocol(number: libc::c_int) -> [Expr; 2] {
    [Expr::Meta(Meta::Layer4), equal(vec![number as u8])]
}

/// The resolver's own go straight.
fn own() -> [Expr; 3] {
    [Expr::Meta(Meta::Mark), equal(MARK.to_ne_bytes().to_vec()), Expr::Verdict(Verdict::Return)]
}

fn equal(bytes: Vec<u8>) -> Expr {
    Expr::Cmp(Op::Equal, bytes)
}

fn field(server: IpAddr, end: End) -> Field {
    if server.is_ipv4() { Field::Ipv4(end) } else { Field::Ipv6(end) }
}

fn address(address: IpAddr) -> Vec<u8> {
    match address {
        IpAddr::V4(four) => four.octets().to_vec(),
        IpAddr::V6(six) => six.octets().to_vec(),
    }
}

fn bytes(port: u16) -> Vec<u8> {
    port.to_be_bytes().to_vec()
}
