//! [`Corruption`]: flips bits by their place in the body, however it is cut into frames.

use std::collections::BTreeSet;

use bytes::{Bytes, BytesMut};
use chaos_core::dice::Rolls;
use rand::Rng;

/// The most bytes that can be asked for by number.
pub(super) const MOST_FLIPS: u64 = 4096;
/// Where bytes are drawn from when the body's length is not known.
const UNKNOWN_LENGTH: u64 = 4096;

pub(super) struct Corruption {
    at: u64,
    next: Option<u64>,
    places: Places,
    rolls: Rolls,
}

enum Places {
    /// Each byte with a chance `p`; kept as `ln(1 - p)`.
    Chance(f64),
    Drawn(std::collections::btree_set::IntoIter<u64>),
}

impl Corruption {
    pub(super) fn with_chance(chance: f64, rolls: Rolls) -> Self {
        Self::new(Places::Chance(libm::log1p(-chance)), rolls)
    }

    pub(super) fn of_bytes(bytes: u64, length: Option<u64>, mut rolls: Rolls) -> Self {
        let length = length.unwrap_or(UNKNOWN_LENGTH);
        let mut drawn = BTreeSet::new();
        // Floyd's algorithm (Bentley and Floyd 1987, "A sample of brilliance"): every subset is as likely.
        for last in length.saturating_sub(bytes)..length {
            let place = rolls.next_u64() % (last + 1);
            drawn.insert(if drawn.contains(&place) { last } else { place });
        }
        Self::new(Places::Drawn(drawn.into_iter()), rolls)
    }

    fn new(places: Places, rolls: Rolls) -> Self {
        let mut new = Self { at: 0, next: None, places, rolls };
        new.next = new.after(None);
        new
    }

    pub(super) fn apply(&mut self, data: Bytes) -> Bytes {
        let (start, end) = (self.at, self.at + data.len() as u64);
        self.at = end;
        if self.next.is_none_or(|next| next >= end) {
            return data;
        }
        let mut data = BytesMut::from(data);
        while let Some(place) = self.next.filter(|next| *next < end) {
            data[(place - start) as usize] ^= 1 << (self.rolls.next_u64() & 7);
            self.next = self.after(Some(place));
        }
        data.freeze()
    }

    /// The next byte to hit after `last`.
    fn after(&mut self, last: Option<u64>) -> Option<u64> {
        match &mut self.places {
            Places::Drawn(places) => places.next(),
            Places::Chance(ln_miss) => {
                // The bytes spared in between are geometrically distributed: the inverse of a uniform number, which is
                // above 0 and below 1. A chance of 1 has -inf here and spares none.
                let unit = ((self.rolls.next_u64() >> 11) as f64 + 0.5) / (1u64 << 53) as f64;
                let spared = libm::floor(libm::log(unit) / *ln_miss) as u64;
                let from = last.map_or(0, |last| last + 1);
                from.checked_add(spared)
            }
        }
    }
}
