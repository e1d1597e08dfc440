//! Faults on processes: signals, pauses, and programs with another clock.
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
//! Experiment::new(&chaos, "the shop survives a database that hangs")
//!     .fault(process::pause().or_stop().on(node.processes_named("postgres")?, Mode::percent(50)?))
//!     .fault(process::terminate().on(Targets::one(node.process(4711)?), Mode::ALL))
//!     .blast_radius(BlastRadius::count(3)?)
//!     .lasting(secs(30))
//!     .ledger(Ledger::open("/var/lib/shop/chaos", node.undos()?)?)
//!     .guardian(guardian)
//!     .run()
//!     .await?;
//! # Ok(())
//! # }
//! ```
//!
//! | fault | what | taken back, when we die, by |
//! |---|---|---|
//! | [`pause()`] | every thread stands still | the kernel |
//! | [`stop`] | the same, by SIGSTOP | a guardian |
//! | [`kill`], [`terminate`], [`signal`] | a signal, once | nobody: what it did is done |
//! | [`Signals::every`] | a signal at an interval | its end is ours |
//! | [`freeze`] | every process of a cgroup stands still | a guardian |
//! | [`kill_all`] | every process of a cgroup ends | nobody: what it did is done |
//!
//! [`clock_offset`] is none of them: it starts a program with other clocks, and ends with it.

pub mod clock;
mod container;
pub mod group;
mod identity;
mod in_force;
mod list;
mod once;
pub mod pause;
mod repeat;
mod signal;
mod target;
mod wait;

use chaos_core::{Result, Undos};

pub use clock::{ClockOffset, Shift, clock_offset};
#[cfg(feature = "agent")]
pub(crate) use container::ContainerId;
pub use group::{Freeze, KillAll, Thaw, freeze, kill_all};
pub(crate) use in_force::InForce;
pub use once::{Signals, kill, signal, terminate};
pub use pause::{Pause, Resume, pause, stop};
pub use repeat::{Repeated, Silence};
pub use signal::Signal;
pub use target::Process;

use super::Node;

/// Never returns in a process that was started to hold another.
pub(super) fn run_if_asked() {
    pause::run_if_asked();
}

/// What the faults on processes leave in a ledger.
pub(super) fn undos(node: &Node, undos: Undos) -> Result<Undos> {
    undos.with::<Resume>(node.clone())?.with::<Silence>(node.clone())?.with::<Thaw>(node.clone())
}
