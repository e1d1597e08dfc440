//! The model of chaos, an embeddable fault-injection SDK.
pub mod dice;
pub mod error;
pub mod fault;
#[cfg(all(feature = "ledger", unix))]
pub mod ledger;
pub mod target;
pub mod units;

pub use dice::Dice;
pub use error::{Error, Result};
pub use fault::{Fault, NoUndo, Observed, Owner, Plan, Undo};
#[cfg(all(feature = "ledger", unix))]
pub use ledger::{Ledger, Undos};
pub use target::{Approved, Target};
pub use units::{Percent, Probability};
