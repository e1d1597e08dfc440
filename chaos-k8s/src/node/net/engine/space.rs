//! [`Space`]: one namespace with faults.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;

use chaos_core::{Chaos, Error, Owner, Result};

use super::carrier::{Abilities, Choice};
use super::drain::Draining;
use super::place::Place;
use super::process::{self, Sidings};
use super::term::Term;
use crate::node::net::filters::Filters;
use crate::node::net::kernel::{Family, Kernel, Table};
use crate::node::net::marks::Marks;
use crate::node::net::plan::{
    Act, Active, Cell, Combinations, MAJOR, Meeting, Numbering, Ours, Programs, RuleId, Site, Tree, Way,
    programs, tree,
};
use crate::node::net::presence::Presence;
use crate::node::net::rule::{Asked, Devices};
use crate::node::{Namespace, netns};

/// What is in force in a namespace. Nobody else can change the tables, which are owned; devices of ours are compared with what
/// the kernel lists at each change.
#[derive(Debug)]
pub(super) struct Space {
    /// The first to be dropped: with its socket goes the table that sends packets to the devices below.
    pub(super) kernel: Kernel,
    pub(super) sidings: Sidings,
    pub(super) file: File,
    pub(super) chaos: Chaos,
    pub(super) presence: Presence,
    pub(super) marks: Marks,
    pub(super) netdev: Table,
    pub(super) inet: Table,
    pub(super) rules: Vec<Active>,
    /// As it was said, for what comes up later.
    pub(super) said: BTreeMap<RuleId, Asked>,
    /// How long each may go on without another word.
    pub(super) terms: BTreeMap<RuleId, Term>,
    /// As the kernel can.
    pub(super) abilities: Abilities,
    pub(super) numbering: Numbering,
    pub(super) programs: Programs,
    pub(super) tree: Tree,
    /// The devices of ours.
    pub(super) links: BTreeMap<u16, u32>,
    pub(super) draining: Vec<Draining>,
    /// Where filters pick packets.
    pub(super) filters: Option<Filters>,
    /// Where filters of ours stand.
    pub(super) hooked: BTreeSet<(u32, Way)>,
    /// The devices whose clsact is of ours.
    pub(super) clsacts: BTreeSet<u32>,
    /// Those with filters of others on the way out.
    pub(super) crowded: BTreeSet<u32>,
    closed: bool,
}

/// What a rule would do.
#[derive(Debug)]
pub(crate) struct Preview {
    /// In words.
    pub(crate) change: String,
    /// Who takes it back when this process dies.
    pub(crate) owner: Owner,
    /// The devices that would get a clsact.
    pub(crate) clsacts: BTreeSet<u32>,
}

/// Everything that some rules need.
#[derive(Debug)]
pub(super) struct Wanted {
    pub(super) combinations: Combinations,
    pub(super) tree: Tree,
}

impl Space {
    pub(super) fn open(namespace: &Namespace, marks: &Marks, abilities: Abilities) -> Result<Self> {
        let run = marks.run();
        let inside = || Ok((Kernel::here()?, Presence::here(run)?));
        let (kernel, presence) = netns::inside(namespace.file(), inside)?;
        Ok(Self {
            kernel,
            presence,
            sidings: Sidings::default(),
            file: namespace.file().try_clone()?,
            chaos: namespace.node().chaos().clone(),
            marks: marks.clone(),
            netdev: marks.table(Family::Netdev)?,
            inet: marks.table(Family::Inet)?,
            rules: Vec::new(),
            said: BTreeMap::new(),
            terms: BTreeMap::new(),
            abilities,
            numbering: Numbering::default(),
            programs: Programs::default(),
            tree: Tree::default(),
            links: BTreeMap::new(),
            draining: Vec::new(),
            filters: None,
            hooked: BTreeSet::new(),
            clsacts: BTreeSet::new(),
            crowded: BTreeSet::new(),
            closed: false,
        })
    }

    /// What the rule would do here. Touches nothing.
    pub(super) fn preview(&mut self, rule: &Asked, choice: &Choice) -> Result<Preview> {
        let place = self.place(rule)?;
        let active = active(RuleId(u64::MAX), rule, choice.act, &place);
        self.check(&active)?;
        let clsacts = self.new_clsacts(&active)?;
        let mut numbering = self.numbering.clone();
        let mut rules = self.rules.clone();
        rules.push(active);
        let wanted = wanted(&rules, self.abilities.nests, &mut numbering)?;
        let taps = self.sidings.taps();
        let ours = Ours { links: &self.links, taps: &taps };
        let site = Site { picked: self.abilities.picked, ours, crowded: &self.crowded };
        programs(&rules, &wanted.combinations, &wanted.tree, site, &mut numbering)?;
        let gets = match self.names_of(&clsacts)?.as_str() {
            "" => String::new(),
            // Each time the kernel stops the device's queue (net/sched/sch_api.c, `qdisc_graft`).
            names => format!(
                "; {names} gets a clsact, and loses what it sends for a moment when that comes and goes"
            ),
        };
        Ok(Preview {
            change: format!("{rule} at {}, {}{gets}", place.names(), choice.words),
            owner: choice.owner,
            clsacts,
        })
    }

