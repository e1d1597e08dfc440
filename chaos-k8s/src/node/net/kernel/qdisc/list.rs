//! What stands on a device.

use std::ffi::CStr;

use chaos_core::Result;
use netlink_bindings::tc::{self, IterableAttrs, OptionsMsg};
use nix::libc;

use super::{Class, Handle, Kind, Qdisc, header, netem};
use crate::node::net::kernel::Kernel;

impl Kernel {
    /// The qdiscs of a device.
    pub(crate) fn qdiscs(&mut self, link: u32) -> Result<Vec<Qdisc>> {
        let request = tc::Request::new().op_getqdisc_dump(&header(link, Handle(0), Handle(0)));
        self.route.list("listing the qdiscs", &request, |(header, attributes)| {
            (header.ifindex == link as i32).then(|| Qdisc {
                handle: Handle(header.handle),
                parent: Handle(header.parent),
                kind: kind(&attributes),
            })
        })
    }

    /// The seed that a netem of a device says it has; none before Linux 6.3.
    pub(crate) fn netem_seed(&mut self, link: u32) -> Result<Option<u64>> {
        let request = tc::Request::new().op_getqdisc_dump(&header(link, Handle(0), Handle(0)));
        let seeds = self.route.list("listing the qdiscs", &request, |(header, attributes)| {
            let Ok(OptionsMsg::Netem(_, rest)) = attributes.get_options() else { return None };
            rest.get_prng_seed().ok().filter(|_| header.ifindex == link as i32)
        })?;
        Ok(seeds.first().copied())
    }

    /// The devices that have a qdisc with this major number.
    pub(crate) fn links_with(&mut self, major: u16) -> Result<Vec<u32>> {
        let request = tc::Request::new().op_getqdisc_dump(&header(0, Handle(0), Handle(0)));
        self.route.list("listing the qdiscs", &request, |(header, _)| {
            let has = Handle(header.handle).major() == major;
            u32::try_from(header.ifindex).ok().filter(|_| has)
        })
    }

    /// How many packets wait in a qdisc of a device.
    pub(crate) fn waiting(&mut self, link: u32, qdisc: Handle) -> Result<u32> {
        let request = tc::Request::new().op_getqdisc_dump(&header(link, Handle(0), Handle(0)));
        let waiting = self.route.list("listing the qdiscs", &request, |(header, attributes)| {
            let ours = header.ifindex == link as i32 && header.handle == qdisc.0;
            let stats = attributes.get_stats().ok().filter(|_| ours)?;
            Some(stats.qlen)
        })?;
        Ok(waiting.into_iter().sum())
    }

    /// The classes of HTB on a device.
    pub(crate) fn classes(&mut self, link: u32) -> Result<Vec<Class>> {
        let header = header(link, Handle(0), Handle(0));
        let request = tc::Request::new().set_flags(libc::NLM_F_DUMP as u16).op_gettclass_do(&header);
        self.route.list("listing the classes", &request, |(header, attributes)| {
            if header.ifindex != link as i32 || attributes.get_kind().ok()? != c"htb" {
                return None;
            }
            let Ok(OptionsMsg::Htb(htb)) = attributes.get_options() else { return None };
            let parms = htb.get_parms().ok()?;
            let rate = htb.get_rate64().unwrap_or(u64::from(parms.rate.rate));
            Some(Class {
                handle: Handle(header.handle),
                parent: Handle(header.parent),
                rate,
                ceil: htb.get_ceil64().unwrap_or(u64::from(parms.ceil.rate)),
                burst: 0,
            })
        })
    }
}

fn kind(attributes: &IterableAttrs<'_>) -> Kind {
    let name = attributes.get_kind().map(CStr::to_string_lossy).unwrap_or_default();
    match attributes.get_options() {
        Ok(OptionsMsg::Htb(htb)) => Kind::Htb { direct_packets: htb.get_direct_qlen().unwrap_or(0) },
        Ok(OptionsMsg::Netem(fixed, rest)) => Kind::Netem(netem::decode(&fixed, &rest)),
        Ok(OptionsMsg::Bfifo(fifo)) => Kind::Bytes { limit: fifo.limit },
        _ => Kind::Other(name.into_owned()),
    }
}
