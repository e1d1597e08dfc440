//! What a plan takes from the API server: computed, printed as a manifest, and asked for before anything is touched.

mod manifest;
mod needs;
mod preflight;
mod right;
mod set;

pub use manifest::Subject;
pub use needs::{Needs, Place};
pub(crate) use preflight::Answers;
pub use right::Right;
pub use set::Rights;
