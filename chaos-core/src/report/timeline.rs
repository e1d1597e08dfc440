//! [`Timeline`]: what a measured client saw over time, and when faults were in force.
//!
//! ```
//! use std::time::Duration;
//! use chaos_core::report::{FaultWindow, Timeline, TimelinePoint};
//!
//! let mut timeline = Timeline::new("payments", Duration::from_millis(100));
//! timeline.points.push(TimelinePoint::new(Duration::ZERO, 0, 0)); // no calls: no latency either, not zero
//! timeline.windows.push(FaultWindow::new("slow payments", Duration::from_secs(10), Duration::from_secs(40)));
//! assert!(timeline.points[0].p99.is_none());
//! ```

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::time;

/// Calls, errors and latency percentiles of one client, in buckets of equal width.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Timeline {
    /// The client that was measured.
    pub meter: String,
    /// How much time one point stands for.
    #[serde(rename = "bucket_ms", with = "time::millis")]
    pub bucket: Duration,
    /// In the order of time.
    pub points: Vec<TimelinePoint>,
    /// When faults were in force.
    #[serde(default)]
    pub windows: Vec<FaultWindow>,
}

impl Timeline {
    /// A timeline without points.
    pub fn new(meter: impl Into<String>, bucket: Duration) -> Self {
        Self { meter: meter.into(), bucket, points: Vec::new(), windows: Vec::new() }
    }
}

/// What the calls of one bucket were like.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct TimelinePoint {
    /// The beginning of the bucket, from the start of the experiment.
    #[serde(rename = "at_ms", with = "time::millis")]
    pub at: Duration,
    /// Calls that ended in it.
    pub calls: u64,
    /// How many of them failed.
    pub errors: u64,
    /// Half of the calls took at most this long; absent without calls.
    #[serde(rename = "p50_us", default, with = "time::micros::opt")]
    pub p50: Option<Duration>,
    /// 90 % of the calls took at most this long; absent without calls.
    #[serde(rename = "p90_us", default, with = "time::micros::opt")]
    pub p90: Option<Duration>,
    /// 99 % of the calls took at most this long; absent without calls.
    #[serde(rename = "p99_us", default, with = "time::micros::opt")]
    pub p99: Option<Duration>,
}

impl TimelinePoint {
    /// A bucket that begins at `at` (from the start of the experiment) and has no latency.
    pub fn new(at: Duration, calls: u64, errors: u64) -> Self {
        Self { at, calls, errors, p50: None, p90: None, p99: None }
    }

    /// Adds the percentiles.
    #[must_use]
    pub fn with_latency(mut self, p50: Duration, p90: Duration, p99: Duration) -> Self {
        (self.p50, self.p90, self.p99) = (Some(p50), Some(p90), Some(p99));
        self
    }
}

/// When a fault was in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct FaultWindow {
    /// The fault.
    pub name: String,
    /// From when, from the start of the experiment.
    #[serde(rename = "from_ms", with = "time::millis")]
    pub from: Duration,
    /// Until when.
    #[serde(rename = "until_ms", with = "time::millis")]
    pub until: Duration,
}

impl FaultWindow {
    /// `name` was in force between two offsets from the start of the experiment.
    pub fn new(name: impl Into<String>, from: Duration, until: Duration) -> Self {
        Self { name: name.into(), from, until }
    }
}
