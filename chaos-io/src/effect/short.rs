//! Short reads and writes.

use chaos_core::{Error, Result, Rule};

use super::{Effect, rule};
use crate::operation::Io;

/// Reads and writes move at most so many bytes and say so, as POSIX allows them to at any time.
///
/// # Errors
/// Zero: a read of no bytes is [`eof`](crate::eof).
pub fn short(at_most: usize) -> Result<Rule<Io>> {
    self::at_most(at_most).map(rule)
}

pub(crate) fn at_most(bytes: usize) -> Result<Effect> {
    if bytes == 0 {
        return Err(Error::invalid(
            "at most 0 bytes would never move any: use 1 or more, or `eof` for reads",
        ));
    }
    Ok(Effect::Short(bytes))
}
