//! Time as the JSON form has it: [`Timestamp`] as RFC 3339, durations as numbers whose field names carry the unit.
//!
//! Milliseconds are written with at most three decimals, so a duration is kept to the microsecond.
//!
//! ```
//! use std::time::{Duration, SystemTime};
//! use chaos_core::report::Timestamp;
//!
//! let at = Timestamp::from(SystemTime::UNIX_EPOCH + Duration::from_millis(1_500));
//! assert_eq!(at.to_string(), "1970-01-01T00:00:01.500Z");
//! assert_eq!(at.unix_ms(), 1_500);
//! ```

use std::fmt;
use std::time::{Duration, SystemTime};

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A moment in UTC, to the millisecond, from 1970 to 9999; RFC 3339 in text and JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Timestamp(u64);

/// The last millisecond that RFC 3339 can write: 9999-12-31T23:59:59.999Z.
const LAST_UNIX_MS: u64 = 253_402_300_799_999;

impl Timestamp {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    pub fn unix_ms(self) -> u64 {
        self.0
    }
}

impl From<SystemTime> for Timestamp {
    /// A clock that is set before 1970 or after 9999 reads as the nearest of the two.
    fn from(time: SystemTime) -> Self {
        let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        Self(u64::try_from(since.as_millis()).unwrap_or(u64::MAX).min(LAST_UNIX_MS))
    }
}

impl TryFrom<String> for Timestamp {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        let time = humantime::parse_rfc3339(&text).map_err(|source| {
            Error::invalid(format!("timestamp {text:?} is not RFC 3339 in UTC like 2026-03-01T12:00:00.000Z"))
                .with_source(source)
        })?;
        Ok(time.into())
    }
}

impl From<Timestamp> for String {
    fn from(timestamp: Timestamp) -> Self {
        timestamp.to_string()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let time = SystemTime::UNIX_EPOCH + Duration::from_millis(self.0);
        write!(f, "{}", humantime::format_rfc3339_millis(time))
    }
}

fn whole_micros(duration: Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}

pub(super) mod millis {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

    pub(crate) fn serialize<S: Serializer>(duration: &Duration, to: S) -> Result<S::Ok, S::Error> {
        let micros = super::whole_micros(*duration);
        if micros % 1000 == 0 {
            return to.serialize_u64(micros / 1000);
        }
        to.serialize_f64(micros as f64 / 1000.0)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Duration, D::Error> {
        let millis = f64::deserialize(from)?;
        if !(0.0..=1e15).contains(&millis) {
            return Err(D::Error::custom(format!("duration {millis} ms is not in 0..=1e15")));
        }
        Ok(Duration::from_micros((millis * 1000.0).round() as u64))
    }

    pub(crate) mod opt {
        use super::{Deserialize, Deserializer, Duration, Serialize, Serializer};

        #[derive(Serialize, Deserialize)]
        #[serde(transparent)]
        struct Millis(#[serde(with = "super")] Duration);

        #[expect(clippy::ref_option, reason = "the shape that serde's `with` calls")]
        pub(crate) fn serialize<S: Serializer>(
            duration: &Option<Duration>,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            duration.map(Millis).serialize(to)
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
            Ok(Option::<Millis>::deserialize(from)?.map(|Millis(duration)| duration))
        }
    }
}

pub(super) mod micros {
    pub(crate) mod opt {
        use std::time::Duration;

        use serde::{Deserialize, Deserializer, Serialize, Serializer};

        #[expect(clippy::ref_option, reason = "the shape that serde's `with` calls")]
        pub(crate) fn serialize<S: Serializer>(
            duration: &Option<Duration>,
            to: S,
        ) -> Result<S::Ok, S::Error> {
            duration.map(super::super::whole_micros).serialize(to)
        }

        pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Duration>, D::Error> {
            Ok(Option::<u64>::deserialize(from)?.map(Duration::from_micros))
        }
    }
}

pub(super) mod schema {
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

    use crate::report::SCHEMA;

    pub(crate) fn serialize<S: Serializer>(_: &str, to: S) -> Result<S::Ok, S::Error> {
        SCHEMA.serialize(to)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<String, D::Error> {
        let schema = String::deserialize(from)?;
        if schema == SCHEMA {
            return Ok(schema);
        }
        Err(D::Error::custom(format!(
            "schema {schema:?} is not {SCHEMA:?}: read it with the version of chaos-core that wrote it"
        )))
    }
}
