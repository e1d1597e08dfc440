//! Filters of BPF at a device's clsact (tc-bpf(8)): a qdisc that queues nothing and is on no packet's way, but for its filters.

use std::ffi::CStr;
use std::os::fd::BorrowedFd;

use chaos_core::Result;
use netlink_bindings::tc::{self, OptionsMsg, Tcmsg};
use netlink_bindings::utils::{Pusher, finalize_nested_header, push_header, push_nested_header};
use nix::errno::Errno;
use nix::libc;

use super::Kernel;
use super::link::c_string;
use super::refusal::{errno, gone_is_empty, gone_is_fine};
use crate::node::sys::bpf;

/// `TC_H_CLSACT`, and the handle that every clsact has.
const CLSACT: u32 = 0xffff_fff1;
const CLSACT_HANDLE: u32 = 0xffff_0000;
/// All protocols, as filters have them in their header.
const ALL: u16 = (libc::ETH_P_ALL as u16).to_be();

/// Which packets of a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Side {
    /// What it received.
    Ingress,
    /// What it is about to send.
    Egress,
}

impl Side {
    /// `TC_H_MIN_INGRESS`, `TC_H_MIN_EGRESS`.
    fn parent(self) -> u32 {
        match self {
            Self::Ingress => 0xffff_fff2,
            Self::Egress => 0xffff_fff3,
        }
    }
}

/// What stands where a clsact stands: a device has one of them at most.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Clsact {
    None,
    Both,
    /// The older qdisc ingress, which has filters for what was received only.
    Ingress,
}

/// A filter of ours.
#[derive(Debug)]
pub(crate) struct Filter<'a> {
    /// The lowest comes first. Filters of one kind may share one.
    pub(crate) preference: u16,
    pub(crate) name: &'a str,
    pub(crate) program: BorrowedFd<'a>,
    /// Where packets go that its program picks, by returning -1. Without, what the program returns is what happens (`TC_ACT_*`).
    pub(crate) to: Option<u32>,
}

/// A filter, as the kernel lists it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct FoundFilter {
    pub(crate) preference: u16,
    pub(crate) handle: u32,
    /// As the side was called when the last filter came there: the qdisc ingress takes several words for it.
    pub(crate) parent: u32,
    /// Of filters of BPF that have one.
    pub(crate) name: Option<String>,
}

impl Kernel {
    /// What stands at the clsact's place of a device.
    pub(crate) fn clsact(&mut self, link: u32) -> Result<Clsact> {
        let request = tc::Request::new().op_getqdisc_dump(&header(link, 0, 0, 0));
        let found = self.route.list("listing the qdiscs", &request, |(header, attributes)| {
            let is_here = header.ifindex == link as i32 && header.parent == CLSACT;
            let kind = attributes.get_kind().ok().filter(|_| is_here)?;
            Some(if kind == c"clsact" { Clsact::Both } else { Clsact::Ingress })
        })?;
        Ok(found.first().copied().unwrap_or(Clsact::None))
    }

    /// Makes a clsact; whether there was none before.
    pub(crate) fn add_clsact(&mut self, link: u32) -> Result<bool> {
        let header = header(link, CLSACT_HANDLE, CLSACT, 0);
        let mut request = tc::Request::new().set_create().set_excl().op_newqdisc_do(&header);
        request.encode().push_kind(c"clsact");
        match self.route.ask(&format!("making the clsact of device {link}"), &request) {
            Err(error) if errno(&error) == Some(Errno::EEXIST) => Ok(false),
            done => done.map(|()| true),
        }
    }

    /// Takes a clsact away, with the filters that are there. One that is gone is fine.
    pub(crate) fn delete_clsact(&mut self, link: u32) -> Result<()> {
        let request = tc::Request::new().op_delqdisc_do(&header(link, CLSACT_HANDLE, CLSACT, 0));
        match self.route.ask(&format!("deleting the clsact of device {link}"), &request) {
            // What older kernels say of a device without one.
            Err(error) if errno(&error) == Some(Errno::EINVAL) => Ok(()),
            done => gone_is_fine(done),
        }
    }

    /// Takes a clsact away at which no filter stands.
    pub(crate) fn delete_idle_clsact(&mut self, link: u32) -> Result<()> {
        if self.clsact(link)? != Clsact::Both {
            return Ok(());
        }
        for side in [Side::Ingress, Side::Egress] {
            if self.filters(link, side)?.iter().any(FoundFilter::is_one) {
                return Ok(());
            }
        }
        self.delete_clsact(link)
    }

