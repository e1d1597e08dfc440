//! For tests: the conformance suite for faults of one's own, and the many-seeds runner. Feature `testing`.
//!
//! [`conformance`] drives a fault through its contract and says which promises it keeps. [`Seeds`] gives a test body
//! many seeds and names the one line that replays the first that fails.
//!
//! ```
//! use chaos_core::{Chaos, point::{Step, step}, testing::{Seeds, conformance}};
//! struct Commit;
//! impl Step for Commit { const NAME: &'static str = "commit"; type Error = std::io::Error; }
//!
//! // What `#[test] fn the_rule_keeps_its_contract()` would hold:
//! Seeds::first(3).run(|chaos: Chaos| async move {
//!     let rule = step::hang::<Commit>().probability(0.5)?;
//!     let world = async |point: &chaos_core::Point<Commit>| point.stats().len();
//!     let report = conformance(rule, async || chaos.point("orders"), world).await;
//!     report.assert_passed();
//!     Ok::<(), chaos_core::Error>(())
//! });
//! ```

mod conformance;
mod seeds;

pub use conformance::{Conformance, Finding, conformance};
pub use seeds::{Outcome, Seeds};
