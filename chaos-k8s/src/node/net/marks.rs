//! The names of what this crate makes in a namespace. Each names its run, so that a sweep takes away what a dead run left and
//! nothing else.

use chaos_core::Result;
use chaos_core::ledger::RunId;

use super::kernel::{Family, FoundFilter, Link, Table};
use crate::node::sys::tap;

/// How tables begin.
pub(crate) const TABLE: &str = "chaos-";
/// How aliases of devices begin.
const ALIAS: &str = "chaos:";
/// The group of devices of ours (`ip link show group 51717`), which they have from their birth.
pub(crate) const GROUP: u32 = super::plan::MAJOR as u32;
/// What follows in the names of filters: what they are for, and whether the clsact is of ours too.
const PICKS: &str = "/picks";
const ASIDE: &str = "/aside-";
const CLSACT: &str = "+clsact";
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

    pub(crate) fn run(&self) -> RunId {
        self.run
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

    /// Of the filter that picks packets, or of the one that leads them to a device of ours, by its number and the kernel's.
    pub(crate) fn filter(&self, device: Option<(u16, u32)>, own_clsact: bool) -> String {
        let (alias, more) = (self.alias(), if own_clsact { CLSACT } else { "" });
        match device {
            None => format!("{alias}{PICKS}{more}"),
            Some((number, link)) => format!("{alias}{ASIDE}{number:x}-{link}{more}"),
        }
    }

    /// Whether it is that filter of this run.
    pub(crate) fn is_filter(&self, filter: &FoundFilter, device: Option<(u16, u32)>) -> bool {
        let named = |own| filter.name.as_ref() == Some(&self.filter(device, own));
        named(false) || named(true)
    }

    /// Whether this run made the filter.
    pub(crate) fn made_filter(&self, filter: &FoundFilter) -> bool {
        let ours = |rest: &str| rest.starts_with('/');
        filter.name.as_ref().and_then(|name| name.strip_prefix(&self.alias())).is_some_and(ours)
    }

    /// Of a TAP, at most 15 letters too.
    pub(crate) fn tap(&self, number: u16) -> String {
        format!("{}t{number:x}", self.device(0))
    }

    /// Whether a device of this run may be called so.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        let shared = self.device(0);
        name.strip_prefix(&shared).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }

    /// Whether this run made the device.
    pub(crate) fn made(&self, link: &Link) -> bool {
        let named = self.is_named(&link.name);
        // It is made without its alias, which comes a moment later.
        let alias = link.alias.as_ref().is_none_or(|alias| *alias == self.alias());
        link.kind.as_deref() == Some("ifb") && named && alias
    }
}

/// Whether this crate made the device, in whatever run. A TAP has no alias, but an address from its start.
pub(crate) fn is_made_here(link: &Link) -> bool {
    link.alias.as_ref().is_some_and(|alias| alias.starts_with(ALIAS)) || link.address == tap::ADDRESS
}

/// The run that made this device of ours.
pub(crate) fn run_of(link: &Link) -> Option<RunId> {
    link.alias.as_ref()?.strip_prefix(ALIAS)?.parse().ok()
}

/// Whether a device looks as if we made it, and its run died before it said so.
pub(crate) fn is_nameless(link: &Link) -> bool {
    let rest = link.name.strip_prefix("chaos");
    let is_hex = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let named = rest.and_then(|rest| Some((rest.get(..SHORT)?, rest.get(SHORT..)?))).is_some_and(
        |(short, number)| {
            is_hex(short) && (number.is_empty() || number.strip_prefix('-').is_some_and(is_hex))
        },
    );
    named && link.alias.is_none() && link.kind.as_deref() == Some("ifb")
}

/// Whether this crate made the filter, in whatever run.
pub(crate) fn is_filter_made_here(filter: &FoundFilter) -> bool {
    filter.name.as_ref().is_some_and(|name| name.starts_with(ALIAS))
}

/// The run that made this filter of ours.
pub(crate) fn run_of_filter(filter: &FoundFilter) -> Option<RunId> {
    filter.name.as_ref()?.strip_prefix(ALIAS)?.split('/').next()?.parse().ok()
}

/// Whether this filter of ours leads packets to a device of ours.
pub(crate) fn leads_aside(filter: &FoundFilter) -> bool {
    filter.name.as_ref().is_some_and(|name| name.contains(ASIDE))
}

/// Whether this is a filter of ours, and the clsact at which it stands as well.
pub(crate) fn has_own_clsact(filter: &FoundFilter) -> bool {
    is_filter_made_here(filter) && filter.name.as_ref().is_some_and(|name| name.ends_with(CLSACT))
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
        assert_eq!(run_of(&link), Some(marks.run));
        assert!(!is_nameless(&link));
        link.alias = Some(Marks::of(RunId::fresh()).alias());
        assert!(!marks.made(&link) && is_made_here(&link));
        link.alias = None;
        assert!(marks.made(&link) && is_nameless(&link) && run_of(&link).is_none());
        let names = ["chaosabcdef", "chaosabcdef-1f"].map(|name| (name, true));
        let others = ["chaos", "chaosabcde", "chaosabcdeg", "chaosabcdef-", "chaosabcdef-x", "ifb0"];
        for (name, ours) in names.into_iter().chain(others.map(|name| (name, false))) {
            link.name = name.to_owned();
            assert_eq!(is_nameless(&link), ours, "{name}");
        }
    }

    #[test]
    fn filters_say_whose_they_are() {
        let marks = Marks::of(RunId::fresh());
        let named = |name: String| FoundFilter { preference: 1, handle: 1, parent: 0, name: Some(name) };
        for (device, own) in [(None, false), (None, true), (Some((0, 9)), false), (Some((0x1f, 9)), true)] {
            let filter = named(marks.filter(device, own));
            assert!(marks.is_filter(&filter, device) && !marks.is_filter(&filter, Some((0, 8))));
            assert_eq!(leads_aside(&filter), device.is_some());
            assert_eq!(run_of_filter(&filter), Some(marks.run()));
            assert!(marks.made_filter(&filter) && is_filter_made_here(&filter));
            assert_eq!(has_own_clsact(&filter), own);
            assert!(!Marks::of(RunId::fresh()).made_filter(&filter));
        }
        let other = named("cil_to_netdev".to_owned());
        assert!(!marks.made_filter(&other) && !is_filter_made_here(&other));
    }
}
