//! Faults on all processes of a cgroup at once: a container, without a look at its processes.
//!
//! Both are writes to a file of the cgroup: no process has to be seen, traced or signalled for them, so that an agent in a pod
//! of its own needs the host's `/sys/fs/cgroup` and no capability.
//!
//! ```no_run
//! use chaos_core::{BlastRadius, Chaos, Experiment, Fault, Ledger, Mode, Targets, units::secs};
//! use chaos_k8s::Node;
//! use chaos_k8s::node::{self, process};
//!
//! # async fn example() -> chaos_core::Result<()> {
//! let guardian = node::run_if_asked();
//! let chaos = Chaos::random();
//! let node = Node::new(&chaos);
//! let container = node.cgroup_of(4711)?;              // by the runtime's pid of its first process
//! Experiment::new(&chaos, "the shop survives a cache that hangs")
//!     .fault(process::freeze().on(Targets::one(container), Mode::ALL))
//!     .blast_radius(BlastRadius::count(1)?)
//!     .lasting(secs(30))
//!     .ledger(Ledger::open("/var/lib/shop/chaos", node.undos()?)?)
//!     .guardian(guardian)
//!     .run()
//!     .await?;
//! # Ok(())
//! # }
//! ```

mod freeze;
mod kill_all;
mod thaw;

use chaos_core::{Error, Result, Target};

pub use freeze::{Freeze, freeze};
pub use kill_all::{KillAll, kill_all};
pub use thaw::Thaw;

use crate::node::Cgroup;

/// # Errors
/// Refused for a cgroup that this program is in, and for one without a process.
fn must_be_of_others(cgroup: &Cgroup, what: &str) -> Result<()> {
    if cgroup.holds_us() {
        return Err(Error::refused(format!(
            "this program is in {} as well, and would {what} itself: give a cgroup of others",
            cgroup.name()
        )));
    }
    if !cgroup.is_there() {
        return Err(Error::refused(format!("{} is gone", cgroup.name())));
    }
    if !cgroup.dirs().is_populated() {
        return Err(Error::refused(format!("no process is in {}", cgroup.name())));
    }
    Ok(())
}
