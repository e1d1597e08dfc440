//! The model of chaos, an embeddable fault-injection SDK.
pub mod chaos;
pub mod clock;
pub mod delay;
pub mod dice;
pub mod error;
pub mod event;
pub mod fault;
pub mod occurrence;
pub mod point;
#[cfg(feature = "rules")]
pub mod rules;
mod sync;
pub mod target;
#[cfg(feature = "testing")]
pub mod testing;
pub mod units;

pub use chaos::Chaos;
pub use clock::Clock;
pub use delay::Delay;
pub use dice::Dice;
pub use error::{Error, Result};
pub use fault::{Fault, NoUndo, Observed, Owner, Plan, Undo};
pub use point::{Armed, At, Matcher, Operation, Point, Rule, RuleStats};
pub use target::{Approved, Target};
pub use units::{Percent, Probability};
