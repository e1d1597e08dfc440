//! [`Throttle`]: a rate in bytes per second.
//!
//! A line that carries so many bytes per second, shared by every operation under one armed rule, reads and writes, as a
//! disk is; for a rate per stream, give each stream its point. An operation moves no more than the line carries in 10 ms
//! and goes on when the line would have carried it: the first one too, so nothing is free at the start. What timers are
//! late is made up for, up to 10 ms. The sum is kept in bytes and not in rounded times, so the rate is exact in the long
//! run. A revert lets everything go at once.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use chaos_core::{Error, Result, Rule};
use tokio::time::Instant;

use super::per_rule::PerRule;
use super::{Effect, rule};
use crate::operation::Io;

/// What one operation may carry, and how much lateness is made up for.
const GRAIN: Duration = Duration::from_millis(10);
/// Waits shorter than this are left to the operations that follow: a timer would only be late.
const SHORTEST_WAIT: Duration = Duration::from_micros(100);

/// Limits reads and writes to so many bytes per second, together, from the first byte on.
///
/// # Errors
/// Zero: what never moves is [`stuck`](crate::stuck).
pub fn throttle(bytes_per_second: u64) -> Result<Rule<Io>> {
    throttle_with_burst(bytes_per_second, 0)
}

/// [`throttle`] that lets the first `burst` bytes pass at once, and saves up to as many again while nothing moves.
///
/// # Errors
/// A rate of zero.
pub fn throttle_with_burst(bytes_per_second: u64, burst: u64) -> Result<Rule<Io>> {
    Throttle::try_new(bytes_per_second, burst).map(|throttle| rule(Effect::Throttle(throttle)))
}

#[derive(Debug, Clone)]
pub(crate) struct Throttle {
    bytes_per_second: u64,
    burst: u64,
    lines: Arc<PerRule<Line>>,
}

/// Since `begun`, `bytes` were given to the line.
#[derive(Debug, Default)]
struct Line {
    begun: Option<Instant>,
    bytes: u64,
}

impl Throttle {
    pub(crate) fn try_new(bytes_per_second: u64, burst: u64) -> Result<Self> {
        if bytes_per_second == 0 {
            return Err(Error::invalid(
                "0 bytes per second would never move any: use 1 or more, or `stuck` for none at all",
            ));
        }
        Ok(Self { bytes_per_second, burst, lines: Arc::default() })
    }

    /// How many of `wanted` bytes one operation may move; at least one.
    pub(crate) fn chunk(&self, wanted: usize) -> usize {
        let grain = (self.bytes_per_second / 100).max(1);
        wanted.min(usize::try_from(grain).unwrap_or(usize::MAX))
    }

    /// Gives `bytes` to the line of `rule`, and says how long they take to come out of it.
    pub(crate) fn reserve(&self, rule: &Arc<str>, bytes: usize, now: Instant) -> Duration {
        let burst = self.time_of(self.burst);
        self.lines.with(rule, |line| {
            let back = |by: Duration| now.checked_sub(by).unwrap_or(now);
            let earliest = back(burst.max(GRAIN));
            match line.begun.map(|begun| begun + self.time_of(line.bytes)) {
                Some(due) if due >= earliest => {}
                Some(_) => *line = Line { begun: Some(earliest), bytes: 0 },
                None => *line = Line { begun: Some(back(burst)), bytes: 0 },
            }
            line.bytes = line.bytes.saturating_add(bytes as u64);
            let due = line.begun.map_or(now, |begun| begun + self.time_of(line.bytes));
            let wait = due.saturating_duration_since(now);
            if wait < SHORTEST_WAIT { Duration::ZERO } else { wait }
        })
    }

    /// Takes back what was reserved and not moved.
    pub(crate) fn give_back(&self, rule: &Arc<str>, bytes: usize) {
        self.lines.with(rule, |line| line.bytes = line.bytes.saturating_sub(bytes as u64));
    }

    fn time_of(&self, bytes: u64) -> Duration {
        // Half a century is what instants can hold in practice; a burst may say more.
        const FAR: u128 = 50 * 365 * 86_400 * 1_000_000_000;
        let nanos = u128::from(bytes) * 1_000_000_000 / u128::from(self.bytes_per_second);
        Duration::from_nanos(u64::try_from(nanos.min(FAR)).unwrap_or(u64::MAX))
    }
}

impl fmt::Display for Throttle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes per second", self.bytes_per_second)?;
        if self.burst > 0 { write!(f, " after {} at once", self.burst) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seconds that `total` bytes take in operations of `size`, with timers that are `late`.
    fn seconds(throttle: &Throttle, total: u64, size: usize, late: Duration) -> f64 {
        let (rule, begun): (Arc<str>, _) = ("rule".into(), Instant::now());
        let (mut now, mut moved) = (begun, 0);
        while moved < total {
            let chunk = throttle.chunk(size);
            let wait = throttle.reserve(&rule, chunk, now);
            if !wait.is_zero() {
                now += wait + late;
            }
            moved += chunk as u64;
        }
        (now - begun).as_secs_f64()
    }

    #[test]
    fn the_rate_is_exact_from_slow_to_fast() {
        for rate in [1_000, 44_100, 1_000_000, 125_000_000, 1_000_000_000] {
            for size in [1, 512, 65_536, 1 << 24] {
                // Two seconds' worth of bytes, or as many as a test has time for.
                let total = (2 * rate).min(size as u64 * 20_000).max(rate / 20);
                if size == 1 && total > 1_000_000 {
                    continue;
                }
                let throttle = Throttle::try_new(rate, 0).unwrap();
                let expected = total as f64 / rate as f64;
                for late in [Duration::ZERO, Duration::from_micros(700), Duration::from_millis(2)] {
                    let took = seconds(&throttle, total, size, late);
                    let allowed = expected * 0.02 + 0.000_1;
                    // The last chunk overshoots the total by up to a grain, and its timer is late.
                    let slack = allowed + GRAIN.as_secs_f64() + late.as_secs_f64();
                    assert!(
                        took > expected - allowed && took < expected + slack,
                        "{rate} {size} {late:?}: {took}"
                    );
                }
            }
        }
    }

    #[test]
    fn nothing_is_free_at_the_start_and_idling_saves_no_more_than_the_burst() {
        let (rule, now): (Arc<str>, _) = ("rule".into(), Instant::now());
        let plain = Throttle::try_new(1000, 0).unwrap();
        assert_eq!(plain.reserve(&rule, 10, now), Duration::from_millis(10));
        assert_eq!(plain.reserve(&rule, 10, now), Duration::from_millis(20));
        plain.give_back(&rule, 10);
        assert_eq!(plain.reserve(&rule, 5, now), Duration::from_millis(15));
        let later = now + Duration::from_secs(60);
        assert_eq!(plain.reserve(&rule, 30, later), Duration::from_millis(20));

        let burst = Throttle::try_new(1000, 500).unwrap();
        assert_eq!(burst.reserve(&rule, 500, now), Duration::ZERO);
        assert_eq!(burst.reserve(&rule, 10, now), Duration::from_millis(10));
        assert_eq!(burst.reserve(&rule, 510, later), Duration::from_millis(10));
    }
}
