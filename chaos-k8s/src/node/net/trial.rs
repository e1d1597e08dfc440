//! What the packet machinery of this kernel can do: each piece is made once, in a namespace made for that. The doctor
//! shows it, and the engine refuses by it what cannot work.

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io;
use std::net::UdpSocket;
use std::sync::OnceLock;
use std::time::Duration;

use caps::{CapSet, Capability};
use chaos_core::{Error, Result};
use nix::net::if_::if_nametoindex;
use nix::sys::socket::{setsockopt, sockopt};

use super::filters::Filters;
use super::kernel::expr::{Op, Reg, Reject};
use super::kernel::{
    Batch, Class, Expr, Family, Filter, Handle, Hook, Kernel, Kind, NetemOptions, Qdisc, Side, Table,
};
use super::plan::{self, Way};
use crate::node::{netns, sys};

/// A piece of the packet machinery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Piece {
    Tables,
    PlainTables,
    Egress,
    Forward,
    Reject,
    Random,
    Ifb,
    Htb,
    Netem,
    NetemSeed,
    Nesting,
    Tun,
    PacketSocket,
    Redirect,
    Filters,
    Mirred,
}

impl Piece {
    pub(crate) const ALL: [Self; 16] = [
        Self::Tables,
        Self::PlainTables,
        Self::Egress,
        Self::Forward,
        Self::Reject,
        Self::Random,
        Self::Ifb,
        Self::Htb,
        Self::Netem,
        Self::NetemSeed,
        Self::Nesting,
        Self::Tun,
        Self::PacketSocket,
        Self::Redirect,
        Self::Filters,
        Self::Mirred,
    ];

    /// As the doctor calls it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Tables => "owned tables",
            Self::PlainTables => "nf_tables",
            Self::Egress => "egress hook",
            Self::Forward => "nft fwd",
            Self::Reject => "nft reject",
            Self::Random => "nft numgen",
            Self::Ifb => "ifb",
            Self::Htb => "htb",
            Self::Netem => "netem",
            Self::NetemSeed => "netem seed",
            Self::Nesting => "netem in netem",
            Self::Tun => "tun",
            Self::PacketSocket => "packet socket",
            Self::Redirect => "tcx",
            Self::Filters => "clsact filters",
            Self::Mirred => "mirred",
        }
    }
}

/// What does not work, and why.
#[derive(Debug)]
pub(crate) struct Tried {
    missing: Missing,
    /// Of the pieces by which packets go through this process: tried when first asked for, since the kernel takes its time to take
    /// them away again.
    process: OnceLock<Missing>,
    /// Whether there is a namespace to try in.
    is_known: bool,
}

type Missing = BTreeMap<Piece, String>;

impl Tried {
    /// Why this piece does not work; `None` when it does, or nobody knows.
    pub(crate) fn of(&self, piece: Piece) -> Option<&str> {
        let tried = match piece {
            Piece::Tun | Piece::PacketSocket | Piece::Redirect => self.process.get_or_init(|| self.process()),
            _ => &self.missing,
        };
        self.missing.get(&piece).or_else(|| tried.get(&piece)).map(String::as_str)
    }

    /// Without the right to make a namespace to try in: only what needs none is known.
    pub(crate) fn unknown() -> Self {
        Self { missing: Missing::new(), process: OnceLock::new(), is_known: false }
    }

    fn process(&self) -> Missing {
        let tried = if self.is_known {
            netns::aside(|| Ok(Process::default().attempt_all())).ok().flatten()
        } else {
            None
        };
        tried.unwrap_or_else(rights)
    }

    /// The same without these.
    #[must_use]
    pub(crate) fn without(mut self, pieces: &[Piece]) -> Self {
        self.missing.extend(pieces.iter().map(|piece| (*piece, "not to be used".to_owned())));
        self
    }

    /// A kernel without these.
    #[cfg(test)]
    pub(crate) fn lacking(pieces: &[Piece]) -> Self {
        let missing: Missing = pieces.iter().map(|piece| (*piece, "not here".to_owned())).collect();
        Self { missing: missing.clone(), process: missing.into(), is_known: true }
    }
}

const NAME: &str = "chaos-trial";
const TAP: &str = "chaostap";
/// The namespace's own loopback.
const LO: u32 = 1;
const SEED: u64 = 7;
const ROOT: Handle = Handle::new(1, 0);

