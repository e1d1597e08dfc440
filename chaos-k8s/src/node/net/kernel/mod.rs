//! The kernel's interfaces to its packet machinery: the only place that knows netlink.
//!
//! ```text
//! Kernel (one namespace) ──┬── route socket      links, qdiscs, classes, filters
//!                          └── netfilter socket  nf_tables; owns the table, which ends with it
//! ```

mod filter;
mod link;
mod nft;
mod qdisc;
mod refusal;
mod socket;
#[cfg(test)]
mod tests;

use std::error::Error as StdError;
use std::fs::File;
use std::os::fd::RawFd;

use chaos_core::{Error, Result};

pub(crate) use filter::{Clsact, Filter, FoundFilter, Side};
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
    /// A kernel may have none: then it has no tables.
    netfilter: Option<Socket>,
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
        self.netfilter()?.rise_above(other)
    }

    /// Opens the sockets of the calling thread's namespace.
    pub(crate) fn here() -> Result<Self> {
        let netfilter = match Socket::open(Protocol::Netfilter) {
            Err(error) if has_no_protocol(&error) => None,
            opened => Some(opened?),
        };
        Ok(Self { route: Socket::open(Protocol::Route)?, netfilter })
    }

    fn netfilter(&mut self) -> Result<&mut Socket> {
        self.netfilter
            .as_mut()
            .ok_or_else(|| Error::refused("this kernel has no nf_tables (CONFIG_NETFILTER_NETLINK)"))
    }
}

/// Whether a socket cannot be opened because the kernel does not know its protocol.
fn has_no_protocol(error: &Error) -> bool {
    let source = StdError::source(error).and_then(|source| source.downcast_ref::<std::io::Error>());
    source.and_then(std::io::Error::raw_os_error) == Some(nix::libc::EPROTONOSUPPORT)
}
