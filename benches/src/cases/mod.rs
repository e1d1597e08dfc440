//! The cases, ours first.

mod io;
pub mod layer;
mod peers;
mod point;

use crate::Case;

/// All cases, in the order of the table.
pub fn cases() -> Vec<Case> {
    [layer::CASES, layer::HTTP, point::CASES, io::CASES, peers::CASES].concat()
}
