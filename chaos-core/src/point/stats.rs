//! [`RuleStats`]: what a rule did.

use std::fmt;
use std::time::Duration;

/// What a rule did since it was armed. Operations that an earlier rule ended never reached it and count nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RuleStats {
    /// The rule's name, or what it does.
    pub rule: String,
    /// Operations that matched.
    pub matching: u64,
    /// Operations of those that it hit.
    pub hits: u64,
    /// Operations that the occurrence spared: the dice or the number said no.
    pub misses: u64,
    /// Hits that a limit removed: a budget, an at-once limit, a window or the blast radius.
    pub capped: u64,
    /// Hits that the wrapper at this point cannot carry out (an error where it was given no way to make one).
    pub unsupported: u64,
    /// Operations that were held and let go by a revert.
    pub let_go: u64,
    /// Time added to operations, in all.
    pub added: Duration,
}

impl fmt::Display for RuleStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { rule, matching, hits, misses, capped, added, .. } = self;
        write!(
            f,
            "{rule}: {hits} hits of {matching} matching ({misses} missed, {capped} capped), {added:?} added"
        )?;
        if self.unsupported > 0 {
            write!(f, ", {} not possible here", self.unsupported)?;
        }
        Ok(())
    }
}
