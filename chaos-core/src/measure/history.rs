//! [`History`]: buckets that widen as they age.
//!
//! Tier 0 holds the last [`TIER`] buckets of 100 ms, tier 1 before it buckets of 200 ms, tier 2 of 400 ms, and so on:
//! always pairs go up, so a bucket never straddles two. A stretch that ends now and begins `t` ago therefore begins
//! within `t / 64` of what was asked, and a day takes 13 tiers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use super::bucket::Bucket;

/// The width of the finest bucket.
pub(super) const FINEST: Duration = Duration::from_millis(100);
/// How many buckets a tier holds before the oldest pair goes up.
pub(super) const TIER: u64 = 160;

#[derive(Debug)]
pub(super) struct History {
    /// From the finest to the widest; never empty, and the last one reaches back to the origin.
    tiers: Vec<Tier>,
}

#[derive(Debug, Default)]
struct Tier {
    /// The first unit that this tier covers; a multiple of the next tier's width.
    floor: u64,
    /// Those with calls, in the order of time. Shared, so that a reader merges them without the lock.
    buckets: VecDeque<Arc<Bucket>>,
}

/// What a reader takes out from under the lock.
pub(super) struct Stretch {
    /// Where it begins: what was asked, rounded down to a bucket.
    pub(super) start: u64,
    /// The width of the widest bucket in it, in units of the finest.
    pub(super) width: u64,
    pub(super) buckets: Vec<Arc<Bucket>>,
}

impl History {
    pub(super) fn new() -> Self {
        Self { tiers: vec![Tier::default()] }
    }

    /// The bucket for a call that ended at `unit`; one that comes late goes where it belongs.
    pub(super) fn bucket_at(&mut self, unit: u64) -> &mut Bucket {
        self.age(unit.saturating_add(1));
        let level = self.level_of(unit);
        self.tiers[level].bucket_at(unit >> level << level)
    }

    /// What ended from `from` to `until`, both inclusive, in whole buckets.
    pub(super) fn stretch(&self, from: u64, until: u64) -> Stretch {
        let level = self.level_of(from);
        let start = from >> level << level;
        let tiers = self.tiers[..=level].iter().rev();
        let buckets = tiers.flat_map(|tier| &tier.buckets);
        let buckets = buckets.filter(|bucket| (start..=until).contains(&bucket.start)).cloned().collect();
        Stretch { start, width: 1 << level, buckets }
    }

    fn level_of(&self, unit: u64) -> usize {
        // The last tier begins at zero.
        self.tiers.iter().position(|tier| tier.floor <= unit).unwrap_or(self.tiers.len() - 1)
    }

    /// Moves up what is too old for its tier when time has come to `end`.
    fn age(&mut self, mut end: u64) {
        for level in 0.. {
            let width = 1u64 << level;
            let reach = end.saturating_sub(width.saturating_mul(TIER));
            let floor = reach.next_multiple_of(2 * width);
            if floor <= self.tiers[level].floor {
                return;
            }
            if level + 1 == self.tiers.len() {
                self.tiers.push(Tier::default());
            }
            self.tiers[level].floor = floor;
            let young = self.tiers[level].buckets.partition_point(|bucket| bucket.start < floor);
            let (finer, wider) = self.tiers.split_at_mut(level + 1);
            finer[level].buckets.drain(..young).for_each(|old| wider[0].absorb(old, 2 * width));
            end = floor;
        }
    }

    #[cfg(test)]
    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Bucket>> {
        self.tiers.iter().flat_map(|tier| &tier.buckets)
    }
}

impl Tier {
    fn bucket_at(&mut self, start: u64) -> &mut Bucket {
        // Nearly always the newest.
        let index = match self.buckets.back() {
            Some(newest) if newest.start == start => self.buckets.len() - 1,
            Some(newest) if newest.start > start => {
                self.buckets.partition_point(|bucket| bucket.start < start)
            }
            _ => self.buckets.len(),
        };
        if self.buckets.get(index).is_none_or(|bucket| bucket.start != start) {
            self.buckets.insert(index, Arc::new(Bucket::at(start)));
        }
        Arc::make_mut(&mut self.buckets[index])
    }

    fn absorb(&mut self, mut old: Arc<Bucket>, width: u64) {
        let start = old.start / width * width;
        match self.buckets.back_mut().filter(|newest| newest.start == start) {
            Some(newest) => Arc::make_mut(newest).merge(&old),
            None => {
                Arc::make_mut(&mut old).start = start;
                self.buckets.push_back(old);
            }
        }
    }
}
