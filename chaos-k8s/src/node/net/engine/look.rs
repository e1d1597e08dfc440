//! What the kernel holds of a rule.

use chaos_core::Result;

use super::change::matches;
use super::space::Space;
use crate::node::net::kernel::Family;
use crate::node::net::own::Counters;
use crate::node::net::plan::{
    Act, Active, ClassKey, Picker, RuleId, Way, act_chain, chain, in_force, in_force_key,
};

/// What was seen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) in_force: bool,
    pub(crate) detail: String,
}

impl Space {
    pub(super) fn look(&mut self, id: RuleId) -> Result<Option<Seen>> {
        self.follow_devices()?;
        let Some(rule) = self.rules.iter().find(|rule| rule.id == id).cloned() else { return Ok(None) };
        let absent = |detail: String| Ok(Some(Seen { in_force: false, detail }));
        let (family, table) = match rule.act {
            Act::Refuse(_) => (Family::Inet, self.inet.clone()),
            _ => (Family::Netdev, self.netdev.clone()),
        };
        let by_table = |way: Way| family == Family::Inet || self.abilities.picked.by(way) == Picker::Table;
        let (by_table, by_filter): (Vec<Way>, Vec<Way>) =
            rule.ways().into_iter().partition(|way| by_table(*way));
        let found = self.kernel.tables(family)?.into_iter().find(|found| found.name == table.name());
        if !by_table.is_empty() && found.is_none_or(|found| found.is_owned != self.abilities.owned) {
            return absent(format!("the table {} is not there", table.name()));
        }
        if rule.cells.is_empty() {
            return absent("none of its devices is there any more".to_owned());
        }
        let is_over = !by_table.is_empty()
            && !self.kernel.times(&table, &in_force()?)?.contains_key(&in_force_key(id)[..]);
        if is_over || self.time_left(&in_force_key(id)).is_none() {
            return absent(self.why_over(id));
        }
        let mut hits = 0;
        for way in by_table {
            let name = act_chain(&rule, way);
            match self.kernel.counters(&table, &chain(&name))?.first() {
                Some(packets) => hits += packets,
                None => return absent(format!("the chain {name} of table {} is not there", table.name())),
            }
        }
        for cell in rule.cells.iter().filter(|cell| by_filter.contains(&cell.way)) {
            if let Some(missing) = self.not_hooked(cell)? {
                return absent(missing);
            }
        }
        for way in by_filter {
            let counter = self.programs.filters.get(&way).and_then(|picking| picking.counters.get(&id));
            match (counter, &self.filters) {
                (Some(counter), Some(filters)) => hits += filters.count(*counter)?,
                _ => return absent("no filter picks its packets".to_owned()),
            }
        }
        if let Some(missing) = self.missing(&rule)? {
            return absent(missing);
        }
        let mut devices: Vec<_> = rule
            .cells
            .iter()
            .map(|cell| {
                let way = if cell.way == Way::Out { "out of" } else { "into" };
                format!("{way} {}", cell.device.to_string_lossy())
            })
            .collect();
        devices.dedup();
        let mut detail = format!("{} {}: {hits} packets met", rule.effect, devices.join(", "));
        if rule.act == Act::Process {
            match self.through_process(&rule)? {
                Ok(said) => detail += &format!("; through this process: {said}"),
                Err(missing) => return absent(missing),
            }
        }
        Ok(Some(Seen { in_force: true, detail }))
    }

    /// What its sidings did; or why one of them does nothing.
    fn through_process(&mut self, rule: &Active) -> Result<std::result::Result<String, String>> {
        let links = self.kernel.links()?;
        let (mut sum, mut lost) = (Counters::default(), 0);
        for (cell, siding) in self.sidings.of(rule.id) {
            let device = cell.device.to_string_lossy();
            let Some(tap) = links.iter().find(|link| link.index == siding.tap()) else {
                return Ok(Err(format!("the TAP that leads from {device} to this process is not there")));
            };
            let counters = siding.counters();
            if counters.broken {
                return Ok(Err(format!(
                    "{} at {device} has panicked, and packets pass untouched: {counters}",
                    rule.effect
                )));
            }
            lost += tap.lost;
            sum = sum + counters;
        }
        let more = if lost > 0 {
            format!(", {lost} lost before: more than this process takes")
        } else {
            String::new()
        };
        Ok(Ok(format!("{sum}{more}")))
    }

    /// A class or a qdisc that the rule needs and that is not there as it should be.
    fn missing(&mut self, rule: &Active) -> Result<Option<String>> {
        for (number, branches) in &self.tree.devices {
            let name = self.marks.device(*number);
            let Some(&link) = self.links.get(number) else { return Ok(Some(format!("no device {name}"))) };
            let qdiscs = self.kernel.qdiscs(link)?;
            let classes = self.kernel.classes(link)?;
            for branch in branches.iter().filter(|branch| concerns(&branch.key, rule.id)) {
                if !classes.iter().any(|class| class.handle == branch.class.handle) {
                    return Ok(Some(format!("class {} of device {name} is not there", branch.class.handle)));
                }
                for qdisc in &branch.chain {
                    if !qdiscs.iter().any(|found| matches(found, qdisc)) {
                        return Ok(Some(format!(
                            "qdisc {} of device {name} is not what it should be",
                            qdisc.handle
                        )));
                    }
                }
            }
        }
        Ok(None)
    }

    pub(super) fn is_gone(&mut self, id: RuleId) -> Result<bool> {
        if self.rules.iter().any(|rule| rule.id == id)
            || self.draining.iter().any(|class| concerns(&class.key, id))
            || self.sidings.is_leaving(id)
        {
            return Ok(false);
        }
        if !self.rules.is_empty() {
            return Ok(true);
        }
        let tables = [(Family::Netdev, self.netdev.clone()), (Family::Inet, self.inet.clone())];
        for (family, table) in tables {
            if self.kernel.tables(family)?.iter().any(|found| found.name == table.name()) {
                return Ok(false);
            }
        }
        let links = self.kernel.links()?;
        Ok(!links.iter().any(|link| self.marks.made(link)) && self.hooked.is_empty())
    }
}

fn concerns(key: &ClassKey, id: RuleId) -> bool {
    match key {
        ClassKey::Leaf(_, members) => members.contains(&id),
        ClassKey::Rate(_, rule) => *rule == id,
    }
}
