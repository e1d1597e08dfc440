//! [`Spread`]: how delays stray (`tabledist`).

use chaos_core::dice::Rolls;

use super::chance::{Correlated, draw};
use super::{nanos, scaled};
use crate::node::net::Netem;
use crate::node::net::jitter::{SCALE, table};

/// Delays around a mean.
#[derive(Debug)]
pub(super) struct Spread {
    mean: i64,
    /// The jitter.
    sigma: i64,
    draws: Correlated,
    table: Option<Vec<i16>>,
}

impl Spread {
    /// Those of a netem that was checked: at most an hour.
    pub(super) fn of(netem: &Netem) -> Self {
        let table = if netem.jitter.is_zero() { None } else { table(&netem.distribution) };
        Self {
            mean: nanos(netem.delay) as i64,
            sigma: nanos(netem.jitter) as i64,
            draws: Correlated::by(scaled(netem.delay_correlation)),
            table,
        }
    }

    /// The next delay in nanoseconds, below zero perhaps.
    pub(super) fn next(&mut self, dice: &mut Rolls) -> i64 {
        if self.sigma == 0 {
            return self.mean;
        }
        let drawn = u64::from(self.draws.next(dice));
        let Some(table) = &self.table else {
            let width = 2 * self.sigma as u64;
            // The kernel holds jitter to 2.1 s, all that 32 bits draw; here a wider one takes more bits.
            let drawn = if width > u64::from(u32::MAX) { drawn << 32 | u64::from(draw(dice)) } else { drawn };
            return (drawn % width) as i64 + self.mean - self.sigma;
        };
        let deviation = i64::from(table[(drawn % table.len() as u64) as usize]);
        let part = (self.sigma % SCALE) * deviation;
        let half = if part >= 0 { SCALE / 2 } else { -SCALE / 2 };
        (part + half) / SCALE + (self.sigma / SCALE) * deviation + self.mean
    }
}
