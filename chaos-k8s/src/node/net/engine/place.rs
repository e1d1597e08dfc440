//! [`Place`]: the devices that a rule acts on.

use std::collections::BTreeSet;
use std::ffi::CString;

use chaos_core::{Error, Result};

use crate::node::net::kernel::Link;
use crate::node::net::marks::is_made_here;
use crate::node::net::plan::Cell;
use crate::node::net::rule::{Devices, Direction};

/// Devices by number and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Place(Vec<(u32, String)>);

impl Place {
    /// Those of `links` that are meant.
    pub(crate) fn find(links: &[Link], devices: &Devices) -> Result<Self> {
        let named = |link: &Link| (link.index, link.name.clone());
        match devices {
            Devices::AllUp => {
                let all: Vec<_> = links
                    .iter()
                    .filter(|link| link.is_up && !link.is_loopback && !link.is_port && !is_made_here(link))
                    .map(named)
                    .collect();
                if all.is_empty() {
                    return Err(Error::refused(
                        "no device but loopback is up here: bring one up, or name the device",
                    ));
                }
                Ok(Self(all))
            }
            Devices::Named(names) => names
                .iter()
                .map(|name| {
                    let found = links.iter().find(|link| link.name == name.as_str());
                    found.map(named).ok_or_else(|| {
                        let known: Vec<&str> = links.iter().map(|link| link.name.as_str()).collect();
                        Error::refused(format!("there is no device {name} here, but {}", known.join(", ")))
                    })
                })
                .collect::<Result<_>>()
                .map(Self),
        }
    }

    pub(crate) fn names(&self) -> String {
        let names: Vec<&str> = self.0.iter().map(|(_, name)| name.as_str()).collect();
        names.join(", ")
    }

    pub(crate) fn cells(&self, direction: Direction) -> BTreeSet<Cell> {
        let ways = direction.ways().into_iter();
        ways.flat_map(|way| {
            self.0.iter().map(move |(link, name)| Cell {
                link: *link,
                way,
                // A name of the kernel has no zero byte.
                device: CString::new(name.as_str()).unwrap_or_default(),
            })
        })
        .collect()
    }
}
