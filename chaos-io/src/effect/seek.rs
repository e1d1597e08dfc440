//! Seeks that land elsewhere.

use chaos_core::{Error, Result, Rule};

use super::{Effect, rule};
use crate::operation::Io;

/// Seeks land so many bytes from where they say: what follows is read from, or written to, the wrong place. A place
/// before the start is the start.
///
/// # Errors
/// Zero.
pub fn misdirected_seek(by: i64) -> Result<Rule<Io>> {
    misdirection(by).map(rule)
}

pub(crate) fn misdirection(by: i64) -> Result<Effect> {
    if by == 0 {
        return Err(Error::invalid(
            "a seek misdirected by 0 bytes lands where it should: use another number",
        ));
    }
    Ok(Effect::Misdirect(by))
}
