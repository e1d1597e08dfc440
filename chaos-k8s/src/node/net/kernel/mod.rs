//! The kernel's interfaces to its packet machinery: the only place that knows netlink.
//!
//! ```text
//! Kernel (one namespace) ──┬── route socket      links, qdiscs, classes
//!                          └── netfilter socket  nf_tables; owns the table, which ends with it
//! ```

mod link;
mod nft;
mod qdisc;
mod refusal;
mod socket;
#[cfg(test)]
mod tests;

use std::fs::File;
use std::os::fd::RawFd;

use chaos_core::Result;

pub(crate) use link::Link;
pub(crate) use nft::{Batch, Data, Expr, Family, Hook, Purpose, Set, Table, Verdict, expr, is_out};
pub(crate) use qdisc::{Class, Handle, Kind, Loss, NetemOptions, Qdisc, Slot};
pub(crate) use refusal::is_unknown;
use socket::{Protocol, Socket};

use crate::node::netns;

/// The sockets of one namespace. They were opened in it and stay there, whatever thread uses them.
#[derive(Debug)]
pub(crate) struct Kernel {
    route: Socket,
    netfilter: Socket,
}

impl Kernel {
    /// Opens the sockets of this namespace.
    ///
    /// # Errors
    /// When it cannot be entered.
    pub(crate) fn of(namespace: &File) -> Result<Self> {
        netns::inside(namespace, Self::here)
    }

    /// When this process dies, the tables go before what this descriptor is of.
    pub(crate) fn die_before(&mut self, other: RawFd) -> Result<()> {
        self.netfilter.rise_above(other)
    }

    /// Opens the sockets of the calling thread's namespace.
    pub(crate) fn here() -> Result<Self> {
        Ok(Self { route: Socket::open(Protocol::Route)?, netfilter: Socket::open(Protocol::Netfilter)? })
    }
}