/// Tries every piece but those of this process in the calling thread's namespace. Nothing is taken away again: the namespace goes, and everything
/// in it.
///
/// # Errors
/// When not even a socket can be opened there.
pub(crate) fn here() -> Result<Tried> {
    let mut trial = Trial {
        kernel: Kernel::here()?,
        netdev: Table::new(Family::Netdev, NAME)?,
        inet: Table::new(Family::Inet, NAME)?,
        ifb: 0,
        filters: None,
    };
    let tried = Piece::ALL.into_iter().filter_map(|piece| Some((piece, trial.attempt(piece).err()?.chain())));
    Ok(Tried { missing: tried.collect(), process: OnceLock::new(), is_known: true })
}

struct Trial {
    kernel: Kernel,
    netdev: Table,
    inet: Table,
    /// The device's number, once it is made.
    ifb: u32,
    filters: Option<Filters>,
}

impl Trial {
    fn attempt(&mut self, piece: Piece) -> Result<()> {
        let lo = || c"lo".to_owned();
        match piece {
            Piece::Tables => {
                let mut batch = Batch::new();
                batch.own_table(&self.netdev).own_table(&self.inet);
                self.kernel.commit(batch)
            }
            Piece::PlainTables => {
                // The owned ones, where there are any; all that follows is tried in these.
                if self.kernel.tables(Family::Inet)?.is_empty() {
                    let mut batch = Batch::new();
                    batch.plain_table(&self.netdev).plain_table(&self.inet);
                    self.kernel.commit(batch)?;
                }
                self.chain("tables", &Hook::Ingress { device: lo() }, &[Expr::Counter])
            }
            Piece::Egress => self.chain("egress", &Hook::Egress { device: lo() }, &[Expr::Counter]),
            Piece::Forward => {
                let forward = [Expr::Load(1_u32.to_ne_bytes()), Expr::Forward(Reg::A)];
                self.chain("forward", &Hook::Ingress { device: lo() }, &forward)
            }
            Piece::Reject => self.chain("reject", &Hook::Output, &[Expr::Reject(Reject::Prohibited)]),
            Piece::Random => {
                let random = [Expr::Random { below: 2 }, Expr::BigEndian, Expr::Cmp(Op::Less, vec![0; 4])];
                self.chain("random", &Hook::Ingress { device: lo() }, &random)
            }
            Piece::Ifb => {
                self.ifb = self.kernel.add_ifb("chaostrial", 0, NAME)?;
                Ok(())
            }
            Piece::Htb => {
                self.kernel.put_qdisc(self.ifb()?, &root(Kind::Htb { direct_packets: 1 }))?;
                let handle = Handle::new(ROOT.major(), 1);
                let class = Class { handle, parent: ROOT, rate: 1, ceil: 1, burst: 1 };
                self.kernel.put_class(self.ifb, &class)
            }
            Piece::Netem => self.seed().map(drop),
            Piece::NetemSeed if self.seed()? == Some(SEED) => Ok(()),
            Piece::NetemSeed => Err(Error::refused("this kernel's netem does not take a seed")),
            Piece::Nesting => self.nesting(),
            Piece::Filters => self.filters(),
            Piece::Mirred => {
                let filters = self.filters.as_mut();
                let filters = filters.ok_or_else(|| Error::refused("there are no filters to try it with"))?;
                let program = filters.device(0)?;
                let filter = Filter { preference: 2, name: NAME, program, to: Some(LO) };
                self.kernel.add_filter(LO, Side::Egress, &filter)
            }
            // Tried when they are asked for.
            Piece::Tun | Piece::PacketSocket | Piece::Redirect => Ok(()),
        }
    }

    /// A chain with one rule.
    fn chain(&mut self, name: &str, hook: &Hook, rule: &[Expr]) -> Result<()> {
        let table = if matches!(hook, Hook::Output) { &self.inet } else { &self.netdev };
        let mut batch = Batch::new();
        batch.chain(table, name, Some((hook, 0)))?;
        batch.rule(table, name, rule)?;
        self.kernel.commit(batch)
    }

