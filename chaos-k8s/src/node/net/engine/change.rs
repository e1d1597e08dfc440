//! From what is in force to what is wanted, by the difference: first what packets will need, then the packets, and what they
//! need no more at the end.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use chaos_core::{Error, Result};

use super::drain::Draining;
use super::space::{Space, Wanted, wanted};
use crate::node::net::kernel::{Batch, Class, Family, Handle, Kind, Link, Qdisc, is_unknown};
use crate::node::net::marks::GROUP;
use crate::node::net::plan::{Active, Branch, Ours, Program, Programs, ROOT, RuleId, Site, Tree, programs};

/// How many packets of no class may wait: HTB takes the number of the device otherwise, which is 32 for an ifb.
const DIRECT: u32 = 10_000;

impl Space {
    /// Takes a rule out: whether it was in, and until when what waits for it may wait.
    pub(super) fn remove(&mut self, id: RuleId) -> Result<(bool, Instant)> {
        let was_in_force = self.rules.iter().any(|rule| rule.id == id);
        if was_in_force {
            let rules = self.rules.iter().filter(|rule| rule.id != id).cloned().collect();
            self.change(rules)?;
        }
        self.said.remove(&id);
        self.terms.remove(&id);
        let draining = self.draining.iter().map(|class| class.wait).max().unwrap_or(Duration::ZERO);
        Ok((was_in_force, Instant::now() + draining.max(self.sidings.longest())))
    }

    /// Makes these rules the ones in force.
    pub(super) fn change(&mut self, mut rules: Vec<Active>) -> Result<()> {
        let links = self.kernel.links()?;
        let there = links.iter().map(|link| link.index).collect();
        rules.iter_mut().for_each(|rule| rule.cells.retain(|cell| BTreeSet::contains(&there, &cell.link)));
        self.forget_what_is_gone(&there)?;
        let wanted = wanted(&rules, self.abilities.nests, &mut self.numbering)?;
        self.programs = match self.carry_out(&rules, &wanted, &links) {
            Ok(programs) => programs,
            Err(error) => {
                // No packet comes to what was made so far. What cannot be taken away now is at the next change.
                let _ = self.unhook();
                self.retire(wanted.tree);
                self.leave_sidings(&self.rules.clone());
                return Err(error);
            }
        };
        self.rules = rules;
        let before = std::mem::replace(&mut self.tree, wanted.tree);
        self.retire(before);
        self.leave_sidings(&self.rules.clone());
        let mut stay = self.tree.keys();
        stay.extend(self.draining.iter().map(|class| class.key.clone()));
        self.numbering.keep(&self.rules, &wanted.combinations, &stay);
        self.numbering.keep_taps(&self.sidings.keys());
        self.unhook()
    }

    /// The programs without what no packet comes back from any more.
    pub(super) fn forget_sidings(&mut self) -> Result<()> {
        let there = self.kernel.links()?.iter().map(|link| link.index).collect();
        self.forget_what_is_gone(&there)?;
        let rules = self.rules.clone();
        let wanted = wanted(&rules, self.abilities.nests, &mut self.numbering)?;
        self.programs = self.commit(&rules, &wanted)?;
        self.numbering.keep_taps(&self.sidings.keys());
        Ok(())
    }

    /// First where packets will go, then in one transaction the packets.
    fn carry_out(&mut self, rules: &[Active], wanted: &Wanted, links: &[Link]) -> Result<Programs> {
        self.presence.show()?;
        for (&number, branches) in &wanted.tree.devices {
            let link = self.device(number)?;
            self.grow(link, branches)?;
        }
        self.open_sidings(rules, links)?;
        self.commit(rules, wanted)
    }

    fn commit(&mut self, rules: &[Active], wanted: &Wanted) -> Result<Programs> {
        let taps = self.sidings.taps();
        self.crowded = self.crowds(rules)?;
        let ours = Ours { links: &self.links, taps: &taps };
        let site = Site { picked: self.abilities.picked, ours, crowded: &self.crowded };
        let programs = programs(rules, &wanted.combinations, &wanted.tree, site, &mut self.numbering)?;
        let mut batch = Batch::new();
        let times = |key: &[u8]| self.time_left(key);
        let owned = self.abilities.owned;
        programs.netdev.change(&self.programs.netdev, &self.netdev, owned, &mut batch, &times)?;
        programs.inet.change(&self.programs.inet, &self.inet, owned, &mut batch, &times)?;
        let ready = self.hook(&programs.filters)?;
        let before = self.exchange(ready, &programs.filters)?;
        if let Err(error) = self.kernel.commit(batch) {
            let in_force = self.programs.filters.clone();
            let _ = self.exchange(before, &in_force);
            return Err(error);
        }
        Ok(programs)
    }

