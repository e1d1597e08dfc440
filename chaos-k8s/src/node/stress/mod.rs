//! Stress: processor time, memory, disk and tables taken away, from a container, its pod or the host.
//!
//! ```no_run
//! use chaos_core::{BlastRadius, Chaos, Fault, Ledger, Mode, Percent, Targets};
//! use chaos_k8s::{Node, node::{self, stress::{self, Amount}}};
//!
//! # async fn example() -> chaos_core::Result<()> {
//! let _guardian = node::run_if_asked();               // the stressors are this program, started again
//! let chaos = Chaos::random();
//! let node = Node::new(&chaos);
//! let busy = stress::cpu(2)?.load(Percent::try_new(50.0)?).and(stress::memory(Amount::of(64 << 20)?));
//! let injection = chaos
//!     .inject(busy.on(Targets::one(node.cgroup_of(4711)?), Mode::ALL), BlastRadius::count(1)?)
//!     .ledger(Ledger::open("/var/lib/shop/chaos", node.undos()?)?)
//!     .begin()
//!     .await?;
//! for (name, seen) in injection.observe().await {
//!     println!("{name}: {}", seen?.detail());
//! }
//! injection.revert().await?;
//! # Ok(())
//! # }
//! ```
//!
//! # Flow
//! ```text
//! injector   mkdir cgroup -> start -------------> orders ----------------------> reads levels ... kill, rmdir
//!                              ^          ^                                        ^
//! stressor                   ready      joins the cgroup, takes what is asked   levels, twice a second
//! ```
//! All stressors of one injection at one target are in one cgroup of ours; where it lies, its [`Placement`], says whose
//! limits they eat. Each stressor is a process of its own, so that one that is killed takes no other along.
//!
//! As data, for a file or an agent: [`Stress::into_data`] and serde.
//!
//! # Guarantees
//! - They die with the program that started them, whatever killed it: by the parent-death signal, and by the end of their
//!   pipe. What is left is an empty cgroup, which the sweep of a ledger removes.
//! - They end by themselves when the fault [may last no longer](chaos_core::Approved::lasting), and after
//!   [`Stress::ends_after`], when a stopped injector can tell nobody anything.
//! - One that is dead, killed by the out-of-memory killer or by hand, is seen by `observe`, which then says that the fault
//!   is not in force, and what killed it.
//! - Files have no name (`O_TMPFILE`, open(2)): their blocks and inodes go with the process that holds them.
//!
//! # Caveats
//! - What was found is not put back in its order: pages that others had in memory were perhaps evicted, and caches are cold.
//! - In a v2 container whose `memory.oom.group` is 1 (a kubelet's are) memory beyond the limit kills the container, not the
//!   stressor alone. The plan says so.

mod amount;
mod crew;
mod data;
mod fault;
mod hand;
mod kind;
mod parts;
mod placement;
mod plan;
#[expect(clippy::module_inception, reason = "the type has the name of the concept")]
mod stress;
mod text;
mod undo;
mod wire;
mod worker;

pub use amount::Amount;
pub(crate) use crew::Crews;
pub use data::AnyKind;
pub use kind::{
    Cpu, CpuLoad, Descriptors, Disk, Inodes, Io, Memory, Tasks, cpu, descriptors, disk, inodes, io, memory,
    tasks,
};
pub use placement::Placement;
pub use stress::Stress;
pub use undo::StressUndo;
pub(crate) use worker::run_if_asked;
