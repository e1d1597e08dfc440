//! [`Following`]: how a fault follows its selection while it is in force.

use std::fmt;
use std::time::Duration;

use crate::error::{Error, Result};
use crate::units::duration::brief;
use crate::units::{ms, secs};

/// How often at the most a selection is looked up again.
const SHORTEST: Duration = ms(100);
const EVERY: Duration = secs(5);
/// At how many targets in all, for each that the fault begins with, where nothing else is said.
const TIMES: u64 = 10;

/// How a fault follows its selection while it is in force; see [`On::following`](super::On::following).
///
/// ```
/// use chaos_core::injection::Following;
/// use chaos_core::units::secs;
/// let following = Following::every(secs(2))?.at_most(50)?;
/// assert_eq!(following.to_string(), "every 2s");
/// assert_eq!(Following::default().to_string(), "every 5s");
/// # Ok::<(), chaos_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Following {
    pub(crate) every: Duration,
    at_most: Option<u64>,
}

impl Following {
    /// Looked up again so long after each look, 100 ms at the least. What a look costs is one list of the selection, and one
    /// observation of each target.
    ///
    /// # Errors
    /// Less than 100 ms.
    pub fn every(interval: Duration) -> Result<Self> {
        if interval < SHORTEST {
            return Err(Error::invalid(format!(
                "a selection that is looked up again every {}: use {} or more",
                brief(interval),
                brief(SHORTEST)
            )));
        }
        Ok(Self { every: interval, at_most: None })
    }

    /// Injected so often in all, the first targets included, whatever comes: a target that is restarted again and again is
    /// not hit for ever. Unless said otherwise, ten times for each target that the fault begins with.
    ///
    /// # Errors
    /// Zero.
    pub fn at_most(mut self, injections: u64) -> Result<Self> {
        if injections == 0 {
            return Err(Error::invalid(
                "a fault that follows its selection and is injected at most 0 times: use 1 or more",
            ));
        }
        self.at_most = Some(injections);
        Ok(self)
    }

    /// How often in all, for a fault that begins with `first` targets.
    ///
    /// # Errors
    /// Fewer than that.
    pub(crate) fn in_all(self, first: u64) -> Result<u64> {
        match self.at_most {
            None => Ok(first.saturating_mul(TIMES)),
            Some(at_most) if at_most >= first => Ok(at_most),
            Some(at_most) => Err(Error::refused(format!(
                "it is to be injected at most {at_most} times and begins with {first} targets: say `at_most` with more, or a \
                 tighter cap"
            ))),
        }
    }
}

/// Every 5 s, and ten times in all for each target that the fault begins with.
impl Default for Following {
    fn default() -> Self {
        Self { every: EVERY, at_most: None }
    }
}

impl fmt::Display for Following {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "every {}", brief(self.every))
    }
}
