//! [`Luck`]: how much of what was not synced a crash leaves, in broad strokes.
//!
//! Draws that are independent for each page and name would hardly ever leave nothing, everything, or the beginning of what
//! was done; programs break on each of these.

use chaos_core::dice::Rolls;
use rand::Rng;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Luck {
    Nothing,
    Everything,
    /// The first so many changes, in the order they were made.
    First(usize),
    /// Any of them.
    Some,
}

impl Luck {
    pub(super) fn draw(rolls: &mut Rolls, changes: usize) -> Self {
        match below(rolls, 8) {
            0 => Self::Nothing,
            1 => Self::Everything,
            2 | 3 => Self::First(below(rolls, changes + 1)),
            _ => Self::Some,
        }
    }
}

/// A number below `end`, which is not 0. The bias of the remainder is below 2^-32 for ends that fit in 32 bits.
pub(super) fn below(rolls: &mut Rolls, end: usize) -> usize {
    (rolls.next_u64() % end as u64) as usize
}

pub(super) fn coin(rolls: &mut Rolls) -> bool {
    below(rolls, 2) == 1
}