    fn names_of(&mut self, links: &BTreeSet<u32>) -> Result<String> {
        if links.is_empty() {
            return Ok(String::new());
        }
        let all = self.kernel.links()?.into_iter().filter(|link| links.contains(&link.index));
        Ok(all.map(|link| link.name).collect::<Vec<_>>().join(", "))
    }

    pub(super) fn add(&mut self, id: RuleId, rule: &Asked, choice: &Choice, term: Term) -> Result<()> {
        let place = self.place(rule)?;
        let active = active(id, rule, choice.act, &place);
        self.check(&active)?;
        let mut rules = self.rules.clone();
        rules.push(active);
        self.said.insert(id, rule.clone());
        self.terms.insert(id, term);
        self.change(rules)
    }

    fn check(&mut self, active: &Active) -> Result<()> {
        process::check(active, &self.kernel.links()?, &self.chaos)?;
        self.check_hooks(active)?;
        self.check_others(active)
    }

    /// Two sidings do not compose: a packet that comes back from the first goes past the second (`nf_skip_egress`), and one
    /// that comes back from the process of another run has that run's mark.
    fn check_others(&mut self, active: &Active) -> Result<()> {
        if !matches!(active.act, Act::Ifb | Act::Process) {
            return Ok(());
        }
        // A priority of ours would mean something to it.
        let same = self.kernel.links_with(MAJOR)?;
        if let Some(cell) = active.cells.iter().find(|cell| same.contains(&cell.link)) {
            return Err(Error::refused(format!(
                "device {} has a qdisc {MAJOR:x}:, the number that is used for packets led aside: give it another handle",
                cell.device.to_string_lossy()
            )));
        }
        let own = self.netdev.name().into_owned();
        let refused = |run: &str, cell: &Cell| {
            Err(Error::refused(format!(
                "another run, {run}, already leads packets of device {} aside: end it, or let it make this fault too",
                cell.device.to_string_lossy()
            )))
        };
        for table in self.kernel.tables(Family::Netdev)? {
            if table.name == own || !table.name.starts_with(crate::node::net::marks::TABLE) {
                continue;
            }
            let sets = self.kernel.sets(&Table::new(Family::Netdev, &table.name)?)?;
            let taken = active.cells.iter().find(|cell| {
                ["ways", "ranks"].iter().any(|kind| {
                    sets.iter().any(|set| *set == format!("{kind}-{}-{}", cell.way.name(), cell.link))
                })
            });
            if let Some(cell) = taken {
                return refused(&table.name, cell);
            }
        }
        for cell in &active.cells {
            if let Some(run) = self.other_hook(cell)? {
                return refused(&run, cell);
            }
        }
        Ok(())
    }

    pub(super) fn place(&mut self, rule: &Asked) -> Result<Place> {
        Place::find(&self.kernel.links()?, &rule.devices)
    }

    /// Rules for all devices get those that came up since, and all lose those that are gone. Whether anything changed.
    pub(super) fn follow_devices(&mut self) -> Result<bool> {
        let links = self.kernel.links()?;
        let there: BTreeSet<u32> = links.iter().map(|link| link.index).collect();
        let mut rules = self.rules.clone();
        for rule in &mut rules {
            rule.cells.retain(|cell| there.contains(&cell.link));
            let Some(said) = self.said.get(&rule.id) else { continue };
            if said.devices == Devices::AllUp {
                if let Ok(place) = Place::find(&links, &said.devices) {
                    rule.cells.extend(place.cells(said.direction));
                }
            }
        }
        if rules == self.rules {
            return Ok(false);
        }
        self.change(rules)?;
        Ok(true)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.closed
    }

    pub(super) fn close(&mut self) {
        self.closed = true;
    }

    pub(super) fn is_idle(&self) -> bool {
        self.rules.is_empty()
            && self.draining.is_empty()
            && self.links.is_empty()
            && self.sidings.is_empty()
            && self.hooked.is_empty()
    }
}

/// The rule with numbers for names.
fn active(id: RuleId, rule: &Asked, act: Act, place: &Place) -> Active {
    let meetings = rule.traffic.flows().iter().map(Meeting::new).collect();
    Active { id, effect: rule.effect.clone(), act, meetings, cells: place.cells(rule.direction) }
}

pub(super) fn wanted(rules: &[Active], nests: bool, numbering: &mut Numbering) -> Result<Wanted> {
    let siding: Vec<&Active> = rules.iter().filter(|rule| rule.act == Act::Ifb).collect();
    let combinations = Combinations::of(&siding)?;
    let by_id = siding.iter().map(|rule| (rule.id, *rule)).collect();
    let tree = tree(&by_id, &combinations, nests, numbering)?;
    Ok(Wanted { combinations, tree })
}
