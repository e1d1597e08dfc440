//! The names of what this crate makes in a namespace. Each names its run, so that a sweep takes away what a dead run left and
//! nothing else.

use chaos_core::Result;
use chaos_core::ledger::RunId;

use super::kernel::{Family, Link, Table};
use crate::node::sys::tap;

/// How tables begin.
pub(crate) const TABLE: &str = "chaos-";
/// How aliases of devices begin.
const ALIAS: &str = "chaos:";
/// So many letters of the run's name fit into the name of a device.
const SHORT: usize = 6;

/// The marks of one run.
#[derive(Debug, Clone)]
pub(crate) struct Marks {
    run: RunId,
}

impl Marks {
    pub(crate) fn of(run: RunId) -> Self {
        Self { run }
    }

    pub(crate) fn table(&self, family: Family) -> Result<Table> {
        Table::new(family, &format!("{TABLE}{}", self.run))
    }

    pub(crate) fn alias(&self) -> String {
        format!("{ALIAS}{}", self.run)
    }

    /// Of a device; 0 is the shared one. At most 15 letters, as every name of a device.
    pub(crate) fn device(&self, number: u16) -> String {
        let run = self.run.to_string();
        let short = &run[run.len() - SHORT..];
        match number {
            0 => format!("chaos{short}"),
            number => format!("chaos{short}-{number:x}"),
        }
    }

    /// Of a TAP, at most 15 letters too.
    pub(crate) fn tap(&self, number: u16) -> String {
        format!("{}t{number:x}", self.device(0))
    }

    /// Whether this run made the device.
    pub(crate) fn made(&self, link: &Link) -> bool {
        let shared = self.device(0);
        let named = link.name == shared || link.name.starts_with(&format!("{shared}-"));
        // It is made without its alias, which comes a moment later.
        let alias = link.alias.as_ref().is_none_or(|alias| *alias == self.alias());
        link.kind.as_deref() == Some("ifb") && named && alias
    }
}

/// Whether this crate made the device, in whatever run. A TAP has no alias, but an address from its start.
pub(crate) fn is_made_here(link: &Link) -> bool {
    link.alias.as_ref().is_some_and(|alias| alias.starts_with(ALIAS)) || link.address == tap::ADDRESS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fit_a_device() {
        let marks = Marks::of(RunId::fresh());
        for number in [0, 1, 0xfff] {
            assert!(marks.device(number).len() <= 15, "{}", marks.device(number));
            assert!(marks.tap(number).len() <= 15, "{}", marks.tap(number));
        }
        let tap = Link { name: marks.tap(1), address: tap::ADDRESS.to_vec(), ..Link::default() };
        assert!(is_made_here(&tap) && !marks.made(&tap), "it goes with its process");
        let mut link = Link {
            index: 7,
            name: marks.device(3),
            kind: Some("ifb".to_owned()),
            alias: Some(marks.alias()),
            is_up: true,
            ..Link::default()
        };
        assert!(marks.made(&link) && is_made_here(&link));
        link.alias = Some(Marks::of(RunId::fresh()).alias());
        assert!(!marks.made(&link) && is_made_here(&link));
    }
}
