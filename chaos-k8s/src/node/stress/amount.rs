//! [`Amount`]: how much of something that has a limit.

use std::fmt;

use chaos_core::{Error, Percent, Result};
use serde::{Deserialize, Serialize};

use super::text;

/// So many, or a share of the limit that applies: bytes of memory or of a disk, tasks, inodes. Never nothing.
///
/// ```
/// use chaos_core::Percent;
/// use chaos_k8s::node::stress::Amount;
/// assert!(Amount::of(0).is_err());
/// let half = Amount::percent(Percent::try_new(50.0)?)?;
/// assert_eq!(half.to_string(), "50 %");
/// # Ok::<(), chaos_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Kind", into = "Kind")]
pub struct Amount(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Of(u64),
    Percent(Percent),
}

impl Amount {
    /// So many: of memory and disks in bytes.
    ///
    /// # Errors
    /// 0.
    pub fn of(number: u64) -> Result<Self> {
        match number {
            0 => Err(Error::invalid("an amount of 0 does nothing: ask for at least 1")),
            number => Ok(Self(Kind::Of(number))),
        }
    }

    /// This share of the limit, rounded down.
    ///
    /// # Errors
    /// 0 %.
    pub fn percent(percent: Percent) -> Result<Self> {
        if percent.is_zero() {
            return Err(Error::invalid("an amount of 0 % does nothing: ask for more"));
        }
        Ok(Self(Kind::Percent(percent)))
    }

    #[cfg(feature = "agent")]
    pub(super) fn is_a_share(self) -> bool {
        matches!(self.0, Kind::Percent(_))
    }

    /// With the number as bytes.
    pub(super) fn in_bytes(self) -> String {
        match self.0 {
            Kind::Of(number) => text::bytes(number),
            Kind::Percent(percent) => percent.to_string(),
        }
    }

    /// The number, where `limit` is the whole; `what` has none when it is `None`.
    pub(super) fn out_of(self, limit: Option<u64>, what: &str) -> Result<u64> {
        match (self.0, limit) {
            (Kind::Of(number), _) => Ok(number),
            (Kind::Percent(percent), None) => Err(Error::invalid(format!(
                "{percent} of nothing: {what} has no limit here, so give a number"
            ))),
            (Kind::Percent(percent), Some(limit)) => match percent.floor_of(limit) {
                0 => {
                    Err(Error::invalid(format!("{percent} of {limit} ({what}) is less than 1: ask for more")))
                }
                number => Ok(number),
            },
        }
    }
}

impl TryFrom<Kind> for Amount {
    type Error = Error;
    fn try_from(kind: Kind) -> Result<Self> {
        match kind {
            Kind::Of(number) => Self::of(number),
            Kind::Percent(percent) => Self::percent(percent),
        }
    }
}

impl From<Amount> for Kind {
    fn from(amount: Amount) -> Self {
        amount.0
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::Of(number) => write!(f, "{number}"),
            Kind::Percent(percent) => write!(f, "{percent}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_no_limit_is_refused() {
        let half = Amount::percent(Percent::try_new(50.0).unwrap()).unwrap();
        assert_eq!(half.out_of(Some(9), "memory").unwrap(), 4);
        assert!(half.out_of(None, "the number of tasks").unwrap_err().to_string().contains("no limit"));
        assert!(half.out_of(Some(1), "inodes").unwrap_err().is_invalid());
        assert_eq!(Amount::of(7).unwrap().out_of(None, "memory").unwrap(), 7);
        assert!(Amount::percent(Percent::try_new(0.0).unwrap()).unwrap_err().is_invalid());
    }
}