    /// A packet that waits in a netem within another, below HTB, must come out by itself.
    fn nesting(&mut self) -> Result<()> {
        const FAST: u64 = 125_000_000;
        let (root, class) = (Handle::new(2, 0), Handle::new(2, 1));
        // The netem of `seed` stands there.
        self.kernel.delete_root(LO)?;
        let htb = Qdisc { handle: root, parent: Handle::ROOT, kind: Kind::Htb { direct_packets: 9 } };
        self.kernel.put_qdisc(LO, &htb)?;
        self.kernel
            .put_class(LO, &Class { handle: class, parent: root, rate: FAST, ceil: FAST, burst: 9_999 })?;
        let netem = || Kind::Netem(NetemOptions { limit: 9, latency: 1_000_000, ..NetemOptions::default() });
        let (outer, inner) = (Handle::new(3, 0), Handle::new(4, 0));
        self.kernel.put_qdisc(LO, &Qdisc { handle: outer, parent: class, kind: netem() })?;
        self.kernel.put_qdisc(LO, &Qdisc { handle: inner, parent: Handle::new(3, 1), kind: netem() })?;
        self.kernel.set_up(LO)?;
        match comes_through(class)? {
            true => Ok(()),
            false => Err(Error::refused("a packet that waited in a netem within another stayed there")),
        }
    }

    /// A program with everything that one may have, at the clsact of the namespace's own loopback.
    fn filters(&mut self) -> Result<()> {
        let mut filters = Filters::new()?;
        let wanted = BTreeMap::from([(Way::Out, plan::filter::sample()?)]);
        let ready = filters.load(&wanted, &|_| None)?;
        let _ = filters.exchange(ready, &wanted)?;
        self.kernel.add_clsact(LO)?;
        let filter = Filter { preference: 1, name: NAME, program: filters.pick(Way::Out), to: None };
        self.kernel.add_filter(LO, Side::Egress, &filter)?;
        self.filters = Some(filters);
        Ok(())
    }

    fn ifb(&self) -> Result<u32> {
        match self.ifb {
            0 => Err(Error::refused("there is no ifb to try it on")),
            made => Ok(made),
        }
    }

    /// Puts a netem on the namespace's own loopback; the seed that it then says it has, if it says one.
    fn seed(&mut self) -> Result<Option<u64>> {
        let options = NetemOptions { limit: 1, seed: Some(SEED), ..NetemOptions::default() };
        self.kernel.put_qdisc(LO, &root(Kind::Netem(options)))?;
        self.kernel.netem_seed(LO)
    }
}

/// Whether a packet to oneself comes out of this class.
fn comes_through(class: Handle) -> std::io::Result<bool> {
    const BOUND: Duration = Duration::from_millis(500);
    let here = UdpSocket::bind("127.0.0.1:0")?;
    here.set_read_timeout(Some(BOUND))?;
    setsockopt(&here, sockopt::Priority, &(class.0 as i32))?;
    here.send_to(&[1], here.local_addr()?)?;
    Ok(here.recv(&mut [0; 8]).is_ok())
}

fn root(kind: Kind) -> Qdisc {
    Qdisc { handle: ROOT, parent: Handle::ROOT, kind }
}

/// The pieces by which packets go through this process.
#[derive(Debug, Default)]
struct Process {
    /// Kept for what is tried with it.
    tap: Option<File>,
}

impl Process {
    fn attempt_all(mut self) -> Missing {
        let pieces = [Piece::Tun, Piece::PacketSocket, Piece::Redirect];
        pieces.into_iter().filter_map(|piece| Some((piece, self.attempt(piece).err()?))).collect()
    }

    fn attempt(&mut self, piece: Piece) -> std::result::Result<(), String> {
        let said = |what: &str, source: io::Error| format!("{what}: {source}");
        match piece {
            Piece::Tun => {
                self.tap = Some(sys::tap::open(TAP, true).map_err(|source| said("/dev/net/tun", source))?);
            }
            Piece::PacketSocket => {
                sys::packet::open(LO, 1).map_err(|source| said("a packet socket", source))?;
            }
            _ if self.tap.is_none() => return Err("there is no TAP to try it with".to_owned()),
            _ => {
                let tap = if_nametoindex(TAP).map_err(io::Error::from);
                tap.and_then(|tap| sys::ingress::redirect(tap, LO, 1))
                    .map_err(|source| said("BPF at tcx", source))?;
            }
        }
        Ok(())
    }
}

/// What this process lacks of them, as far as that shows without a namespace.
fn rights() -> Missing {
    let mut missing = Missing::new();
    if let Err(source) = OpenOptions::new().read(true).write(true).open("/dev/net/tun") {
        missing.insert(Piece::Tun, format!("/dev/net/tun: {source}"));
    }
    if !caps::has_cap(None, CapSet::Effective, Capability::CAP_NET_RAW).unwrap_or(true) {
        missing.insert(Piece::PacketSocket, "this process does not have CAP_NET_RAW".to_owned());
    }
    missing
}
