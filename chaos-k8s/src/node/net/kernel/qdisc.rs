//! Queueing disciplines and classes: made, changed, taken away, and listed as values that compare with what is wanted.

mod htb;
mod list;
mod netem;
mod tbf;

use std::fmt;

use chaos_core::Result;
use netlink_bindings::tc::{self, Tcmsg};

use super::Kernel;
use super::refusal::gone_is_fine;
pub(crate) use netem::{Loss, NetemOptions, Slot};

/// `TC_H_ROOT`: the parent of what stands at the root of a device.
const ROOT: u32 = u32::MAX;
/// The tick of times that are not said in nanoseconds (`PSCHED_SHIFT`, include/net/pkt_sched.h).
const TICK: u64 = 64;

/// Major and minor number of a qdisc or a class, as in `1:2`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Handle(pub(crate) u32);

impl Handle {
    pub(crate) const ROOT: Self = Self(ROOT);

    pub(crate) const fn new(major: u16, minor: u16) -> Self {
        Self((major as u32) << 16 | minor as u32)
    }

    pub(crate) fn major(self) -> u16 {
        (self.0 >> 16) as u16
    }

    pub(crate) fn minor(self) -> u16 {
        self.0 as u16
    }
}

impl fmt::Display for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ROOT {
            return f.write_str("root");
        }
        write!(f, "{:x}:{:x}", self.major(), self.minor())
    }
}

/// A qdisc at its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Qdisc {
    pub(crate) handle: Handle,
    pub(crate) parent: Handle,
    pub(crate) kind: Kind,
}

/// What a qdisc does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Kind {
    /// The tree of classes. Packets of no class go on directly, at most so many waiting.
    Htb {
        direct_packets: u32,
    },
    Netem(NetemOptions),
    /// Packets wait in order, at most so many bytes.
    Bytes {
        limit: u32,
    },
    /// A rate within a chain of qdiscs.
    Tbf {
        bytes_per_second: u64,
        burst: u32,
        limit: u32,
    },
    /// One of others.
    Other(String),
}

/// A class of HTB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Class {
    pub(crate) handle: Handle,
    pub(crate) parent: Handle,
    /// Assured, in bytes per second.
    pub(crate) rate: u64,
    /// At most, borrowed from the parent.
    pub(crate) ceil: u64,
    /// At full speed after a pause, in bytes.
    pub(crate) burst: u32,
}

impl Kernel {
    /// Puts a qdisc in its place, or gives the one that is there these options; every option is sent, so that none of before
    /// stays.
    pub(crate) fn put_qdisc(&mut self, link: u32, qdisc: &Qdisc) -> Result<()> {
        let what = format!("setting qdisc {} at {} of device {link}", qdisc.handle, qdisc.parent);
        let header = header(link, qdisc.parent, qdisc.handle);
        let mut request = tc::Request::new().set_create().set_replace().op_newqdisc_do(&header);
        match &qdisc.kind {
            Kind::Htb { direct_packets } => htb::encode_root(request.encode(), *direct_packets),
            Kind::Netem(options) => netem::encode(request.encode(), options),
            Kind::Bytes { limit } => {
                request.encode().nested_options_bfifo(&tc::TcFifoQopt { limit: *limit });
            }
            Kind::Tbf { bytes_per_second, burst, limit } => {
                tbf::encode(request.encode(), *bytes_per_second, *burst, *limit);
            }
            Kind::Other(kind) => request.encode().push_kind_bytes(kind.as_bytes()).discard(),
        }
        self.route.ask(&what, &request)
    }

    /// Takes away what somebody put at the root of a device; nothing there is fine.
    pub(crate) fn delete_root(&mut self, link: u32) -> Result<()> {
        let request = tc::Request::new().op_delqdisc_do(&header(link, Handle::ROOT, Handle(0)));
        gone_is_fine(self.route.ask(&format!("deleting the qdisc of device {link}"), &request))
    }

    /// Makes a class of HTB, or gives the one that is there these rates.
    pub(crate) fn put_class(&mut self, link: u32, class: &Class) -> Result<()> {
        let what = format!("setting class {} of device {link}", class.handle);
        let header = header(link, class.parent, class.handle);
        let mut request = tc::Request::new().set_create().op_newtclass_do(&header);
        htb::encode_class(request.encode(), class);
        self.route.ask(&what, &request)
    }

    /// Takes a class away, with all below it. One that is gone is fine.
    pub(crate) fn delete_class(&mut self, link: u32, class: Handle) -> Result<()> {
        let request = tc::Request::new().op_deltclass_do(&header(link, Handle(0), class));
        gone_is_fine(self.route.ask(&format!("deleting class {class} of device {link}"), &request))
    }
}

fn header(link: u32, parent: Handle, handle: Handle) -> Tcmsg {
    Tcmsg { ifindex: link as i32, parent: parent.0, handle: handle.0, ..Tcmsg::default() }
}

/// Ends a chain of setters whose attributes are written.
trait Discard: Sized {
    fn discard(self) {}
}

impl<T> Discard for T {}
