//! [`Recorder`]: what one client's calls were like, cheap to record and to ask.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::bucket::Bucket;
use super::call::Call;
use super::history::{FINEST, History, Stretch, TIER};
use super::window::Window;
use crate::report::{Timeline, TimelinePoint};

/// Records the calls of one client. Clones share what was recorded.
///
/// Recording takes a lock for tens of nanoseconds; asking takes it only to collect the buckets, and merges them
/// outside. After a day of calls it holds about 2,000 histograms of a few kilobytes each.
#[derive(Clone)]
pub struct Recorder {
    shared: Arc<Shared>,
}

struct Shared {
    name: String,
    origin: Instant,
    in_flight: AtomicU64,
    abandoned: AtomicU64,
    history: Mutex<History>,
}

impl Recorder {
    /// A recorder for the client of this name that begins now, by tokio's clock.
    pub fn new(name: impl Into<String>) -> Self {
        Self::starting_at(name, Instant::now())
    }

    /// A recorder that begins at `origin`. Calls that ended before it count as if they had ended then.
    pub fn starting_at(name: impl Into<String>, origin: Instant) -> Self {
        Self {
            shared: Arc::new(Shared {
                name: name.into(),
                origin,
                in_flight: AtomicU64::new(0),
                abandoned: AtomicU64::new(0),
                history: Mutex::new(History::new()),
            }),
        }
    }

    /// The client's name.
    pub fn name(&self) -> &str {
        &self.shared.name
    }

    /// A call ended at `at` after `latency`. Calls may be recorded in any order.
    pub fn record(&self, at: Instant, latency: Duration, ok: bool) {
        let unit = self.unit_of(at);
        self.history().bucket_at(unit).record(latency, ok);
    }

    /// A call begins at `at`; it is in flight until it ends or is dropped.
    pub fn start(&self, at: Instant) -> Call {
        self.shared.in_flight.fetch_add(1, Ordering::Relaxed);
        Call::new(self.clone(), at)
    }

    /// Calls that have begun and not ended.
    pub fn in_flight(&self) -> u64 {
        self.shared.in_flight.load(Ordering::Relaxed)
    }

    /// Calls that were dropped before they ended, since the beginning; they count as failed.
    pub fn abandoned(&self) -> u64 {
        self.shared.abandoned.load(Ordering::Relaxed)
    }

    /// What ended in the last `over` before `now`.
    ///
    /// The window begins at a whole bucket, so up to 100 ms or a 64th of `over` earlier than asked, whichever is more;
    /// [`Window::from`] says where. `Duration::MAX` asks for everything.
    pub fn window(&self, over: Duration, now: Instant) -> Window {
        let from = now.checked_sub(over).unwrap_or(self.shared.origin);
        let Stretch { start, buckets, .. } = self.stretch(from, now);
        let sum = merged(&buckets);
        Window {
            from: self.instant_of(start).min(now),
            until: now,
            calls: sum.calls,
            errors: sum.errors,
            latency: sum.latency(),
        }
    }

    /// What ended between two moments, in buckets of equal width, for a report that began at `since`.
    ///
    /// Buckets without calls are in it, so that a pause is seen as one. There are at most about 320: the width is
    /// 100 ms up to 16 s back and doubles as that doubles. Fault windows are left to whoever knows them.
    pub fn timeline(&self, since: Instant, until: Instant) -> Timeline {
        let Stretch { start, width, buckets } = self.stretch(since, until);
        let end = self.unit_of(until) + 1;
        let width = width.max(((end.saturating_sub(start)) / (2 * TIER)).next_power_of_two());
        let mut timeline = Timeline::new(self.name(), duration_of(width));
        let mut rest = buckets.as_slice();
        let mut at = start / width * width;
        while at < end {
            let (these, later) = rest.split_at(rest.partition_point(|bucket| bucket.start < at + width));
            let sum = merged(these);
            let offset = self.instant_of(at).saturating_duration_since(since);
            let point = TimelinePoint::new(offset, sum.calls, sum.errors);
            timeline.points.push(match sum.latency() {
                Some(latency) => point.with_latency(latency.p50, latency.p90, latency.p99),
                None => point,
            });
            (rest, at) = (later, at + width);
        }
        timeline
    }

    pub(super) fn leave(&self, abandoned: bool) {
        self.shared.in_flight.fetch_sub(1, Ordering::Relaxed);
        self.shared.abandoned.fetch_add(u64::from(abandoned), Ordering::Relaxed);
    }

    fn stretch(&self, from: Instant, until: Instant) -> Stretch {
        let (from, until) = (self.unit_of(from), self.unit_of(until));
        self.history().stretch(from, until)
    }

    /// A panic while the lock is held leaves counts behind, not broken structure.
    pub(super) fn history(&self) -> MutexGuard<'_, History> {
        self.shared.history.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unit_of(&self, at: Instant) -> u64 {
        let since = at.saturating_duration_since(self.shared.origin);
        // More units than fit are 58 million years.
        u64::try_from(since.as_millis() / FINEST.as_millis()).unwrap_or(u64::MAX)
    }

    fn instant_of(&self, unit: u64) -> Instant {
        self.shared.origin + duration_of(unit)
    }
}

impl fmt::Debug for Recorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Recorder")
            .field("name", &self.name())
            .field("in_flight", &self.in_flight())
            .finish_non_exhaustive()
    }
}

fn duration_of(units: u64) -> Duration {
    Duration::from_millis(units.saturating_mul(100))
}

fn merged(buckets: &[Arc<Bucket>]) -> Bucket {
    let mut sum = Bucket::at(0);
    buckets.iter().for_each(|bucket| sum.merge(bucket));
    sum
}
