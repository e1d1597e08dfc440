//! [`Chance`]: a draw against odds, that follows the draw before (`get_crandom`).

use chaos_core::dice::Rolls;
use rand::Rng;

use super::scaled;
use crate::node::net::Odds;

/// One draw: 32 even bits, as netem's.
pub(super) type Draw = u32;

pub(super) fn draw(dice: &mut Rolls) -> Draw {
    dice.next_u32()
}

/// Draws of which each is like the one before, by a share.
#[derive(Debug)]
pub(super) struct Correlated {
    rho: Draw,
    last: Option<Draw>,
}

impl Correlated {
    pub(super) fn by(rho: Draw) -> Self {
        Self { rho, last: None }
    }

    pub(super) fn next(&mut self, dice: &mut Rolls) -> Draw {
        if self.rho == 0 {
            return draw(dice);
        }
        let last = self.last.unwrap_or_else(|| draw(dice));
        let rho = u64::from(self.rho) + 1;
        // No overflow: the weights sum to 2^32.
        let mixed = (u64::from(draw(dice)) * ((1 << 32) - rho) + u64::from(last) * rho) >> 32;
        let answer = mixed as Draw;
        self.last = Some(answer);
        answer
    }
}

/// Something that happens to some packets.
#[derive(Debug)]
pub(super) struct Chance {
    odds: Draw,
    draws: Correlated,
}

impl Chance {
    pub(super) fn of(odds: Odds) -> Self {
        Self { odds: scaled(odds.percent), draws: Correlated::by(scaled(odds.correlation)) }
    }

    /// Whether it happens: `odds >= draw`, and never for odds of 0.
    pub(super) fn falls(&mut self, dice: &mut Rolls) -> bool {
        self.odds > 0 && self.odds >= self.draws.next(dice)
    }

    /// Whether it happens, as reordering is asked: not `odds < draw`.
    pub(super) fn falls_within(&mut self, dice: &mut Rolls) -> bool {
        self.odds >= self.draws.next(dice)
    }
}
