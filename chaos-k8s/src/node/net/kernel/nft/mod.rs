//! nf_tables: tables, chains, sets and rules in transactions, and lists of what is there.

mod attribute;
mod batch;
pub(crate) mod expr;
mod list;
mod set;
mod timed;

use std::ffi::{CStr, CString};

use chaos_core::Result;
use nix::libc;

pub(crate) use batch::Batch;
pub(crate) use expr::{Expr, Verdict};
pub(crate) use set::{Data, Set};
pub(crate) use timed::is_out;

use super::link::c_string;

/// The families of tables that are used here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Family {
    /// At a device, before and after everything else.
    Netdev,
    /// IPv4 and IPv6 on their way through the machine.
    Inet,
}

impl Family {
    pub(super) fn number(self) -> u8 {
        match self {
            Self::Netdev => libc::NFPROTO_NETDEV as u8,
            Self::Inet => libc::NFPROTO_INET as u8,
        }
    }
}

/// A table by its name.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Table {
    pub(crate) family: Family,
    name: CString,
}

impl Table {
    pub(crate) fn new(family: Family, name: &str) -> Result<Self> {
        Ok(Self { family, name: c_string(name)? })
    }

    pub(crate) fn name(&self) -> std::borrow::Cow<'_, str> {
        self.name.to_string_lossy()
    }
}

/// Where a base chain meets packets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Hook {
    /// What a device receives.
    Ingress { device: CString },
    /// What a device is about to send (Linux 5.16 and later).
    Egress { device: CString },
    /// What is for this machine.
    Input,
    /// What passes through.
    Forward,
    /// What this machine sends.
    Output,
}

/// What a base chain is for: nft(8), "CHAINS".
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    Filter,
    /// Packets that it rewrites find their way anew.
    Route,
    /// It sees the first packet of each connection; after the kernel has looked the connection up.
    Nat,
}

impl Purpose {
    fn name(self) -> &'static CStr {
        match self {
            Self::Filter => c"filter",
            Self::Route => c"route",
            Self::Nat => c"nat",
        }
    }
}

impl Hook {
    /// `NF_NETDEV_*` and `NF_INET_*` (include/uapi/linux/netfilter.h).
    fn number(&self) -> u32 {
        match self {
            Self::Ingress { .. } => 0,
            Self::Egress { .. } | Self::Input => 1,
            Self::Forward => 2,
            Self::Output => 3,
        }
    }

    fn device(&self) -> Option<&CString> {
        match self {
            Self::Ingress { device } | Self::Egress { device } => Some(device),
            _ => None,
        }
    }
}
