//! Every random draw: a pure function of what it is for, never of who asked first.
//!
//! [`Dice`] holds a seed. A [`Stream`] is the dice of one purpose (a rule at a point, a mode over targets), and a draw
//! from it is a function of (seed, purpose, ordinal): polling order, other rules and other threads cannot change it.
//!
//! Draws are SplitMix64 (Steele, Lea, Flood 2014, "Fast splittable pseudorandom number generators"), a counter-based
//! generator: the n-th output is the finaliser of `key + n * golden gamma`, so any draw is reached in a handful of
//! instructions without the ones before it. Keys are SipHash-free FNV-1a folded through the same finaliser. The values
//! are part of the crate's contract and pinned in tests: a seed in an old report still replays.
//!
//! ```
//! use chaos_core::Dice;
//! let dice = Dice::seeded(7);
//! let slow = dice.stream(&["payments", "slow"]);
//! assert_eq!(slow.draw(12), Dice::seeded(7).stream(&["payments", "slow"]).draw(12));
//! assert_ne!(slow.draw(12), dice.stream(&["payments", "other"]).draw(12));
//! ```

use std::convert::Infallible;

/// Weyl constant of SplitMix64: 2^64 divided by the golden ratio, made odd.
const GAMMA: u64 = 0x9e37_79b9_7f4a_7c15;

const fn finalise(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The middle of one of 2^52 equal parts of the unit interval. With one bit more the middles would be rounded, the last
/// one up to 1.
const fn open_unit(bits: u64) -> f64 {
    const STEP: f64 = 1.0 / (1u64 << 52) as f64;
    ((bits >> 12) as f64 + 0.5) * STEP
}

/// The source of all draws of one [`Chaos`](crate::Chaos) handle: a seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dice {
    seed: u64,
}

impl Dice {
    /// Dice that always fall the same way for `seed`.
    pub const fn seeded(seed: u64) -> Self {
        Self { seed }
    }

    /// The seed, for a report.
    pub const fn seed(self) -> u64 {
        self.seed
    }

    /// The dice of one purpose. Names are kept apart: `["ab", "c"]` is not `["a", "bc"]`.
    pub fn stream(self, purpose: &[&str]) -> Stream {
        let mut key = finalise(self.seed.wrapping_add(GAMMA));
        for name in purpose {
            // FNV-1a over the bytes, then the length, so that names cannot run into each other.
            let mut hash = 0xcbf2_9ce4_8422_2325_u64;
            for byte in name.as_bytes() {
                hash = (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
            hash = (hash ^ name.len() as u64).wrapping_mul(0x0000_0100_0000_01b3);
            key = finalise(key.wrapping_add(GAMMA) ^ finalise(hash));
        }
        Stream { key }
    }
}

/// The dice of one purpose: draws by ordinal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    key: u64,
}

impl Stream {
    /// The draw for `ordinal`: 64 uniform bits.
    #[inline]
    pub const fn draw(self, ordinal: u64) -> u64 {
        finalise(self.key.wrapping_add(ordinal.wrapping_add(1).wrapping_mul(GAMMA)))
    }

    /// The draw for `ordinal` as a number in `(0, 1)`: 52 bits, never 0 and never 1.
    #[inline]
    pub const fn unit(self, ordinal: u64) -> f64 {
        open_unit(self.draw(ordinal))
    }

    /// An independent stream under this one, for a second draw at the same ordinal.
    pub const fn lane(self, lane: u64) -> Self {
        Self { key: finalise(self.key ^ finalise(lane.wrapping_add(GAMMA))) }
    }

    /// A generator for `ordinal`, for what needs more than one number (a user's own distribution of crate
    /// `rand_distr`, a position in a body). It implements [`rand::Rng`].
    pub const fn rng(self, ordinal: u64) -> Rolls {
        Rolls { stream: self.lane(ordinal), next: 0 }
    }
}

/// A generator seeded by one (stream, ordinal); see [`Stream::rng`].
#[derive(Debug, Clone)]
pub struct Rolls {
    stream: Stream,
    next: u64,
}

impl rand::TryRng for Rolls {
    type Error = Infallible;

    fn try_next_u32(&mut self) -> Result<u32, Infallible> {
        Ok((self.try_next_u64()? >> 32) as u32)
    }

    fn try_next_u64(&mut self) -> Result<u64, Infallible> {
        let value = self.stream.draw(self.next);
        self.next = self.next.wrapping_add(1);
        Ok(value)
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Infallible> {
        for chunk in bytes.chunks_mut(8) {
            let value = self.try_next_u64()?.to_le_bytes();
            chunk.copy_from_slice(&value[..chunk.len()]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
