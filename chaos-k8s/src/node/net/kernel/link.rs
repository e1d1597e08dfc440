//! Devices of a namespace, and those that this crate makes.

use std::ffi::CString;

use chaos_core::{Error, Result};
use netlink_bindings::rt_link::{self, Ifinfomsg};
use nix::libc;

use super::Kernel;
use super::refusal::gone_is_fine;

/// A device, as the kernel lists it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) index: u32,
    pub(crate) name: String,
    /// `None` for hardware and loopback.
    pub(crate) kind: Option<String>,
    pub(crate) alias: Option<String>,
    pub(crate) is_up: bool,
    pub(crate) is_loopback: bool,
    /// A port of a bridge or a bond.
    pub(crate) is_port: bool,
    /// What it is, `ARPHRD_*` (include/uapi/linux/if_arp.h).
    pub(crate) hardware: u16,
    /// Empty for devices without one.
    pub(crate) address: Vec<u8>,
    /// How many packets it was to send and dropped.
    pub(crate) lost: u64,
}

impl Kernel {
    /// All devices, in the kernel's order.
    pub(crate) fn links(&mut self) -> Result<Vec<Link>> {
        let request = rt_link::Request::new().op_getlink_dump(&Ifinfomsg::default());
        self.route.list("listing the devices", &request, |(header, attributes)| {
            let text = |text: &std::ffi::CStr| text.to_string_lossy().into_owned();
            let kind = attributes.get_linkinfo().ok().and_then(|info| info.get_kind().ok().map(text));
            Some(Link {
                index: u32::try_from(header.ifi_index).ok()?,
                name: text(attributes.get_ifname().ok()?),
                kind,
                alias: attributes.get_ifalias().ok().map(text),
                is_up: header.ifi_flags & libc::IFF_UP as u32 != 0,
                is_loopback: header.ifi_flags & libc::IFF_LOOPBACK as u32 != 0,
                is_port: attributes.get_master().is_ok_and(|master| master != 0),
                hardware: header.ifi_type,
                address: attributes.get_address().map(<[u8]>::to_vec).unwrap_or_default(),
                lost: attributes.get_stats64().map_or(0, |stats| stats.tx_dropped),
            })
        })
    }

    /// The devices of this group.
    pub(crate) fn links_of_group(&mut self, group: u32) -> Result<Vec<u32>> {
        let request = rt_link::Request::new().op_getlink_dump(&Ifinfomsg::default());
        self.route.list("listing the devices", &request, |(header, attributes)| {
            let index = u32::try_from(header.ifi_index).ok()?;
            attributes.get_group().is_ok_and(|found| found == group).then_some(index)
        })
    }

    /// Makes an intermediate functional block of this group, up, with this alias; its number.
    pub(crate) fn add_ifb(&mut self, name: &str, group: u32, alias: &str) -> Result<u32> {
        let what = format!("making the device {name} of kind ifb");
        let (name_, alias) = (c_string(name)?, c_string(alias)?);
        let mut request =
            rt_link::Request::new().set_create().set_excl().op_newlink_do(&Ifinfomsg::default());
        request
            .encode()
            .push_ifname(&name_)
            .push_group(group)
            .nested_linkinfo()
            .push_kind(c"ifb")
            .end_nested();
        self.route.ask(&what, &request)?;
        // An alias is not taken at the birth of a device (net/core/rtnetlink.c, `rtnl_create_link`).
        let up = libc::IFF_UP as u32;
        let header = Ifinfomsg { ifi_flags: up, ifi_change: up, ..Ifinfomsg::default() };
        let mut request = rt_link::Request::new().op_setlink_do(&header);
        request.encode().push_ifname(&name_).push_ifalias(&alias);
        self.route.ask(&what, &request)?;
        let made = self.links()?.into_iter().find(|link| link.name == name);
        made.map(|link| link.index)
            .ok_or_else(|| Error::failed(format!("the device {name} was made and is gone again")))
    }

    /// Puts a device up.
    pub(crate) fn set_up(&mut self, index: u32) -> Result<()> {
        let up = libc::IFF_UP as u32;
        let header =
            Ifinfomsg { ifi_index: index as i32, ifi_flags: up, ifi_change: up, ..Ifinfomsg::default() };
        self.route.ask(&format!("putting device {index} up"), &rt_link::Request::new().op_setlink_do(&header))
    }

    /// Takes a device away; one that is gone is fine.
    pub(crate) fn delete_link(&mut self, index: u32) -> Result<()> {
        let header = Ifinfomsg { ifi_index: index as i32, ..Ifinfomsg::default() };
        let request = rt_link::Request::new().op_dellink_do(&header);
        gone_is_fine(self.route.ask(&format!("deleting device {index}"), &request))
    }
}

pub(super) fn c_string(text: &str) -> Result<CString> {
    CString::new(text).map_err(|source| {
        Error::invalid(format!("{text:?} has a zero byte, which no name in the kernel has"))
            .with_source(source)
    })
}
