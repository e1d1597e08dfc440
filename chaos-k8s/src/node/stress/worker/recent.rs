//! [`Recent`]: a rate over the last seconds, from a count that only grows.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use chaos_core::units::secs;

const WINDOW: Duration = secs(3);

pub(super) struct Recent {
    seen: VecDeque<(Instant, u64)>,
}

impl Recent {
    pub(super) fn new() -> Self {
        Self { seen: VecDeque::from([(Instant::now(), 0)]) }
    }

    /// The rate per second up to now, where the count is `count`.
    pub(super) fn rate(&mut self, count: u64) -> f64 {
        self.rate_at(Instant::now(), count)
    }

    fn rate_at(&mut self, now: Instant, count: u64) -> f64 {
        while self.seen.len() > 1 && self.seen.get(1).is_some_and(|(at, _)| now - *at >= WINDOW) {
            self.seen.pop_front();
        }
        let (begun, before) = self.seen.front().copied().unwrap_or((now, count));
        self.seen.push_back((now, count));
        let seconds = (now - begun).as_secs_f64();
        if seconds > 0.0 { count.saturating_sub(before) as f64 / seconds } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_long_ago_does_not_count() {
        let begun = Instant::now();
        let mut recent = Recent { seen: VecDeque::from([(begun, 0)]) };
        for second in 1..=10 {
            let rate = recent.rate_at(begun + secs(second), second * 100);
            assert!((rate - 100.0).abs() < 0.1, "{rate}");
        }
        let late = recent.rate_at(begun + secs(13), 1000);
        assert!(late < 1.0, "{late}");
    }
}
