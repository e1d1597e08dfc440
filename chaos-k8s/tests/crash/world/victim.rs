//! A process that counts, and stands still under the fault.

use std::thread;
use std::time::{Duration, Instant};

use chaos_core::units::us;

use super::World;
use crate::injector::Wanted;
use crate::victim::Victim;

pub(crate) struct Paused {
    victim: Victim,
    wanted: fn(u32) -> Wanted,
}

impl Paused {
    pub(crate) fn by(wanted: fn(u32) -> Wanted) -> Self {
        Self { victim: Victim::counts(), wanted }
    }
}

impl World for Paused {
    fn wanted(&self) -> Wanted {
        (self.wanted)(self.victim.pid())
    }

    /// Some of its threads stand still.
    fn feels(&mut self) -> bool {
        self.victim.states() != "S"
    }

    fn relieved(&mut self, since: Instant, bound: Duration) -> Option<Duration> {
        let before = self.victim.progress();
        while since.elapsed() < bound {
            let counts = self.victim.progress().iter().zip(&before).all(|(now, before)| now > before);
            if counts && !self.feels() {
                return Some(since.elapsed());
            }
            thread::sleep(us(500));
        }
        None
    }

    fn left(&mut self) -> Vec<String> {
        if self.feels() { vec!["process that stands still".to_owned()] } else { Vec::new() }
    }
}
