//! [`Window`]: what a client saw over a stretch of time.

use std::time::Duration;

use tokio::time::Instant;

/// The calls that ended within a stretch of time.
///
/// Rates and latencies are absent without calls: no data is not zero errors.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Window {
    /// Where it begins: what was asked, rounded down to a whole bucket, and never before the recorder began.
    pub from: Instant,
    /// Where it ends: what was asked.
    pub until: Instant,
    /// Calls that ended in it.
    pub calls: u64,
    /// How many of them failed.
    pub errors: u64,
    /// How long they took, failed ones included; absent without calls.
    pub latency: Option<Latency>,
}

impl Window {
    /// Whether no call ended in it.
    pub fn is_empty(&self) -> bool {
        self.calls == 0
    }

    /// The share of calls that failed, 0 to 1; absent without calls.
    pub fn error_rate(&self) -> Option<f64> {
        (self.calls > 0).then(|| self.errors as f64 / self.calls as f64)
    }

    /// Calls per second; absent for a window without length.
    pub fn throughput_per_s(&self) -> Option<f64> {
        let length = self.until.saturating_duration_since(self.from);
        (!length.is_zero()).then(|| self.calls as f64 / length.as_secs_f64())
    }
}

/// How long calls took. Percentiles are within 1 % of the call's own latency, or 1 µs, and tell latencies apart up to
/// an hour; the maximum is exact.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Latency {
    /// Half of the calls took at most this long.
    pub p50: Duration,
    /// 90 % of the calls took at most this long.
    pub p90: Duration,
    /// 99 % of the calls took at most this long.
    pub p99: Duration,
    /// The longest.
    pub max: Duration,
}
