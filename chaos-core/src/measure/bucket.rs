//! [`Bucket`]: the calls that ended within one stretch of time.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::window::Latency;

/// Within 1 % of the value: finer is more memory than a percentile is worth.
const SIGNIFICANT_DIGITS: u8 = 2;
/// The longest latency that percentiles tell apart; bounds a histogram at about 13 KB.
const LONGEST: Duration = Duration::from_secs(3_600);

#[derive(Debug, Clone)]
pub(super) struct Bucket {
    /// In units of the finest width, from the origin.
    pub(super) start: u64,
    pub(super) calls: u64,
    pub(super) errors: u64,
    max: Duration,
    micros: Histogram<u32>,
}

impl Bucket {
    pub(super) fn at(start: u64) -> Self {
        #[expect(clippy::expect_used, reason = "two significant digits are within the library's 0..=5")]
        let micros = Histogram::new(SIGNIFICANT_DIGITS).expect("two significant digits");
        Self { start, calls: 0, errors: 0, max: Duration::ZERO, micros }
    }

    pub(super) fn record(&mut self, latency: Duration, ok: bool) {
        self.calls += 1;
        self.errors += u64::from(!ok);
        self.max = self.max.max(latency);
        let nanos = latency.min(LONGEST).as_nanos();
        // `saturating_record` would stop at the size the histogram has now instead of growing.
        #[expect(clippy::expect_used, reason = "a histogram that resizes itself takes every value")]
        self.micros.record(((nanos + 500) / 1000) as u64).expect("a histogram that resizes itself");
    }

    pub(super) fn merge(&mut self, other: &Self) {
        self.calls += other.calls;
        self.errors += other.errors;
        self.max = self.max.max(other.max);
        #[expect(clippy::expect_used, reason = "both histograms resize themselves")]
        self.micros.add(&other.micros).expect("a histogram that resizes itself takes every value");
    }

    /// Absent without calls.
    pub(super) fn latency(&self) -> Option<Latency> {
        if self.calls == 0 {
            return None;
        }
        // A histogram answers with the upper end of a step, which may lie above all that was seen.
        let at = |quantile| Duration::from_micros(self.micros.value_at_quantile(quantile)).min(self.max);
        Some(Latency { p50: at(0.5), p90: at(0.9), p99: at(0.99), max: self.max })
    }

    #[cfg(test)]
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.micros.distinct_values() * size_of::<u32>()
    }
}
