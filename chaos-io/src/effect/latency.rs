//! Operations that take longer.

use chaos_core::{Delay, Rule};

use crate::operation::{Io, IoKind, kind};

/// Delays operations: what is below sees them late. Each operation waits by itself, so that a small buffer makes a slow
/// reader; for a rate, whatever the buffers, see [`throttle`](crate::throttle).
pub fn latency(delay: Delay) -> Rule<Io> {
    Rule::delay(delay)
}

/// Does operations in time and answers late. What a read brought meanwhile is kept by the wrapper, so that a caller who
/// gives up loses nothing.
pub fn latency_after(delay: Delay) -> Rule<Io> {
    Rule::delay_after(delay)
}

/// Delays closing: the shutdown of a stream or writer, the release of a file.
pub fn slow_close(delay: Delay) -> Rule<Io> {
    latency(delay).when(kind(IoKind::Close))
}
