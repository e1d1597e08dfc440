//! [`Feeling`]: a fault as it is felt, from its first moment to its last.

use std::time::{Duration, Instant};

use chaos_core::Clock;
use chaos_core::units::{ms, secs};
use tokio::task::JoinHandle;

use super::said::Said;
use super::{AFTER, EXTENDED, LASTING};
use crate::scene::Part;

/// How long an agent may take to start on a machine that does other work.
const STARTS: Duration = secs(60);

/// What is felt of a fault; `is_felt` says whether it is now.
pub(super) struct Feeling<F> {
    is_felt: F,
    /// The longest time without a break, from its first moment to its last: a busy machine does not answer now and then.
    longest: Option<(Instant, Instant)>,
    now: Option<(Instant, Instant)>,
}

/// By a client of the application: its database is not reached, twice.
pub(super) async fn is_cut_off(front: &Part, db: &str) -> bool {
    for _ in 0..2 {
        if front.ask_within(db, ms(700)).await.is_some() {
            return false;
        }
    }
    true
}

impl<F: AsyncFn() -> bool> Feeling<F> {
    pub(super) fn new(is_felt: F) -> Self {
        Self { is_felt, longest: None, now: None }
    }

    pub(super) async fn look(&mut self) -> bool {
        let since = Instant::now();
        if !(self.is_felt)().await {
            self.now = None;
            Clock::real().sleep(ms(100)).await;
            return false;
        }
        let now = (self.now.map_or(since, |(first, _)| first), Instant::now());
        self.now = Some(now);
        if self.longest.is_none_or(|(first, last)| last - first < now.1 - now.0) {
            self.longest = self.now;
        }
        true
    }

    /// Looks while the controller lives; what it has said.
    pub(super) async fn while_it_lives(&mut self, mut living: JoinHandle<Said>) -> Said {
        loop {
            tokio::select! {
                said = &mut living => return said.unwrap(),
                _ = self.look() => {}
            }
        }
    }

    /// Looks until nothing is felt and `has_ended` says so; how long after its deadline it was felt, if it was at all.
    pub(super) async fn until_it_is_over(
        &mut self,
        said: &Said,
        has_ended: impl AsyncFn() -> bool,
    ) -> Option<Duration> {
        loop {
            let is_felt = self.look().await;
            let late = Instant::now().saturating_duration_since(self.deadline(said));
            assert!(!is_felt || late < AFTER, "felt {late:?} after the deadline: {said}");
            if !is_felt && has_ended().await {
                return Some(self.longest?.1.saturating_duration_since(self.deadline(said)));
            }
            assert!(said.ended.elapsed() < STARTS + EXTENDED + AFTER, "it does not end: {said}");
        }
    }

    fn deadline(&self, said: &Said) -> Instant {
        match said.after("extending") {
            Some(_) => said.ended + EXTENDED,
            None => self.longest.map_or_else(Instant::now, |(first, _)| first) + LASTING,
        }
    }
}