    /// The number of a device of ours, made if it is not there.
    fn device(&mut self, number: u16) -> Result<u32> {
        let name = self.marks.device(number);
        let links = self.kernel.links()?;
        let link = match links.iter().find(|link| self.marks.made(link) && link.name == name) {
            Some(link) => link.index,
            None => {
                let alias = self.marks.alias();
                self.kernel.add_ifb(&name, GROUP, &alias)?
            }
        };
        self.links.insert(number, link);
        let root = Qdisc { handle: ROOT, parent: Handle::ROOT, kind: Kind::Htb { direct_packets: DIRECT } };
        if !self.kernel.qdiscs(link)?.contains(&root) {
            self.kernel.put_qdisc(link, &root)?;
        }
        Ok(link)
    }

    /// Makes the classes and qdiscs that are not there yet as they shall be.
    fn grow(&mut self, link: u32, branches: &[Branch]) -> Result<()> {
        let classes = self.kernel.classes(link)?;
        let qdiscs = self.kernel.qdiscs(link)?;
        for branch in branches {
            // It is wanted again before it was taken away.
            self.draining.retain(|class| class.key != branch.key);
            if !classes.iter().any(|found| is(found, &branch.class)) {
                self.kernel.put_class(link, &branch.class)?;
            }
            for qdisc in &branch.chain {
                if !qdiscs.iter().any(|found| matches(found, qdisc)) {
                    self.kernel.put_qdisc(link, qdisc).map_err(|error| named(error, qdisc))?;
                }
            }
        }
        Ok(())
    }

    /// What is wanted no more may still hold packets.
    fn retire(&mut self, before: Tree) {
        let stay = self.tree.keys();
        for (number, branches) in before.devices {
            for branch in branches.into_iter().filter(|branch| !stay.contains(&branch.key)) {
                self.draining.push(Draining::new(number, branch));
            }
        }
    }

    /// The kernel takes the base chains of a device away with it; and a table that is not owned anybody may take away, as a guardian
    /// does when this process was thought dead.
    fn forget_what_is_gone(&mut self, there: &BTreeSet<u32>) -> Result<()> {
        self.sidings.note(there);
        if !self.abilities.owned {
            for (table, program) in
                [(&self.netdev, &mut self.programs.netdev), (&self.inet, &mut self.programs.inet)]
            {
                let tables = self.kernel.tables(table.family)?;
                if !tables.iter().any(|found| found.name == table.name()) {
                    *program = Program::default();
                }
            }
        }
        // `out-7`.
        let is_gone = |name: &str| {
            let link = name.rsplit('-').next().and_then(|link| link.parse().ok());
            link.is_some_and(|link: u32| !there.contains(&link))
        };
        let mut bases = self.programs.netdev.chains.iter().filter(|(_, chain)| chain.place.is_some());
        if !bases.any(|(name, _)| is_gone(name)) {
            return Ok(());
        }
        let table = self.netdev.name().into_owned();
        let there: BTreeSet<String> = self
            .kernel
            .chains(Family::Netdev)?
            .into_iter()
            .filter(|chain| chain.table == table)
            .map(|chain| chain.name)
            .collect();
        self.programs.netdev.chains.retain(|name, _| there.contains(name));
        Ok(())
    }
}

/// Where nothing could be tried before, a missing module is found out here.
fn named(error: Error, qdisc: &Qdisc) -> Error {
    match qdisc.kind {
        Kind::Netem(_) if is_unknown(&error) => Error::refused(
            "this kernel does not have the qdisc netem (module sch_netem), which could not be tried before without CAP_SYS_ADMIN: run with \
             it, or say `Carrier::Process`",
        )
        .with_source(error),
        _ => error,
    }
}

fn is(found: &Class, wanted: &Class) -> bool {
    found.handle == wanted.handle && (found.rate, found.ceil) == (wanted.rate, wanted.ceil)
}

/// Whether the kernel holds this qdisc, as far as it tells.
pub(super) fn matches(found: &Qdisc, wanted: &Qdisc) -> bool {
    let same = match (&found.kind, &wanted.kind) {
        (Kind::Netem(found), Kind::Netem(wanted)) => found.told() == wanted.told(),
        (Kind::Other(found), Kind::Tbf { .. }) => found == "tbf",
        (found, wanted) => found == wanted,
    };
    same && found.handle == wanted.handle && found.parent == wanted.parent
}
