//! One atomic word per rule: whether it is dead, how many operations are under it, how many it has hit.
//!
//! Because all three live in one word, each hit either precedes the revert or does not exist, and a budget or an
//! at-once limit holds at every moment, without a lock.

use crate::occurrence::MOST_AT_ONCE;
use crate::sync::{AtomicU64, Ordering};
use crate::units::Percent;

const DEAD: u64 = 1 << 63;
const HITS_BITS: u32 = 41;
const HITS: u64 = (1 << HITS_BITS) - 1;
const ONE_AT_ONCE: u64 = 1 << HITS_BITS;

fn at_once(word: u64) -> u64 {
    (word & !DEAD) >> HITS_BITS
}

/// What [`Gate::enter`] answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Counted as a hit; [`Gate::leave`] must follow.
    Hit,
    /// A limit removed the hit.
    Capped,
    /// The rule has been reverted.
    Dead,
}

/// How many hits in all, and how many at once; never more than the word counts.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    budget: u64,
    at_once: u64,
}

impl Limits {
    pub(crate) fn new(budget: Option<u64>, at_once: Option<u32>) -> Self {
        Self {
            budget: budget.unwrap_or(HITS).min(HITS),
            at_once: u64::from(at_once.unwrap_or(MOST_AT_ONCE).min(MOST_AT_ONCE)),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Gate {
    word: AtomicU64,
}

impl Gate {
    pub(crate) fn open() -> Self {
        Self { word: AtomicU64::new(0) }
    }

    /// Takes a hit if the rule lives and both limits allow it.
    #[inline]
    pub(crate) fn enter(&self, limits: Limits) -> Entry {
        let mut word = self.word.load(Ordering::Relaxed);
        loop {
            if word & DEAD != 0 {
                return Entry::Dead;
            }
            if word & HITS >= limits.budget || at_once(word) >= limits.at_once {
                return Entry::Capped;
            }
            let next = word + ONE_AT_ONCE + 1;
            match self.word.compare_exchange_weak(word, next, Ordering::AcqRel, Ordering::Relaxed) {
                Ok(_) => return Entry::Hit,
                Err(seen) => word = seen,
            }
        }
    }

    /// The operation that hit is over.
    #[inline]
    pub(crate) fn leave(&self) {
        self.word.fetch_sub(ONE_AT_ONCE, Ordering::AcqRel);
    }

    /// Takes a hit back that did not come about after all.
    fn take_back(&self) {
        self.word.fetch_sub(ONE_AT_ONCE + 1, Ordering::AcqRel);
    }

    /// No hit comes after this. True for the call that did it.
    pub(crate) fn close(&self) -> bool {
        self.word.fetch_or(DEAD, Ordering::AcqRel) & DEAD == 0
    }

    #[inline]
    pub(crate) fn is_closed(&self) -> bool {
        self.word.load(Ordering::Acquire) & DEAD != 0
    }

    pub(crate) fn hits(&self) -> u64 {
        self.word.load(Ordering::Acquire) & HITS
    }

    #[cfg(test)]
    pub(crate) fn under_fault(&self) -> u64 {
        at_once(self.word.load(Ordering::Acquire))
    }
}

/// The blast radius of one experiment at one point, shared by its rules there.
///
/// The population is the operations that at least one of these rules matches; an operation that two of them hit counts
/// once.
#[derive(Debug)]
pub struct Cap {
    percent: Option<Percent>,
    most_at_once: Option<u32>,
    seen: AtomicU64,
    gate: Gate,
}

impl Cap {
    pub(crate) fn new(percent: Option<Percent>, most_at_once: Option<u32>) -> Self {
        Self { percent, most_at_once, seen: AtomicU64::new(0), gate: Gate::open() }
    }

    /// One more operation of the population; returns how many there are with it.
    #[inline]
    pub(crate) fn see(&self) -> u64 {
        self.seen.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// Puts the operation with this number under fault, if `hits <= floor(percent x seen)` still holds after it.
    #[inline]
    pub(crate) fn enter(&self, seen: u64) -> bool {
        let allowed = self.percent.map(|percent| percent.floor_of(seen));
        self.gate.enter(Limits::new(allowed, self.most_at_once)) == Entry::Hit
    }

    pub(crate) fn leave(&self) {
        self.gate.leave();
    }

    pub(crate) fn take_back(&self) {
        self.gate.take_back();
    }

    /// Operations that matched a rule of this experiment at this point.
    pub fn seen(&self) -> u64 {
        self.seen.load(Ordering::Relaxed)
    }

    /// Operations of those that were under fault.
    pub fn hits(&self) -> u64 {
        self.gate.hits()
    }
}
