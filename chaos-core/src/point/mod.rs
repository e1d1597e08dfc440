//! Points and rules: named places where operations pass, and the faults armed there.
//!
//! Read [`operation`](Operation) (what passes), then [`Point`] (where), [`Rule`] (what happens to it), and [`Hit`] (what
//! was decided for one of them). Code of one's own takes [`step`]; wrappers of other crates hold an [`Attachment`].
//!
//! ```
//! use chaos_core::{Chaos, Delay, point::{Step, step}, units::ms};
//! struct Lookup { key: &'static str }
//! impl Step for Lookup { const NAME: &'static str = "cache look-up"; type Error = std::convert::Infallible; }
//!
//! let lookups = Chaos::seeded(7).point::<Lookup>("cache")?;
//! let slow = lookups.arm(
//!     step::latency(Delay::fixed(ms(1))).matching(|look: &Lookup| look.key.starts_with("cart/")).every(2)?,
//! )?;
//! for key in ["cart/1", "user/1", "cart/2", "cart/3"] {
//!     let Ok(()) = lookups.pass_blocking(&Lookup { key });
//! }
//! assert_eq!((slow.stats().matching, slow.hits()), (3, 1));
//! # Ok::<(), chaos_core::Error>(())
//! ```

#[allow(clippy::module_inception)]
mod point;

mod armed;
mod at;
mod attachment;
mod candidate;
mod caps;
mod gate;
mod hit;
mod live;
mod matcher;
mod operation;
mod part;
mod release;
mod rule;
mod stats;
pub mod step;
mod watch;

pub use armed::Armed;
pub use at::{At, Disarm};
pub use attachment::Attachment;
pub use candidate::Candidate;
pub use gate::Cap;
pub use hit::Hit;
pub use matcher::Matcher;
pub use operation::{Abilities, Operation};
pub use point::Point;
pub use rule::{Place, Rule};
pub use stats::RuleStats;
pub use step::{Step, StepEffect};
pub use watch::Watch;

pub(crate) use live::Live;
pub(crate) use rule::valid_name;

#[cfg(test)]
mod tests;
