//! [`Guardian`]: a sibling process that takes faults back when the one that injected them is killed or stopped.
//!
//! It is a rung of the ladder of [`Owner`](crate::Owner)s, above the sweep: armed *before* the first effect, it holds
//! the undos as data, over the same [`Undos`](crate::Undos) as ledger and sweep, and reverts when its pipe ends (the injector died, whatever
//! killed it) or at a deadline of its own monotonic clock (the injector is stopped or hangs). The program re-executes
//! itself for this, so `main` begins with one line:
//!
//! ```no_run
//! use chaos_core::{BlastRadius, Chaos, Experiment, Fault, Ledger, Mode, Targets, Undos, guardian};
//! # use chaos_core::{Approved, Observed, Owner, Plan, Result, Target, Undo, units::secs};
//! # #[derive(Debug, serde::Serialize, serde::Deserialize)]
//! # struct QdiscFound { found: String }
//! # impl Undo for QdiscFound {
//! #     const KIND: &'static str = "example.org/qdisc/1";
//! #     type Via = ();
//! #     async fn revert(&self, (): &()) -> Result<()> { Ok(()) }
//! #     async fn is_gone(&self, (): &()) -> Result<bool> { Ok(true) }
//! # }
//! # #[derive(Debug, Clone)]
//! # struct Device;
//! # impl Target for Device {
//! #     const UNIT: &'static str = "device";
//! #     fn id(&self) -> String { "eth0".into() }
//! #     fn name(&self) -> String { "eth0".into() }
//! # }
//! # #[derive(Debug)]
//! # struct SlowDevice;
//! # impl Fault for SlowDevice {
//! #     type Target = Device;
//! #     type Undo = QdiscFound;
//! #     fn via<'a>(&'a self, _: &'a Device) -> &'a () { &() }
//! #     async fn prepare(&self, _: &Device) -> Result<Plan<QdiscFound>> {
//! #         Ok(Plan::reversible("adds netem", QdiscFound { found: "fq".into() }).owned_by(Owner::Guardian))
//! #     }
//! #     async fn inject(&self, _: &Approved<Device>, _: &QdiscFound) -> Result<()> { Ok(()) }
//! #     async fn observe(&self, _: &Device, _: &QdiscFound) -> Result<Observed> { Ok(Observed::in_force("")) }
//! # }
//!
//! fn undos() -> chaos_core::Result<Undos> {
//!     Undos::none().with::<QdiscFound>(())
//! }
//!
//! #[tokio::main(flavor = "current_thread")]
//! async fn main() -> chaos_core::Result<()> {
//!     let guardian = guardian::run_if_asked(undos);        // first of all; returns at once in the ordinary process
//!     let report = Experiment::new(&Chaos::random(), "the shop survives a slow network")
//!         .fault(SlowDevice.on(Targets::one(Device), Mode::ALL))
//!         .blast_radius(BlastRadius::count(1)?)
//!         .lasting(secs(30))
//!         .ledger(Ledger::open("/var/lib/shop/chaos", undos()?)?)
//!         .guardian(guardian)
//!         .run()
//!         .await?;
//!     println!("{report}");
//!     Ok(())
//! }
//! ```
//!
//! # Flow
//! ```text
//! injector   spawn ---------------> entries -----------> (effect) ... (revert, observe) -> strike -> disarm
//!                      ^                       ^                                                       |
//! guardian   setsid -> ready                -> armed     waits for: end of pipe, deadline, SIGTERM     exit 0
//! ```
//! One guardian per injection, gone when all of it is put back.
//!
//! # In a container
//! A container ends with its first process, and its siblings with it. So there the guardian is the first process and the
//! program its child: [`run_if_asked`] does that in a process that has the number 1, [`run_as_init`] in any. It is one
//! guardian for all injections, which nothing inside the container can kill (the kernel keeps SIGKILL from the first
//! process of a pid namespace), and it ends as the program did, after it has put back what that left in force
//! ([`run_as_init_ending`] gives that another exit code).
//! ```text
//! first process   guardian: holds undos, passes signals on, takes the ends of orphans ---- reverts -> exit as the child
//!   child         this program: inject ... (revert) ... killed, OOM, exit ----------------^
//! ```
//! What even that does not cover: the container killed whole (`docker kill`, a pod deleted without grace or past it, the
//! node's power; out of memory under `memory.oom.group`, as Kubernetes has it, where the guardian lacks CAP_SYS_RESOURCE).
//! What the kernel does not own is then in force until a sweep of the ledger, which must lie outside of the container, and
//! the plan says so.
//!
//! # Guarantees
//! - No effect begins before the guardian has said that it holds every undo, knows its kind and can read its data.
//! - End of the pipe: what is open is reverted, looked at, and struck off the dead run's ledger, over the path that a
//!   sweep takes; so an undo is never reverted out of order with a run that lives.
//! - Deadline or SIGTERM: reverted at once, though the injector lives. After a deadline it goes on watching: an injector
//!   that wakes up and goes on is taken back when it dies.
//! - A first process that [ends its injector](Guardian::ends_its_injector) kills it at the deadline, and reverts after its death.
//! - Reverts are tried again, a bounded number of times; what is left is left in the ledger for a sweep.
//! - Ctrl-C, a hang-up of the terminal and a signal to the injector's process group do not reach it: it has a session of
//!   its own.
//! - It is in the cgroup of its injector. With CAP_SYS_RESOURCE the out-of-memory killer never takes it (an oom_score_adj of
//!   -1000), `memory.oom.group` included; without, the killer takes the larger of the two first, as a rule the injector.
//! - The pipe's ends are closed in every other child of the injector (`O_CLOEXEC`), so that none keeps the guardian
//!   waiting.
//!
//! # Assumptions
//! - The line is the first of `main`: what stands before it is done in the guardian as well.
//! - A child that is forked without exec shares the pipe, and keeps the guardian waiting until the deadline.
//!
//! # Caveats
//! - Under an init of somebody else (`docker run --init`, a pod that shares its pid namespace) the program has not the
//!   number 1, and its guardian is a sibling that dies with the container: use [`run_as_init`] there.
//! - In a first process what the undos print goes where the program prints, and a program that an undo starts is taken at
//!   its end as an orphan is: the undo cannot learn its status.
//! - What kills both (a cgroup that is killed whole, a power loss) leaves the fault to the sweep of a ledger.
//! - The deadline does not run while the machine is suspended.
//! - Arming blocks the calling thread for the start of a process, some 10 ms; bounded by [`Guardian::START`].
//!
//! # Errors
//! [`refused`](crate::Error::is_refused) when the program lacks the line, is pid 1 without it, or cannot revert what it asks for;
//! [`failed`](crate::Error::is_failed) when no process could be started or the armed one is gone.

mod arm;
mod asked;
#[doc(hidden)]
pub mod child;
#[cfg(target_os = "linux")]
mod first;
mod guarded;
mod log;
mod program;
mod revert;
mod session;
mod watch;
mod wire;
#[cfg(target_os = "linux")]
mod within;

pub use asked::{ChildEnd, run_as_init, run_as_init_ending, run_if_asked, run_if_asked_async};
pub use guarded::Guarded;
pub use program::Guardian;
