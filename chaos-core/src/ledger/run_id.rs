//! [`RunId`]: the name of one run, and of its file in the ledger's directory.

use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::boot;
use crate::error::{Error, Result};

const HEX_OF_MILLIS: usize = 12;
const HEX_OF_SALT: usize = 16;

/// One run of one program: the wall-clock millisecond it began, and 64 bits of the system's randomness, so that the
/// text sorts by time and two runs of one millisecond differ.
///
/// It is never drawn from the dice: a replayed seed is a new run.
///
/// ```
/// use chaos_core::ledger::RunId;
/// let run = RunId::fresh();
/// assert_eq!(run.to_string().parse::<RunId>()?, run);
/// assert!("../../etc/passwd".parse::<RunId>().is_err());
/// # Ok::<(), chaos_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct RunId {
    millis: u64,
    salt: u64,
}

impl RunId {
    /// A new one, from the wall clock and the system's randomness.
    pub fn fresh() -> Self {
        // std keys a `RandomState` from the system once per thread and counts up from there.
        let mut hasher = RandomState::new().build_hasher();
        hasher.write_u32(std::process::id());
        let mask = (1 << (4 * HEX_OF_MILLIS)) - 1;
        Self { millis: boot::wall_millis() & mask, salt: hasher.finish() }
    }
}

impl fmt::Display for RunId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:0w$x}-{:0s$x}", self.millis, self.salt, w = HEX_OF_MILLIS, s = HEX_OF_SALT)
    }
}

impl FromStr for RunId {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let parse = || {
            let (millis, salt) = text.split_once('-')?;
            let id = Self {
                millis: u64::from_str_radix(millis, 16).ok()?,
                salt: u64::from_str_radix(salt, 16).ok()?,
            };
            // One text per id: no signs, capitals or missing zeros.
            (id.to_string() == text).then_some(id)
        };
        parse().ok_or_else(|| {
            Error::invalid(format!("{text:?} is not a run id: give one as the ledger's files are named"))
        })
    }
}

impl TryFrom<String> for RunId {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<RunId> for String {
    fn from(id: RunId) -> Self {
        id.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_and_sort_by_time() {
        let ids: std::collections::BTreeSet<_> = (0..1000).map(|_| RunId::fresh()).collect();
        assert_eq!(ids.len(), 1000);
        let (old, new) = (RunId { millis: 9, salt: u64::MAX }, RunId { millis: 10, salt: 0 });
        assert!(old < new && old.to_string() < new.to_string());
    }

    #[test]
    fn only_its_own_text_parses() {
        let text = RunId { millis: 0xabc, salt: 0xdef }.to_string();
        assert_eq!(text, "000000000abc-0000000000000def");
        assert!(text.parse::<RunId>().is_ok());
        for wrong in ["", "-", "abc-def", "000000000ABC-0000000000000def", "+00000000abc-0000000000000def"] {
            assert!(wrong.parse::<RunId>().is_err(), "{wrong}");
        }
    }
}
