//! The ways through this process of one namespace: a siding for each rule at each of its devices and directions.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chaos_core::{Chaos, Error, Result};
use rustix::thread::{MembarrierCommand, membarrier};

use super::space::Space;
use crate::node::net::kernel::{Kernel, Link};
use crate::node::net::own::{self, Leaving, Runner, Siding, Site};
use crate::node::net::plan::{Act, Active, Cell, RuleId, Taps, Way};
use crate::node::net::rule::{Direction, IfName};

/// What a siding still holds then is sent at once: nobody waits an hour for a revert.
const LONGEST: Duration = Duration::from_secs(5);
/// How long a packet that a processor was looking at may come later, where the kernel does not wait for it.
const GRACE: Duration = Duration::from_millis(20);

/// The sidings of a namespace, and the thread that runs them.
#[derive(Debug, Default)]
pub(super) struct Sidings {
    open: BTreeMap<(RuleId, Cell), Siding>,
    leaving: Vec<Left>,
    runner: Option<Runner>,
}

/// A siding that no packet is sent to any more.
#[derive(Debug)]
struct Left {
    rule: RuleId,
    cell: Cell,
    /// Its device is there, and what it holds comes back.
    comes_back: bool,
    siding: Leaving,
}

impl Sidings {
    /// As the programs need them.
    pub(super) fn taps(&self) -> Taps {
        let links = self.open.iter().map(|(key, siding)| (key.clone(), siding.tap()));
        let leaving = self.leaving.iter().filter(|left| left.comes_back);
        Taps { links: links.collect(), leaving: leaving.map(|left| (left.rule, left.cell.clone())).collect() }
    }

    pub(super) fn of(&self, rule: RuleId) -> impl Iterator<Item = (&Cell, &Siding)> {
        self.open.iter().filter(move |((id, _), _)| *id == rule).map(|((_, cell), siding)| (cell, siding))
    }

    pub(super) fn is_leaving(&self, rule: RuleId) -> bool {
        self.leaving.iter().any(|left| left.rule == rule)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty() && self.leaving.is_empty()
    }

    /// How long what waits in those that end may wait at most.
    pub(super) fn longest(&self) -> Duration {
        if self.leaving.is_empty() { Duration::ZERO } else { LONGEST + Duration::from_secs(1) }
    }

    /// The keys of all.
    pub(super) fn keys(&self) -> BTreeSet<(RuleId, Cell)> {
        let leaving = self.leaving.iter().map(|left| (left.rule, left.cell.clone()));
        self.open.keys().cloned().chain(leaving).collect()
    }

    /// Notes which devices are there.
    pub(super) fn note(&mut self, there: &BTreeSet<u32>) {
        for left in &mut self.leaving {
            left.comes_back = there.contains(&left.cell.link);
        }
    }

    /// One look: takes away what has ended. Whether any has.
    pub(super) fn drain(&mut self, kernel: &mut Kernel) -> Result<bool> {
        let before = self.leaving.len();
        let mut stay = Vec::new();
        for mut left in std::mem::take(&mut self.leaving) {
            if left.siding.has_ended() {
                // A TAP goes with the last who has it open, and a program that is being started here may have it for a while.
                kernel.delete_link(left.siding.tap())?;
            } else {
                stay.push(left);
            }
        }
        self.leaving = stay;
        Ok(self.leaving.len() < before)
    }

    pub(super) fn are_drained(&self) -> bool {
        self.leaving.is_empty()
    }

    fn leave(&mut self, key: (RuleId, Cell)) {
        let Some(siding) = self.open.remove(&key) else { return };
        let (rule, cell) = key;
        self.leaving.push(Left { rule, cell, comes_back: true, siding: siding.leave(LONGEST) });
    }
}

/// Refuses what cannot go through this process, before anything is touched.
pub(super) fn check(active: &Active, links: &[Link], chaos: &Chaos) -> Result<()> {
    if active.act != Act::Process {
        return Ok(());
    }
    chaos.clock().require_real("packets through this process")?;
    let inward = active.cells.iter().filter(|cell| cell.way == Way::In);
    for cell in inward {
        let link = links.iter().find(|link| link.index == cell.link);
        if link.is_some_and(|link| !own::is_ethernet(link.hardware)) {
            return Err(Error::refused(format!(
                "device {} is no Ethernet: packets on their way in pass this process on Ethernet alone; name other devices, or say \
                 `to`",
                cell.device.to_string_lossy()
            )));
        }
    }
    Ok(())
}

impl Space {
    /// Opens the sidings of these rules that are not open yet. Nothing is sent there before the programs say so.
    pub(super) fn open_sidings(&mut self, rules: &[Active], links: &[Link]) -> Result<()> {
        for rule in rules.iter().filter(|rule| rule.act == Act::Process) {
            for cell in &rule.cells {
                let key = (rule.id, cell.clone());
                let tap = self.sidings.open.get(&key).map(Siding::tap);
                if tap.is_some_and(|tap| links.iter().any(|link| link.index == tap)) {
                    continue;
                }
                // Somebody took the TAP away: another is made.
                self.sidings.leave(key.clone());
                let siding = self.open_siding(rule, cell)?;
                // Else packets would still be sent there when the TAP is gone, each of which takes the kernel tens of milliseconds.
                self.kernel.die_before(siding.highest())?;
                self.sidings.open.insert(key, siding);
            }
        }
        Ok(())
    }

    fn open_siding(&mut self, rule: &Active, cell: &Cell) -> Result<Siding> {
        let custom = rule.effect.custom().ok_or_else(|| {
            Error::failed(format!(
                "{} was meant to go through this process, which does not know it",
                rule.effect
            ))
        })?;
        let runner = match &self.sidings.runner {
            Some(runner) => runner.clone(),
            None => self.sidings.runner.insert(Runner::start(&self.chaos)?).clone(),
        };
        let tap = self.marks.tap(self.numbering.tap(rule.id, cell)?);
        let mark = self.numbering.mark(rule.id)?;
        let device = cell.device.to_string_lossy();
        let purpose = format!("rule {} {} {device}", rule.id, cell.way.name());
        let site = Site {
            namespace: &self.file,
            device: &IfName::try_new(device)?,
            direction: if cell.way == Way::Out { Direction::Egress } else { Direction::Ingress },
            tap: &IfName::try_new(tap)?,
            mark,
            purpose: &purpose,
        };
        runner.open_at(&site, custom.make())
    }

    /// Lets the sidings end that none of these rules needs: the programs send nothing there any more.
    pub(super) fn leave_sidings(&mut self, rules: &[Active]) {
        let stays = |(id, cell): &(RuleId, Cell)| {
            rules.iter().any(|rule| rule.id == *id && rule.cells.contains(cell))
        };
        let gone: Vec<_> = self.sidings.open.keys().filter(|key| !stays(key)).cloned().collect();
        if gone.is_empty() {
            return;
        }
        settle();
        for key in gone {
            self.sidings.leave(key);
        }
    }
}

/// Waits until every processor is done with packets that it looked at by programs of before (`MEMBARRIER_CMD_GLOBAL` is
/// `synchronize_rcu`, and programs are run under RCU).
fn settle() {
    if membarrier(MembarrierCommand::Global).is_err() {
        std::thread::sleep(GRACE);
    }
}
