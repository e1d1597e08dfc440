//! [`Counters`]: what a siding did so far.

use std::fmt;
use std::ops::Add;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// What a siding did so far, in packets. At rest, `arrived + copied = sent + dropped + overflowed + refused + held`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counters {
    /// Came to it.
    pub arrived: u64,
    /// Sent on, copies included.
    pub sent: u64,
    /// Lost because the fault said so.
    pub dropped: u64,
    /// Copies that the fault sent beside the packets themselves.
    pub copied: u64,
    /// Whose bytes the fault changed.
    pub changed: u64,
    /// Lost because too much waited already.
    pub overflowed: u64,
    /// Not taken by the device: its queue is full, it is down or gone.
    pub refused: u64,
    /// That wait.
    pub held: u64,
    /// The fault panicked, and packets pass untouched, or the TAP is gone, and none pass.
    pub broken: bool,
}

impl Add for Counters {
    type Output = Self;

    /// Of both together.
    fn add(self, other: Self) -> Self {
        Self {
            arrived: self.arrived + other.arrived,
            sent: self.sent + other.sent,
            dropped: self.dropped + other.dropped,
            copied: self.copied + other.copied,
            changed: self.changed + other.changed,
            overflowed: self.overflowed + other.overflowed,
            refused: self.refused + other.refused,
            held: self.held + other.held,
            broken: self.broken || other.broken,
        }
    }
}

/// The same, as the runner writes them.
#[derive(Debug, Default)]
pub(super) struct Shared {
    pub(super) arrived: AtomicU64,
    pub(super) sent: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) copied: AtomicU64,
    pub(super) changed: AtomicU64,
    pub(super) overflowed: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) held: AtomicU64,
    pub(super) broken: AtomicU64,
}

pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Relaxed);
}

impl Shared {
    pub(super) fn read(&self) -> Counters {
        Counters {
            arrived: self.arrived.load(Relaxed),
            sent: self.sent.load(Relaxed),
            dropped: self.dropped.load(Relaxed),
            copied: self.copied.load(Relaxed),
            changed: self.changed.load(Relaxed),
            overflowed: self.overflowed.load(Relaxed),
            refused: self.refused.load(Relaxed),
            held: self.held.load(Relaxed),
            broken: self.broken.load(Relaxed) > 0,
        }
    }
}

impl fmt::Display for Counters {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} arrived, {} sent", self.arrived, self.sent)?;
        let others = [
            (self.dropped, "dropped"),
            (self.copied, "copied"),
            (self.changed, "changed"),
            (self.overflowed, "overflowed"),
            (self.refused, "refused by the device"),
            (self.held, "held"),
        ];
        for (number, what) in others.into_iter().filter(|(number, _)| *number > 0) {
            write!(f, ", {number} {what}")?;
        }
        if self.broken { f.write_str(", broken") } else { Ok(()) }
    }
}
