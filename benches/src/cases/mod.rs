//! The cases, ours first.

mod decision;
mod io;
mod io_peers;
pub mod layer;
mod peers;
mod point;

use std::sync::Arc;

use chaos_core::point::Operation;
use chaos_core::{Point, Result, Rule};

use crate::Case;

/// All cases but those of [`copies`], in the order of the tables.
pub fn cases() -> Vec<Case> {
    [calls(), transfers()].concat()
}

/// Those that call a service or a function.
pub fn calls() -> Vec<Case> {
    [layer::CASES, layer::HTTP, point::CASES, decision::CASES, peers::CASES].concat()
}

/// Those that read and write little at a time, so that what stands around the object counts.
pub fn transfers() -> Vec<Case> {
    [io::CASES, io_peers::CASES].concat()
}

/// Those that read and write much at a time: for time and allocations, since their instructions are those of `memcpy`.
pub fn copies() -> Vec<Case> {
    [io::COPIES, io_peers::COPIES].concat()
}

/// Guards that live as long as the workers.
fn arm<Op: Operation + 'static>(
    point: &Point<Op>,
    rules: Vec<Rule<Op>>,
) -> Result<Arc<impl Sized + use<Op>>> {
    let armed = rules.into_iter().map(|rule| point.arm(rule)).collect::<Result<Vec<_>>>()?;
    Ok(Arc::new(armed))
}
