//! Filters of ours at the devices' clsact, beside those of others: put there, looked for, taken away.

use std::collections::{BTreeMap, BTreeSet};

use chaos_core::{Error, Result};

use super::space::Space;
use crate::node::net::filters::{Filters, Ready};
use crate::node::net::kernel::{Clsact, Filter, FoundFilter, Side};
use crate::node::net::plan::filter::Picking;
use crate::node::net::plan::{Act, Active, Cell, Picker, RuleId, Way, in_force_key};
use crate::node::net::{marks, presence};
use crate::node::netns;

/// Preferences of filters: before all others, whose word may be the last.
const PICK: u16 = 1;
const ASIDE: u16 = 2;

/// What filters pick, by way.
type Wanted = BTreeMap<Way, Picking>;

pub(super) fn side(way: Way) -> Side {
    match way {
        Way::Out => Side::Egress,
        Way::In => Side::Ingress,
    }
}

/// The filters that a device needs: their preference, and the device of ours that they lead to, by its number and the kernel's.
fn needed(picking: &Picking, link: u32, links: &BTreeMap<u16, u32>) -> Vec<(u16, Option<(u16, u32)>)> {
    if !picking.cells.contains_key(&link) {
        return Vec::new();
    }
    let devices = picking.devices.get(&link).into_iter().flatten();
    let aside = devices.filter_map(|number| Some((ASIDE, Some((*number, *links.get(number)?)))));
    // The one that picks comes last: until then nothing is picked.
    aside.chain([(PICK, None)]).collect()
}

impl Space {
    /// Refuses where filters of ours cannot stand, or would not be the first to be asked.
    pub(super) fn check_hooks(&mut self, active: &Active) -> Result<()> {
        if matches!(active.act, Act::Refuse(_) | Act::Process) {
            return Ok(());
        }
        for cell in active.cells.iter().filter(|cell| self.abilities.picked.by(cell.way) == Picker::Filter) {
            let name = cell.device.to_string_lossy();
            if cell.way == Way::Out && self.kernel.clsact(cell.link)? == Clsact::Ingress {
                return Err(Error::refused(format!(
                    "device {name} has the qdisc ingress, beside which no clsact can stand, at which packets on their way out are \
                     picked on this kernel: replace it by a clsact"
                )));
            }
            let found = self.kernel.filters(cell.link, side(cell.way))?;
            let others = found.iter().filter(|filter| !marks::is_filter_made_here(filter));
            if others.filter(|filter| filter.is_one()).any(|filter| filter.preference <= ASIDE) {
                return Err(Error::refused(format!(
                    "device {name} has a filter of preference 1 or 2 at its clsact, before which none of ours is asked, by which packets \
                     are picked on this kernel: give it another preference"
                )));
            }
        }
        Ok(())
    }

    /// The name of another run whose filters lead packets of this cell aside.
    pub(super) fn other_hook(&mut self, cell: &Cell) -> Result<Option<String>> {
        let found = self.kernel.filters(cell.link, side(cell.way))?;
        let mut others =
            found.iter().filter(|filter| marks::leads_aside(filter) && !self.marks.made_filter(filter));
        let Some(run) = others.find_map(marks::run_of_filter) else { return Ok(None) };
        // What a dead run left does nothing.
        let lives = netns::inside(&self.file, presence::living_here)?.contains(&run);
        Ok(lives.then(|| format!("{}{run}", marks::TABLE)))
    }

    /// The devices of a rule whose clsact would be of ours.
    pub(super) fn new_clsacts(&mut self, active: &Active) -> Result<BTreeSet<u32>> {
        let mut new = BTreeSet::new();
        if matches!(active.act, Act::Refuse(_)) {
            return Ok(new);
        }
        for cell in active.cells.iter().filter(|cell| self.abilities.picked.by(cell.way) == Picker::Filter) {
            if self.clsacts.contains(&cell.link) || self.kernel.clsact(cell.link)? == Clsact::None {
                new.insert(cell.link);
            }
        }
        Ok(new)
    }

    /// Where filters pick what leaves: the devices with filters of others.
    pub(super) fn crowds(&mut self, rules: &[Active]) -> Result<BTreeSet<u32>> {
        let mut crowded = BTreeSet::new();
        let at_devices = rules.iter().filter(|rule| !matches!(rule.act, Act::Refuse(_)));
        let out: BTreeSet<u32> = at_devices
            .flat_map(|rule| &rule.cells)
            .filter(|cell| cell.way == Way::Out && self.abilities.picked.out == Picker::Filter)
            .map(|cell| cell.link)
            .collect();
        for link in out {
            let found = self.kernel.filters(link, Side::Egress)?;
            if found.iter().any(|filter| filter.is_one() && !marks::is_filter_made_here(filter)) {
                crowded.insert(link);
            }
        }
        Ok(crowded)
    }

