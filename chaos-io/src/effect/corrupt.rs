//! [`Corrupt`]: bytes that change on their way; their number stays.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

use chaos_core::dice::Rolls;
use chaos_core::{Error, Probability, Result, Rule};
use rand::Rng;

use super::{Effect, rule};
use crate::operation::Io;

/// The most bytes that can be asked for by number.
const MOST_FLIPS: u64 = 4096;

/// Flips one bit in each byte read or written with this chance. The same seed flips the same bits of the same operations.
///
/// # Errors
/// A chance that is not above 0 and at most 1.
pub fn corrupt(chance_per_byte: f64) -> Result<Rule<Io>> {
    Corrupt::chance(Probability::try_new(chance_per_byte)?).map(ruled)
}

/// Flips one bit in each of so many bytes of an operation, 1 to 4,096; of a shorter one in all.
///
/// # Errors
/// Out of range.
pub fn flip(bytes: u64) -> Result<Rule<Io>> {
    Corrupt::flip(bytes).map(ruled)
}

/// Puts `bytes` in the place of those that stand at `offset` of the file or stream, whatever operations they come in.
///
/// # Errors
/// No bytes, or a place whose end no file has.
pub fn replace_range(offset: u64, bytes: impl Into<Vec<u8>>) -> Result<Rule<Io>> {
    Corrupt::replace(offset, bytes.into()).map(ruled)
}

fn ruled(corrupt: Corrupt) -> Rule<Io> {
    rule(Effect::Corrupt(corrupt))
}

#[derive(Debug, Clone)]
pub(crate) enum Corrupt {
    Chance(Probability),
    Flip(u64),
    Replace { offset: u64, bytes: Arc<[u8]> },
}

impl Corrupt {
    pub(crate) fn chance(chance: Probability) -> Result<Self> {
        if chance.value() == 0.0 {
            return Err(Error::invalid("a chance of 0 would corrupt nothing: use one above 0"));
        }
        Ok(Self::Chance(chance))
    }

    pub(crate) fn flip(bytes: u64) -> Result<Self> {
        if !(1..=MOST_FLIPS).contains(&bytes) {
            return Err(Error::invalid(format!("{bytes} flipped bytes are not in 1..={MOST_FLIPS}")));
        }
        Ok(Self::Flip(bytes))
    }

    pub(crate) fn replace(offset: u64, bytes: Vec<u8>) -> Result<Self> {
        if bytes.is_empty() {
            return Err(Error::invalid("no bytes would replace none: give at least one"));
        }
        if offset.checked_add(bytes.len() as u64).is_none() {
            return Err(Error::invalid(format!(
                "no file reaches as far as {} bytes from {offset}",
                bytes.len()
            )));
        }
        Ok(Self::Replace { offset, bytes: bytes.into() })
    }

    /// Changes `data`, which begins at `offset` of the file or stream, where that is known. The same for the same rolls.
    pub(crate) fn apply(&self, rolls: Option<Rolls>, offset: Option<u64>, data: &mut [u8]) {
        match self {
            Self::Chance(chance) => {
                let Some(mut rolls) = rolls else { return };
                // The bytes spared in between are geometrically distributed: the inverse of a uniform number above 0 and
                // below 1. A chance of 1 has -inf here and spares none.
                let ln_miss = libm::log1p(-chance.value());
                let mut at = 0_u64;
                loop {
                    let unit = ((rolls.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
                    at = at.saturating_add(libm::floor(libm::log(unit) / ln_miss) as u64);
                    let Some(byte) = usize::try_from(at).ok().and_then(|at| data.get_mut(at)) else { return };
                    flip_bit(byte, &mut rolls);
                    at += 1;
                }
            }
            Self::Flip(bytes) => {
                let Some(mut rolls) = rolls else { return };
                let len = data.len() as u64;
                let mut drawn = BTreeSet::new();
                // Floyd's algorithm (Bentley and Floyd 1987, "A sample of brilliance"): every subset is as likely.
                for last in len.saturating_sub(*bytes)..len {
                    let place = rolls.next_u64() % (last + 1);
                    drawn.insert(if drawn.contains(&place) { last } else { place });
                }
                for place in drawn {
                    flip_bit(&mut data[place as usize], &mut rolls);
                }
            }
            Self::Replace { offset: from, bytes } => {
                let Some(offset) = offset else { return };
                let end = offset.saturating_add(data.len() as u64);
                let (first, last) = (offset.max(*from), end.min(from + bytes.len() as u64));
                if first < last {
                    // Both are within a slice, whose length is a `usize`.
                    let (to, of, len) =
                        ((first - offset) as usize, (first - from) as usize, (last - first) as usize);
                    data[to..to + len].copy_from_slice(&bytes[of..of + len]);
                }
            }
        }
    }
}

fn flip_bit(byte: &mut u8, rolls: &mut Rolls) {
    *byte ^= 1 << (rolls.next_u64() & 7);
}

impl fmt::Display for Corrupt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Chance(chance) => write!(f, "bytes corrupted with probability {chance}"),
            Self::Flip(bytes) => write!(f, "{bytes} bytes corrupted"),
            Self::Replace { offset, bytes } => write!(f, "{} bytes from {offset} replaced", bytes.len()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chaos_core::Dice;

    fn changed(corrupt: &Corrupt, ordinal: u64, len: usize) -> Vec<u8> {
        let mut data = vec![0; len];
        corrupt.apply(Some(Dice::seeded(7).stream(&["corrupt"]).rng(ordinal)), Some(0), &mut data);
        data
    }

    fn bits(data: &[u8]) -> u32 {
        data.iter().map(|byte| byte.count_ones()).sum()
    }

    #[test]
    fn as_many_bits_as_asked_for() {
        let chance = |p| Corrupt::chance(Probability::try_new(p).unwrap()).unwrap();
        assert!(changed(&chance(1.0), 0, 1000).iter().all(|byte| byte.count_ones() == 1));
        let tenth = changed(&chance(0.1), 0, 100_000);
        assert!((9_600..10_400).contains(&bits(&tenth)), "{}", bits(&tenth));
        assert_eq!(tenth, changed(&chance(0.1), 0, 100_000));
        assert_ne!(tenth, changed(&chance(0.1), 1, 100_000));

        let three = Corrupt::flip(3).unwrap();
        assert!((0..200).all(|n| bits(&changed(&three, n, 50)) == 3));
        assert_eq!(bits(&changed(&three, 0, 2)), 2);
        assert_eq!(bits(&changed(&three, 0, 0)), 0);
    }

    #[test]
    fn a_range_is_replaced_whatever_operations_it_comes_in() {
        let corrupt = Corrupt::replace(5, b"xyz".to_vec()).unwrap();
        for cut in 1..10 {
            let mut data = *b"0123456789";
            for (n, chunk) in data.chunks_mut(cut).enumerate() {
                corrupt.apply(None, Some((n * cut) as u64), chunk);
            }
            assert_eq!(&data, b"01234xyz89", "cut every {cut}");
        }
    }
}
