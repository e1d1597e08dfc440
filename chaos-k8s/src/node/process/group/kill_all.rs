//! [`KillAll`]: the end of every process of a cgroup. It cannot be taken back, and the plan says so.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use chaos_core::fault::NoUndo;
use chaos_core::{Approved, Error, Fault, Observed, Plan, Result, Target};

use super::must_be_of_others;
use crate::node::Cgroup;
use crate::node::cgroup::not_ours;
use crate::node::process::wait::{BOUND, until};

/// Ends every process of a cgroup at once, by `cgroup.kill` (cgroup v2, since Linux 5.14): a container is over with that, and no
/// process of it has to be seen for it.
///
/// On cgroup v1 and older kernels they are killed one by one, which takes the host's pids and the right to signal them.
pub fn kill_all() -> KillAll {
    KillAll { done: Arc::default() }
}

/// All processes of a cgroup end: made by [`kill_all`].
#[derive(Debug, Clone)]
pub struct KillAll {
    // Who is killed leaves no trace in the world, and may have a successor there.
    done: Arc<Mutex<BTreeSet<String>>>,
}

impl Fault for KillAll {
    type Target = Cgroup;
    type Undo = NoUndo;

    fn describe(&self) -> String {
        "kill of all processes".to_owned()
    }

    fn via<'a>(&'a self, _: &'a Cgroup) -> &'a () {
        &()
    }

    async fn prepare(&self, cgroup: &Cgroup) -> Result<Plan<NoUndo>> {
        cgroup.node().chaos().clock().require_real("a kill of a cgroup")?;
        must_be_of_others(cgroup, "kill")?;
        let how = match cgroup.dirs().kill_switch() {
            Some(switch) => format!("by {}", switch.display()),
            None if cgroup.dirs().pids_below().iter().all(|pid| *pid == 0) => {
                return Err(
                    not_ours().context("this kernel has no cgroup.kill (cgroup v2, since Linux 5.14)")
                );
            }
            None => "one by one".to_owned(),
        };
        Ok(Plan::irreversible(format!("kills all of its processes, {how}")))
    }

    async fn inject(&self, cgroup: &Approved<Cgroup>, _: &NoUndo) -> Result<()> {
        if !cgroup.is_there() {
            return Err(Error::refused(format!("{} is gone", cgroup.name())));
        }
        let clock = cgroup.node().chaos().clock();
        let ended = until(clock, BOUND, || {
            cgroup.dirs().kill_all().or_else(|error| if cgroup.is_there() { Err(error) } else { Ok(()) })?;
            Ok(!cgroup.is_there() || !cgroup.is_used())
        });
        if !ended.await? {
            return Err(Error::timeout(format!(
                "processes of {} are still there: they wait in the kernel, or others start them anew",
                cgroup.name()
            )));
        }
        self.done.lock().unwrap_or_else(PoisonError::into_inner).insert(cgroup.id());
        Ok(())
    }

    async fn observe(&self, cgroup: &Cgroup, _: &NoUndo) -> Result<Observed> {
        let is_done = self.done.lock().unwrap_or_else(PoisonError::into_inner).contains(&cgroup.id());
        Ok(match is_done {
            true => Observed::in_force("all that were in it have ended"),
            false => Observed::absent("not killed"),
        })
    }
}