    /// Loads what is wanted, and puts filters at the devices that have none yet. What is in force stays in force.
    pub(super) fn hook(&mut self, wanted: &Wanted) -> Result<Ready> {
        if wanted.is_empty() && self.filters.is_none() {
            return Ok(Ready::default());
        }
        let mut filters = match self.filters.take() {
            Some(filters) => filters,
            None => Filters::new()?,
        };
        let times = |rule: RuleId| self.time_left(&in_force_key(rule));
        let ready = filters.load(wanted, &times).and_then(|ready| {
            for (way, picking) in wanted {
                for link in picking.cells.keys() {
                    self.hook_one(&mut filters, picking, *link, *way)?;
                }
            }
            Ok(ready)
        });
        self.filters = Some(filters);
        ready
    }

    fn hook_one(&mut self, filters: &mut Filters, picking: &Picking, link: u32, way: Way) -> Result<()> {
        if self.kernel.clsact(link)? == Clsact::None && self.kernel.add_clsact(link)? {
            self.clsacts.insert(link);
        }
        if !self.clsacts.contains(&link) && self.is_clsact_of_ours(link)? {
            self.clsacts.insert(link);
        }
        self.hooked.insert((link, way));
        let found = self.kernel.filters(link, side(way))?;
        for (preference, device) in needed(picking, link, &self.links) {
            if found.iter().any(|filter| self.marks.is_filter(filter, device)) {
                continue;
            }
            let name = self.marks.filter(device, self.clsacts.contains(&link));
            let (program, to) = match device {
                None => (filters.pick(way), None),
                Some((number, to)) => (filters.device(number)?, Some(to)),
            };
            let filter = Filter { preference, name: &name, program, to };
            self.kernel.add_filter(link, side(way), &filter)?;
        }
        Ok(())
    }

    /// Whether a run of this program made the clsact: whichever of ours leaves it last takes it away.
    fn is_clsact_of_ours(&mut self, link: u32) -> Result<bool> {
        for way in Way::BOTH {
            if self.kernel.filters(link, side(way))?.iter().any(marks::has_own_clsact) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Puts in force what was made ready; what was before.
    pub(super) fn exchange(&mut self, ready: Ready, wanted: &Wanted) -> Result<Ready> {
        match &mut self.filters {
            Some(filters) => filters.exchange(ready, wanted),
            None => Ok(Ready::default()),
        }
    }

    /// Takes away the filters that are not needed for what is in force, and each clsact of ours at which nothing stands any more.
    pub(super) fn unhook(&mut self) -> Result<()> {
        for (link, way) in self.hooked.clone() {
            let picking = self.programs.filters.get(&way);
            let wanted = picking.map(|picking| needed(picking, link, &self.links)).unwrap_or_default();
            for filter in self.kernel.filters(link, side(way))? {
                let is_wanted = wanted.iter().any(|(_, device)| self.marks.is_filter(&filter, *device));
                if self.marks.made_filter(&filter) && !is_wanted {
                    self.kernel.delete_filter(link, side(way), &filter)?;
                }
            }
            if wanted.is_empty() {
                self.hooked.remove(&(link, way));
            }
        }
        for link in self.clsacts.clone() {
            if Way::BOTH.iter().any(|way| self.hooked.contains(&(link, *way))) {
                continue;
            }
            // Somebody else may use it by now: then it is theirs.
            self.kernel.delete_idle_clsact(link)?;
            self.clsacts.remove(&link);
        }
        if self.hooked.is_empty() {
            self.filters = None;
        }
        Ok(())
    }

    /// What of the filters of a rule at a cell is not there.
    pub(super) fn not_hooked(&mut self, cell: &Cell) -> Result<Option<String>> {
        let Some(picking) = self.programs.filters.get(&cell.way) else {
            return Ok(Some("no filter is in force".to_owned()));
        };
        let wanted = needed(picking, cell.link, &self.links);
        let found = self.kernel.filters(cell.link, side(cell.way))?;
        let missing = wanted.iter().find(|(_, device)| {
            !found.iter().any(|filter: &FoundFilter| self.marks.is_filter(filter, *device))
        });
        Ok(missing.map(|(_, device)| {
            let name = self.marks.filter(*device, false);
            format!("the filter {name} of device {} is not there", cell.device.to_string_lossy())
        }))
    }
}
