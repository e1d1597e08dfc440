//! Durations as people write them: `"200us"`, `"1.5s"`, `"2m 30s"`.
//!
//! [`brief`] prints them; with feature `rules`, [`parse`] reads them, and the module serves as a serde helper
//! (`#[serde(with = "chaos_core::units::duration")]`, or [`option`] for a field that may be missing).
//!
//! ```
//! use chaos_core::units::{duration, ms, us};
//! assert_eq!(duration::brief(us(1500)).to_string(), "1.5ms");
//! # #[cfg(feature = "rules")] {
//! assert_eq!(duration::parse("1s 500ms")?, ms(1500));
//! assert!(duration::parse("5M").unwrap_err().is_invalid());       // five months? five minutes?
//! # }
//! # Ok::<(), chaos_core::Error>(())
//! ```

use std::fmt;
use std::time::Duration;

#[cfg(feature = "rules")]
pub use read::{deserialize, option, parse, serialize};

/// Prints `duration` exactly, in the largest of s, ms, us, ns that is not below one: `"1.5ms"`. The form is stable and
/// [`parse`] reads it.
pub fn brief(duration: Duration) -> impl fmt::Display + fmt::Debug + Copy {
    Brief(duration)
}

#[derive(Debug, Clone, Copy)]
struct Brief(Duration);

impl fmt::Display for Brief {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let nanos = self.0.as_nanos();
        let (unit, digits, name) = match nanos {
            0 => return f.write_str("0s"),
            1_000_000_000.. => (1_000_000_000, 9, "s"),
            1_000_000.. => (1_000_000, 6, "ms"),
            1_000.. => (1_000, 3, "us"),
            _ => (1, 0, "ns"),
        };
        let (whole, rest) = (nanos / unit, nanos % unit);
        if rest == 0 {
            return write!(f, "{whole}{name}");
        }
        let rest = format!("{rest:0digits$}");
        write!(f, "{whole}.{}{name}", rest.trim_end_matches('0'))
    }
}

#[cfg(feature = "rules")]
mod read {
    use std::time::Duration;

    use serde::{Deserialize, Deserializer, Serializer, de};

    use super::brief;
    use crate::error::{Error, Result};

    /// Reads `"200us"`, `"1.5s"`, `"2m 30s"`, with the units of crate `humantime` from ns to weeks.
    ///
    /// # Errors
    /// What is not a duration; a number without a unit; months and years, which have no one length, and whose `M` and
    /// `y` are mostly typing errors for minutes.
    pub fn parse(text: &str) -> Result<Duration> {
        const VAGUE: [&str; 9] = ["M", "month", "months", "y", "yr", "yrs", "year", "years", "Y"];
        if let Some(unit) = text.split(|c: char| !c.is_ascii_alphabetic()).find(|unit| VAGUE.contains(unit)) {
            return Err(Error::invalid(format!(
                "duration {text:?}: {unit} is a month or a year, which have no one length: write days, or m for minutes"
            )));
        }
        humantime::parse_duration(text).map_err(|source| {
            Error::invalid(format!(
                "duration {text:?}: {source}; write it as \"200us\", \"1.5s\" or \"2m 30s\""
            ))
        })
    }

    /// Writes a duration as [`brief`] prints it.
    ///
    /// # Errors
    /// Those of the serializer.
    pub fn serialize<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&brief(*duration))
    }

    /// Reads a duration by [`parse`].
    ///
    /// # Errors
    /// Those of [`parse`], and what is not a string.
    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
        parse(&String::deserialize(deserializer)?).map_err(de::Error::custom)
    }

    /// The same for an `Option<Duration>`; give the field `#[serde(default)]` as well.
    pub mod option {
        use std::time::Duration;

        use serde::{Deserialize, Deserializer, Serializer};

        #[derive(Deserialize)]
        struct Read(#[serde(with = "super")] Duration);

        /// Writes a duration as [`brief`](super::super::brief) prints it, or nothing.
        ///
        /// # Errors
        /// Those of the serializer.
        pub fn serialize<S: Serializer>(
            duration: &Option<Duration>,
            serializer: S,
        ) -> Result<S::Ok, S::Error> {
            match duration {
                Some(duration) => super::serialize(duration, serializer),
                None => serializer.serialize_none(),
            }
        }

        /// Reads a duration by [`parse`](super::parse), or nothing.
        ///
        /// # Errors
        /// Those of [`parse`](super::parse), and what is neither a string nor nothing.
        pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
            Ok(Option::<Read>::deserialize(deserializer)?.map(|Read(duration)| duration))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::brief;
    use crate::units::{ms, secs, us};
    use std::time::Duration;

    #[test]
    fn brief_is_exact() {
        for (duration, text) in [
            (Duration::ZERO, "0s"),
            (Duration::from_nanos(1), "1ns"),
            (us(1), "1us"),
            (Duration::from_nanos(1_001), "1.001us"),
            (ms(50), "50ms"),
            (us(1_050), "1.05ms"),
            (ms(1_500), "1.5s"),
            (secs(90), "90s"),
            (Duration::new(1, 1), "1.000000001s"),
        ] {
            assert_eq!(brief(duration).to_string(), text);
        }
    }

    #[cfg(feature = "rules")]
    mod rules {
        use serde::{Deserialize, Serialize};

        use super::super::{brief, parse};
        use super::*;

        #[test]
        fn what_is_printed_is_read() {
            for nanos in [
                0,
                1,
                999,
                1_000,
                1_001,
                123_456_789,
                1_000_000_001,
                86_400_000_000_007,
                30 * 365 * 86_400_000_000_000,
            ] {
                let duration = Duration::from_nanos(nanos);
                assert_eq!(parse(&brief(duration).to_string()).unwrap(), duration);
            }
        }

        #[test]
        fn what_is_vague_or_wrong_is_refused() {
            for text in [
                "",
                "5",
                "ms",
                "-5ms",
                "5M",
                "1.5M",
                "1y",
                "2months",
                "1h 3M",
                "1 year",
                "five ms",
                "5 parsecs",
                "99999999999999999999s",
            ] {
                let err = parse(text).unwrap_err();
                assert!(err.is_invalid() && err.to_string().contains(text), "{text}: {err}");
            }
            assert_eq!(parse("5m").unwrap(), secs(300));
            assert_eq!(parse("2days 3min").unwrap(), secs(2 * 86_400 + 180));
        }

        #[test]
        fn fields_go_both_ways() {
            #[derive(Debug, PartialEq, Serialize, Deserialize)]
            struct Window {
                #[serde(with = "crate::units::duration")]
                every: Duration,
                #[serde(
                    with = "crate::units::duration::option",
                    default,
                    skip_serializing_if = "Option::is_none"
                )]
                until: Option<Duration>,
            }
            for (window, json) in [
                (Window { every: us(200), until: None }, r#"{"every":"200us"}"#),
                (Window { every: ms(1_500), until: Some(secs(2)) }, r#"{"every":"1.5s","until":"2s"}"#),
            ] {
                assert_eq!(serde_json::to_string(&window).unwrap(), json);
                assert_eq!(serde_json::from_str::<Window>(json).unwrap(), window);
            }
            assert!(serde_json::from_str::<Window>(r#"{"every":200}"#).is_err());
            assert!(serde_json::from_str::<Window>(r#"{"every":"1s","until":"1y"}"#).is_err());
        }
    }
}