    /// The filters of a device, those of others too.
    pub(crate) fn filters(&mut self, link: u32, side: Side) -> Result<Vec<FoundFilter>> {
        let request = tc::Request::new().op_gettfilter_dump(&header(link, 0, side.parent(), 0));
        let found = self.route.list("listing the filters", &request, |(header, attributes)| {
            let name = match attributes.get_options() {
                Ok(OptionsMsg::Bpf(bpf)) => bpf.get_name().ok().map(CStr::to_string_lossy),
                _ => None,
            };
            Some(FoundFilter {
                preference: (header.info >> 16) as u16,
                handle: header.handle,
                parent: header.parent,
                name: name.map(std::borrow::Cow::into_owned),
            })
        });
        gone_is_empty(found)
    }

    /// Adds a filter. It is the first of those of its preference.
    pub(crate) fn add_filter(&mut self, link: u32, side: Side, filter: &Filter<'_>) -> Result<()> {
        let what = format!("adding the filter {} to device {link}", filter.name);
        let name = c_string(filter.name)?;
        // The word of others stays as it was.
        let parent = self.filters(link, side)?.first().map_or(side.parent(), |found| found.parent);
        let header = header(link, 0, parent, filter.preference);
        let mut request = tc::Request::new().set_create().set_excl().op_newtfilter_do(&header);
        let mut options = request.encode().nested_options_bpf();
        if let Some(to) = filter.to {
            redirect(options.as_vec_mut(), to);
        }
        /// `TCA_BPF_FLAG_ACT_DIRECT`, `TCA_CLS_FLAGS_SKIP_HW` (include/uapi/linux/pkt_cls.h).
        const DIRECT: u32 = 1;
        const NOT_IN_HARDWARE: u32 = 1;
        options
            .push_fd(bpf::number(filter.program))
            .push_name(&name)
            .push_flags(if filter.to.is_some() { 0 } else { DIRECT })
            .push_flags_gen(NOT_IN_HARDWARE)
            .end_nested();
        self.route.ask(&what, &request)
    }

    /// Takes a filter of BPF away; one that is gone is fine.
    pub(crate) fn delete_filter(&mut self, link: u32, side: Side, filter: &FoundFilter) -> Result<()> {
        let header = header(link, filter.handle, side.parent(), filter.preference);
        let mut request = tc::Request::new().op_deltfilter_do(&header);
        request.encode().push_kind(c"bpf");
        match self.route.ask(&format!("deleting a filter of device {link}"), &request) {
            // Of a clsact that is gone.
            Err(error) if errno(&error) == Some(Errno::EINVAL) => match self.clsact(link) {
                Ok(Clsact::None) => Ok(()),
                _ => Err(error),
            },
            done => gone_is_fine(done),
        }
    }
}

impl FoundFilter {
    /// Whether it is one, and not what the kernel lists before those of a preference.
    pub(crate) fn is_one(&self) -> bool {
        self.handle != 0
    }
}

fn header(link: u32, handle: u32, parent: u32, preference: u16) -> Tcmsg {
    let info = if preference == 0 { 0 } else { u32::from(preference) << 16 | u32::from(ALL) };
    Tcmsg { ifindex: link as i32, handle, parent, info, ..Tcmsg::default() }
}

/// `TCA_BPF_ACT` with one action: out by another device, and no further here (include/uapi/linux/tc_act/tc_mirred.h). By hand:
/// the bindings count actions from 0, and the kernel from 1.
fn redirect(bytes: &mut Vec<u8>, to: u32) {
    const ACT: u16 = 1;
    const FIRST: u16 = 1;
    const KIND: u16 = 1;
    const OPTIONS: u16 = 2;
    const PARMS: u16 = 2;
    const STOLEN: u32 = 4;
    const EGRESS_REDIRECT: u32 = 1;
    let act = push_nested_header(bytes, ACT);
    let first = push_nested_header(bytes, FIRST);
    let kind = c"mirred".to_bytes_with_nul();
    push_header(bytes, KIND, kind.len() as u16);
    bytes.extend(kind);
    let options = push_nested_header(bytes, OPTIONS);
    // `struct tc_mirred`: index, capabilities, action, two counts, what is done, and where to.
    let parms = [0, 0, STOLEN, 0, 0, EGRESS_REDIRECT, to];
    push_header(bytes, PARMS, size_of_val(&parms) as u16);
    bytes.extend(parms.iter().flat_map(|number| number.to_ne_bytes()));
    for start in [options, first, act] {
        finalize_nested_header(bytes, start);
    }
}
