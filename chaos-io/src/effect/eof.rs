//! An end of file that is none.

use chaos_core::Rule;

use super::{Effect, rule};
use crate::operation::Io;

/// Reads find the end of the file or stream, though there is more. Each read is decided by itself: without a limit on the
/// rule, it stays the end until the rule is reverted.
pub fn eof() -> Rule<Io> {
    rule(Effect::Eof)
}
