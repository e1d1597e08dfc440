//! Bytes that come twice.

use chaos_core::Rule;

use super::{Effect, rule};
use crate::operation::Io;

/// What a read brought comes once more with the next reads; what a write moved is written once more behind it.
pub fn duplicate() -> Rule<Io> {
    rule(Effect::Duplicate)
}
