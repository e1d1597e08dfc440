//! [`Deadline`]: when a fault has to be over, by the wall clock, as it stands on an object.

use std::fmt;
use std::time::{Duration, SystemTime};

use chaos_core::Error;
use serde::{Deserialize, Serialize};

/// How far the clocks of two machines may be apart before one sweeps what another holds.
const SKEW: Duration = Duration::from_secs(30);

/// A moment of the wall clock, to the second.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) struct Deadline(SystemTime);

impl Deadline {
    pub(crate) fn after(duration: Duration) -> Self {
        // Rounded up: never over before it is.
        let then = SystemTime::now() + duration + Duration::from_secs(1);
        Self(humantime::parse_rfc3339(&humantime::format_rfc3339_seconds(then).to_string()).unwrap_or(then))
    }

    /// Whether it has been over for `grace`, by a clock that is so many seconds ahead of this machine's.
    #[cfg(all(feature = "agents", target_os = "linux"))]
    pub(crate) fn is_over_by(self, ahead: i64, grace: Duration) -> bool {
        self.0 + grace < now_by(ahead)
    }

    /// How long it is until then, by such a clock.
    #[cfg(all(feature = "agents", target_os = "linux"))]
    pub(crate) fn left_by(self, ahead: i64) -> Duration {
        self.0.duration_since(now_by(ahead)).unwrap_or_default()
    }

    /// Whether it is over, by any clock.
    pub(crate) fn is_over(self) -> bool {
        self.0 + SKEW < SystemTime::now()
    }
}

#[cfg(all(feature = "agents", target_os = "linux"))]
fn now_by(ahead: i64) -> SystemTime {
    let (now, by) = (SystemTime::now(), Duration::from_secs(ahead.unsigned_abs()));
    if ahead < 0 { now - by } else { now + by }
}

impl fmt::Display for Deadline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        humantime::format_rfc3339_seconds(self.0).fmt(f)
    }
}

impl From<Deadline> for String {
    fn from(deadline: Deadline) -> Self {
        deadline.to_string()
    }
}

impl TryFrom<String> for Deadline {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        humantime::parse_rfc3339(&text).map(Self).map_err(|error| {
            Error::invalid(format!("{text:?} is not a time like 2026-01-31T12:00:00Z")).with_source(error)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_comes_back_and_is_over_only_when_every_clock_says_so() {
        let soon = Deadline::after(Duration::from_secs(60));
        assert_eq!(Deadline::try_from(soon.to_string()).unwrap(), soon);
        let past = |seconds| Deadline(SystemTime::now() - Duration::from_secs(seconds));
        assert!(!soon.is_over() && !past(20).is_over() && past(40).is_over());
        #[cfg(all(feature = "agents", target_os = "linux"))]
        {
            let grace = Duration::from_secs(3);
            assert!(!past(2).is_over_by(0, grace) && past(4).is_over_by(0, grace));
            assert!(past(2).is_over_by(2, grace) && !past(4).is_over_by(-2, grace));
        }
    }
}
