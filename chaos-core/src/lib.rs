//! The model of chaos, an embeddable fault-injection SDK.
pub mod clock;
pub mod delay;
pub mod dice;
pub mod error;
pub mod fault;
pub mod target;
pub mod units;

pub use clock::{Clock, Sleep};
pub use delay::Delay;
pub use dice::Dice;
pub use error::{Error, Result};
pub use fault::{Fault, NoUndo, Observed, Owner, Plan, Undo};
pub use target::{Approved, Target};
pub use units::{Percent, Probability};
