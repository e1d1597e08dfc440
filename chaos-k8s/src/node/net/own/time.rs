//! The kernel's monotonic clock in nanoseconds, as the timer that wakes the runner counts them.

use std::io;
use std::time::Duration;

use nix::sys::time::TimeSpec;
use nix::time::{ClockId, clock_gettime};

/// A moment of the monotonic clock, in nanoseconds.
pub(super) type Nanos = u64;

/// Now.
pub(super) fn now() -> io::Result<Nanos> {
    let time = clock_gettime(ClockId::CLOCK_MONOTONIC)?;
    Ok(nanos(Duration::from(time)))
}

/// A time span; more than 584 years are as many.
pub(super) fn nanos(duration: Duration) -> Nanos {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// For the timer, which takes a moment of 0 for "never".
pub(super) fn timespec(moment: Nanos) -> TimeSpec {
    TimeSpec::from_duration(Duration::from_nanos(moment.clamp(1, i64::MAX as u64)))
}
