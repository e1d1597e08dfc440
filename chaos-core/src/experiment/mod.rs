//! [`Experiment`]: a hypothesis, faults that try it, and an honest report.
//!
//! ```
//! use chaos_core::{BlastRadius, Chaos, Delay, Experiment, point::{Step, step}, probe, units::{ms, secs}};
//!
//! struct Commit;
//! impl Step for Commit { const NAME: &'static str = "commit"; type Error = std::io::Error; }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let chaos = Chaos::seeded(7);
//! let commits = chaos.point::<Commit>("commit")?;
//! # let driver = tokio::spawn({ let commits = commits.clone(); let clock = chaos.clock().clone(); async move {
//! #     loop { let _ = commits.pass(&Commit).await; clock.sleep(ms(1)).await; }
//! # } });
//! let report = Experiment::new(&chaos, "orders survive slow commits")
//!     .steady_state(probe::check("orders are taken", || async { Ok(true) }).every(ms(20)))
//!     .fault(step::latency(Delay::fixed(ms(2))).probability(0.3)?.at(commits))
//!     .blast_radius(BlastRadius::percent(20)?)
//!     .lasting(ms(200))
//!     .run()
//!     .await?;
//! assert!(report.held(), "{report}");
//! # driver.abort();
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Flow
//! 1. Wrong arguments are an error of [`run`](Experiment::run); nothing has been looked at.
//! 2. The plan: every fault looks at its targets. What the world forbids ends in the outcome *refused*.
//! 3. The steady state must hold before anything is broken, else *refused*.
//! 4. Stage by stage, the faults are approved, recorded, injected and observed; the probes are taken on their
//!    intervals. A probe that breaks reverts everything at once and the outcome is *broken*.
//! 5. Everything is reverted and looked at again. What is left behind is *cleanup failed*.
//! 6. The steady state must come back, else *broken*. When it came back is a mark in the report, also after it broke.
//!
//! # Guarantees
//! - A fault that hit nothing, or a probe that gave no verdict, makes the outcome *inconclusive*, never held.
//! - Dropping the future of [`run`](Experiment::run), a panic in a probe, a fault or a watcher, and
//!   [`Abort::abort`] all revert. Only the death of the process does not; then the ledger's sweep does.
//!
//! # Caveats
//! Without a probe there is no hypothesis, and the best outcome is *inconclusive*.

mod builder;
mod follow;
mod hypothesis;
mod plan;
mod progress;
mod record;
mod run;
#[cfg(all(feature = "signals", unix))]
mod signals;
mod step;
mod stop;
mod typestate;

pub use builder::Experiment;
pub use plan::ExperimentPlan;
pub use progress::{LiveLine, Progress};
pub use step::Step;
pub use stop::Abort;
pub(crate) use stop::Stop;
pub use typestate::{Given, HasBlastRadius, HasDuration, HasFault, Missing};
