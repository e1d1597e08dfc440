//! The model of chaos, an embeddable fault-injection SDK.
pub mod dice;
pub mod error;
pub mod fault;
#[cfg(feature = "measure")]
pub mod measure;
pub mod report;
pub mod target;
pub mod units;

pub use dice::Dice;
pub use error::{Error, Result};
pub use fault::{Fault, NoUndo, Observed, Owner, Plan, Undo};
pub use report::{Outcome, Report};
pub use target::{Approved, Target};
pub use units::{Percent, Probability};
