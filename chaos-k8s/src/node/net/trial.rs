//! What the packet machinery of this kernel can do: each piece is made for a moment, in the calling thread's namespace,
//! which is one made for that.

use std::collections::BTreeMap;
use std::ffi::CString;
use std::fs::OpenOptions;

use chaos_core::{Error, Result};

use super::kernel::expr::Reg;
use super::kernel::{Batch, Expr, Family, Handle, Hook, Kernel, Kind, NetemOptions, Qdisc, Table};

/// A piece of the packet machinery.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Piece {
    Tables,
    Egress,
    Forward,
    Reject,
    Random,
    Ifb,
    Htb,
    Netem,
    NetemSeed,
    Tun,
}

impl Piece {
    pub(crate) const ALL: [Self; 10] = [
        Self::Tables,
        Self::Egress,
        Self::Forward,
        Self::Reject,
        Self::Random,
        Self::Ifb,
        Self::Htb,
        Self::Netem,
        Self::NetemSeed,
        Self::Tun,
    ];
}

/// What does not work, and why.
#[derive(Debug)]
pub(crate) struct Tried {
    missing: BTreeMap<Piece, Error>,
}

impl Tried {
    /// Why this piece does not work; `None` when it does.
    pub(crate) fn of(&self, piece: Piece) -> Option<&Error> {
        self.missing.get(&piece)
    }
}

const TABLE: &str = "chaos-trial";
const IFB: &str = "chaostrial";
const SEED: u64 = 7;

/// Tries every piece in the calling thread's namespace.
///
/// # Errors
/// When not even a socket can be opened there.
pub(crate) fn here() -> Result<Tried> {
    let mut kernel = Kernel::here()?;
    let mut missing = BTreeMap::new();
    for piece in Piece::ALL {
        if let Err(error) = attempt(piece, &mut kernel) {
            missing.insert(piece, error);
        }
    }
    Ok(Tried { missing })
}

fn attempt(piece: Piece, kernel: &mut Kernel) -> Result<()> {
    match piece {
        Piece::Tables => chain(Family::Netdev, &ingress()?, &[Expr::Counter]),
        Piece::Egress => chain(Family::Netdev, &Hook::Egress { device: lo()? }, &[Expr::Counter]),
        Piece::Forward => {
            chain(Family::Netdev, &ingress()?, &[Expr::Load(1_u32.to_ne_bytes()), Expr::Forward(Reg::A)])
        }
        Piece::Reject => {
            chain(Family::Inet, &Hook::Output, &[Expr::Reject(super::kernel::expr::Reject::HostUnreachable)])
        }
        Piece::Random => chain(Family::Netdev, &ingress()?, &[Expr::Random { below: 10 }]),
        Piece::Ifb => on_ifb(kernel, |_, _| Ok(())),
        Piece::Htb => on_ifb(kernel, |kernel, ifb| {
            let kind = Kind::Htb { direct_packets: 1_000 };
            kernel.put_qdisc(ifb, &Qdisc { handle: Handle::new(1, 0), parent: Handle::ROOT, kind })
        }),
        Piece::Netem => seed(kernel, NetemOptions::default()).map(drop),
        Piece::NetemSeed => {
            let asked = NetemOptions { seed: Some(SEED), ..NetemOptions::default() };
            match seed(kernel, asked)? {
                Some(SEED) => Ok(()),
                _ => Err(Error::refused("this kernel's netem does not take a seed")),
            }
        }
        Piece::Tun => {
            OpenOptions::new().read(true).write(true).open("/dev/net/tun").map(drop).map_err(|source| {
                Error::refused(format!("/dev/net/tun cannot be opened: {source}")).with_source(source)
            })
        }
    }
}

fn lo() -> Result<CString> {
    Ok(c"lo".to_owned())
}

fn ingress() -> Result<Hook> {
    Ok(Hook::Ingress { device: lo()? })
}

/// An owned table with one rule; gone with the socket that this opens.
fn chain(family: Family, hook: &Hook, rule: &[Expr]) -> Result<()> {
    let mut own = Kernel::here()?;
    let table = Table::new(family, TABLE)?;
    let mut batch = Batch::new();
    batch.own_table(&table);
    batch.chain(&table, "c", Some((hook, 0)))?;
    batch.rule(&table, "c", rule)?;
    own.commit(batch)
}

fn on_ifb<T>(kernel: &mut Kernel, work: impl FnOnce(&mut Kernel, u32) -> Result<T>) -> Result<T> {
    let ifb = kernel.add_ifb(IFB, TABLE)?;
    let done = work(kernel, ifb);
    kernel.delete_link(ifb)?;
    done
}

/// The seed that a netem says it has, if it says one.
fn seed(kernel: &mut Kernel, options: NetemOptions) -> Result<Option<u64>> {
    on_ifb(kernel, |kernel, ifb| {
        let kind = Kind::Netem(options);
        kernel.put_qdisc(ifb, &Qdisc { handle: Handle::new(1, 0), parent: Handle::ROOT, kind })?;
        kernel.netem_seed(ifb)
    })
}
