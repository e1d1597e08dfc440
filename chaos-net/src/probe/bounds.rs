//! [`Bounds`]: how long asking may take, and the reading that comes of it.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chaos_core::probe::{Probe, Reading, Value};
use chaos_core::units::duration::brief;
use chaos_core::units::{ms, secs};
use chaos_core::{Clock, Result};

use super::ask::{Ask, Stage};

/// How long a probe waits that was told nothing.
const PATIENCE: Duration = secs(2);
/// How much longer the probe around it waits, so that the one that knows what it waits for gives up first.
const MARGIN: Duration = secs(1);

#[derive(Debug, Clone, Default)]
pub(super) struct Bounds {
    pub(super) within: Option<Duration>,
    pub(super) timeout: Option<Duration>,
    pub(super) clock: Clock,
}

impl Bounds {
    fn timeout(&self) -> Duration {
        // Something slower than tolerated is to be measured, not only given up.
        let patience = || self.within.map_or(PATIENCE, |within| PATIENCE.max(within.saturating_add(MARGIN)));
        self.timeout.unwrap_or_else(patience)
    }

    /// The probe that holds while the answer is right and comes in time.
    pub(super) fn probe<A: Ask>(self, ask: A) -> Probe {
        let (name, mut words) = (ask.name(), ask.expects());
        if let Some(within) = self.within {
            words.push_str(&format!(", within {}", brief(within)));
        }
        let limit = self.within.map_or(f64::INFINITY, millis);
        let timeout = self.timeout();
        let never =
            self.within.filter(Duration::is_zero).map(|_| "nothing comes within 0s: allow more".to_owned());
        let flaw = ask.flaw().or(never);
        let value = self.value(name, ask, Late::Value);
        #[expect(clippy::expect_used, reason = "a duration is a number, and so is infinity")]
        let probe = value.at_most(limit).expect("not NaN");
        // A timeout of zero is left for the experiment to refuse.
        let outer = if timeout.is_zero() { timeout } else { timeout.saturating_add(MARGIN) };
        let probe = probe.tolerating(words).timeout(outer);
        match flaw {
            Some(flaw) => probe.flawed(flaw),
            None => probe,
        }
    }

    /// The time it takes, in milliseconds, while the answer is right.
    pub(super) fn latency<A: Ask>(self, ask: A) -> Value {
        let name = format!("{}: latency in ms", ask.name());
        self.value(name, ask, Late::Fails)
    }

    fn value<A: Ask>(self, name: String, ask: A, late: Late) -> Value {
        let shared = Arc::new((self, ask));
        Value::of(name, move || {
            let shared = Arc::clone(&shared);
            async move {
                let (bounds, ask) = &*shared;
                bounds.reading(ask, late).await
            }
        })
    }

    async fn reading<A: Ask>(&self, ask: &A, late: Late) -> Result<Reading> {
        self.clock.require_real(A::WHAT)?;
        let (begun, limit) = (self.clock.now(), self.timeout());
        let mut stage = Stage::Connecting;
        let answer = self.clock.timeout(limit, ask.ask(&mut stage)).await;
        let took = self.clock.now().saturating_duration_since(begun);
        let found = match answer {
            Err(_) => return Ok(Reading::fail(format!("{stage} within {}", brief(limit)))),
            Ok(Err(wrong)) => return Ok(Reading::fail(format!("{wrong}, in {}", rounded(took)))),
            Ok(Ok(found)) => found,
        };
        let text = format!("{found} in {}", rounded(took));
        Ok(match (self.within, late) {
            (Some(within), Late::Value) if took > within => {
                Reading::value_as(millis(took), format!("{text}, slower than {}", brief(within)))
            }
            (Some(within), Late::Fails) if took > within => {
                Reading::fail(format!("{text}, slower than {}", brief(within)))
            }
            _ => Reading::value_as(millis(took), text),
        })
    }
}

/// What an answer is that was right and came after `within`.
#[derive(Debug, Clone, Copy)]
enum Late {
    /// A value, beyond the probe's own tolerance.
    Value,
    /// A failure: the tolerance is about something else.
    Fails,
}

fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}

/// About three digits: what a person compares.
fn rounded(took: Duration) -> impl fmt::Display {
    let step = match took {
        _ if took >= ms(100) => 1_000_000,
        _ if took >= ms(10) => 100_000,
        _ => 10_000,
    };
    let nanos = took.as_nanos() / step * step;
    brief(Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_is_longer_than_what_is_tolerated_unless_said_otherwise() {
        let bounds = |within, timeout| Bounds { within, timeout, ..Bounds::default() }.timeout();
        assert_eq!(bounds(None, None), secs(2));
        assert_eq!(bounds(Some(ms(200)), None), secs(2));
        assert_eq!(bounds(Some(secs(10)), None), secs(11));
        assert_eq!(bounds(Some(Duration::MAX), None), Duration::MAX);
        assert_eq!(bounds(Some(secs(10)), Some(ms(50))), ms(50));
    }

    #[test]
    fn times_are_printed_with_about_three_digits() {
        let text = |micros| rounded(Duration::from_micros(micros)).to_string();
        assert_eq!(text(1), "0s");
        assert_eq!(text(1_239), "1.23ms");
        assert_eq!(text(12_345), "12.3ms");
        assert_eq!(text(345_678), "345ms");
        assert_eq!(text(2_345_678), "2.345s");
    }
}
