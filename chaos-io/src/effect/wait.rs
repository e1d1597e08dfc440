//! Operations that do not come to an end, or not at the first poll.

use chaos_core::{Error, Result, Rule};

use super::{Effect, rule};
use crate::operation::Io;

/// Operations hang until the rule is reverted; then they are done.
pub fn stuck() -> Rule<Io> {
    rule(Effect::Stuck)
}

/// Operations answer `Pending` so many times, with a wake each time, before they are done: finds callers that take a
/// wake for readiness. It is one operation all the same. Blocking operations, and those of a mount, just pass.
///
/// # Errors
/// Zero.
pub fn pending_storm(polls: u32) -> Result<Rule<Io>> {
    self::polls(polls).map(rule)
}

pub(crate) fn polls(polls: u32) -> Result<Effect> {
    if polls == 0 {
        return Err(Error::invalid("a storm of 0 polls is none: use 1 or more"));
    }
    Ok(Effect::PendingStorm(polls))
}
