//! [`Freeze`]: every process of a cgroup stands still, by the kernel's freezer.

use std::io;

use chaos_core::{Approved, Error, Fault, Observed, Owner, Plan, Result, Target};
use rustix::fs::{Access, access};
use serde::{Deserialize, Serialize};

use super::must_be_of_others;
use super::thaw::Thaw;
use crate::node::process::wait::{BOUND, until};
use crate::node::{Cgroup, Node};

/// Every process of a cgroup stands still, those that it forks meanwhile included: what `docker pause` does.
///
/// The kernel does not take it back when its injector dies: it needs a guardian and a ledger. Nothing tells later that it was ours,
/// so that a sweep by marks alone does not find it.
///
/// A cgroup that stands still already, without a process, or that this program is in is refused.
///
/// # Caveats
/// - On cgroup v1 a signal reaches a process when it thaws, SIGKILL included: a kubelet or runtime that wants to end the container
///   waits for that. On v2 SIGKILL ends it all the same.
/// - Whoever enters the cgroup is frozen as well: a shell by `exec`, and probes that run a command in the container.
/// - Time goes on: timers fire when it thaws, and its peers see a host that does not answer.
pub fn freeze() -> Freeze {
    Freeze {}
}

/// All processes of a cgroup stand still: made by [`freeze`]; as data `{}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Freeze {}

impl Fault for Freeze {
    type Target = Cgroup;
    type Undo = Thaw;

    fn describe(&self) -> String {
        "freeze".to_owned()
    }

    fn via<'a>(&'a self, cgroup: &'a Cgroup) -> &'a Node {
        cgroup.node()
    }

    async fn prepare(&self, cgroup: &Cgroup) -> Result<Plan<Thaw>> {
        cgroup.node().chaos().clock().require_real("a freeze of a cgroup")?;
        must_be_of_others(cgroup, "freeze")?;
        let thaw = Thaw::of(cgroup)?;
        let switch = thaw.freezer.switch();
        access(&switch, Access::WRITE_OK).map_err(|errno| {
            Error::refused(format!(
                "{} cannot be written: run as root, or as the user that the tree is delegated to",
                switch.display()
            ))
            .with_source(io::Error::from(errno))
        })?;
        if thaw.freezer.is_asked()? || thaw.freezer.is_frozen()? {
            return Err(Error::refused(format!("{} stands still already", cgroup.name())));
        }
        let change = format!("freezes all of its processes, by {}", switch.display());
        Ok(Plan::reversible(change, thaw).owned_by(Owner::Guardian))
    }

    async fn inject(&self, cgroup: &Approved<Cgroup>, thaw: &Thaw) -> Result<()> {
        if !thaw.is_there() {
            return Err(Error::refused(format!("{} is gone", cgroup.name())));
        }
        thaw.freezer.freeze()?;
        let clock = cgroup.node().chaos().clock();
        if until(clock, BOUND, || Ok(thaw.freezer.is_frozen()?)).await? {
            return Ok(());
        }
        Err(Error::timeout(format!(
            "{} does not stand still: a process of it waits in the kernel",
            cgroup.name()
        )))
    }

    async fn observe(&self, cgroup: &Cgroup, thaw: &Thaw) -> Result<Observed> {
        if !thaw.is_there() || !cgroup.dirs().is_populated() {
            return Ok(Observed::absent("no process is in it any more"));
        }
        Ok(match (thaw.freezer.is_asked()?, thaw.freezer.is_frozen()?) {
            (true, true) => Observed::in_force("all of its processes stand still"),
            (true, false) => Observed::absent("not all of its processes stand still yet"),
            (false, _) => Observed::absent("somebody has thawed it"),
        })
    }
}
