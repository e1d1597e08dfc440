//! Points and rules as a user of the crate sees them, and their limits from inside.

mod caps;
mod counts;
mod gate;
mod hold;
mod limits;
#[cfg(chaos_loom)]
mod loom;
mod names;
mod occurrence;
mod panics;
mod purity;
mod reentry;
mod reports;
mod several;

use super::{Abilities, Armed, Hit, Point, Rule, Step};
use crate::chaos::Chaos;
use crate::error::Error;

/// A step with a number, for matchers to look at.
#[derive(Debug)]
pub(super) struct Call(pub(super) u64);

impl Step for Call {
    const NAME: &'static str = "call";
    type Error = &'static str;
}

pub(super) fn point(seed: u64) -> Point<Call> {
    Chaos::seeded(seed).point("calls").unwrap()
}

pub(super) fn decide(point: &Point<Call>) -> Option<Hit<Call>> {
    point.decide(&Call(0), Abilities::ERROR)
}

/// The numbers, from 1, of the `calls` that are hit; each is over before the next begins.
pub(super) fn numbers_hit(point: &Point<Call>, calls: u64) -> Vec<u64> {
    (1..=calls).filter(|number| point.decide(&Call(*number), Abilities::ERROR).is_some()).collect()
}

/// A rule alone at a fresh point: the numbers it hits.
pub(super) fn numbers(rule: Rule<Call>, calls: u64) -> Vec<u64> {
    let point = point(7);
    let _armed: Armed<Call> = point.arm(rule).unwrap();
    numbers_hit(&point, calls)
}

pub(super) fn is_invalid<T>(result: Result<T, Error>, says: &str) {
    let err = result.err().unwrap();
    assert!(err.is_invalid(), "{err}");
    assert!(err.to_string().contains(says), "{err}");
}
