//! [`Together`]: lives that wait for each other, so that one death meets each of them in a phase of its own.

use std::sync::{Condvar, Mutex};
use std::time::{Duration, Instant};

use chaos_core::Clock;
use chaos_core::units::{ms, secs};

use super::death::Phase;

/// How long they wait for each other at most: what is in force meanwhile must not be over.
const PATIENCE: Duration = secs(60);

pub(super) struct Together {
    lives: usize,
    state: Mutex<State>,
    all_wait: Condvar,
}

#[derive(Default)]
struct State {
    waiting: usize,
    under_way: Vec<Phase>,
}

impl Together {
    pub(super) fn of(lives: usize) -> Self {
        Self { lives, state: Mutex::default(), all_wait: Condvar::new() }
    }

    /// Until all of them wait.
    pub(super) fn wait(&self) {
        let mut state = self.state.lock().unwrap();
        state.waiting += 1;
        self.all_wait.notify_all();
        let waited = self.all_wait.wait_timeout_while(state, PATIENCE, |state| state.waiting < self.lives);
        let (state, timeout) = waited.unwrap();
        assert!(!timeout.timed_out(), "{} of {} came to their phases", state.waiting, self.lives);
    }

    pub(super) fn is_under_way(&self, phase: Phase) {
        self.state.lock().unwrap().under_way.push(phase);
    }

    /// Until one of each phase has asked for something.
    pub(super) async fn until_each_phase_is_under_way(&self) {
        let begun = Instant::now();
        while !Phase::ALL.iter().all(|phase| self.state.lock().unwrap().under_way.contains(phase)) {
            assert!(begun.elapsed() < PATIENCE * 2, "nothing is asked for in some phase");
            Clock::real().sleep(ms(2)).await;
        }
    }
}
