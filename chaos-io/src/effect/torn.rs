//! [`Torn`]: writes of which only the beginning arrives.

use std::fmt;
use std::io;

use chaos_core::dice::Rolls;
use chaos_core::{Error, Probability, Result, Rule};
use rand::Rng;

use super::{Effect, Fail, rule};
use crate::operation::Io;

/// Writes reach what is below only up to `keep`, and are acknowledged in full: the rest is lost in silence, as when power
/// fails between two sectors.
pub fn torn(keep: Keep) -> Rule<Io> {
    rule(Effect::Torn(Torn { keep, error: None }))
}

/// Writes reach what is below only up to `keep`, and fail.
pub fn torn_with_error(keep: Keep, error: io::ErrorKind) -> Rule<Io> {
    rule(Effect::Torn(Torn { keep, error: Some(Fail::Kind(error)) }))
}

/// How much of a torn write arrives.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Keep(How);

#[derive(Debug, Clone, Copy, PartialEq)]
enum How {
    Bytes(usize),
    Fraction(Probability),
    Random,
}

impl Keep {
    /// The first so many bytes, of which 0 is none. Shorter writes arrive whole.
    pub const fn bytes(bytes: usize) -> Self {
        Self(How::Bytes(bytes))
    }

    /// This share of each write, rounded down.
    ///
    /// # Errors
    /// Not in 0..1: all of it would not be torn.
    pub fn fraction(share: f64) -> Result<Self> {
        let share =
            Probability::try_new(share).ok().filter(|share| share.value() < 1.0).ok_or_else(|| {
                Error::invalid(format!("a share of {share} of a write is not in 0..1, end excluded"))
            })?;
        Ok(Self(How::Fraction(share)))
    }

    /// A number of bytes drawn by the rule's dice: none to all but one.
    pub const fn random() -> Self {
        Self(How::Random)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Torn {
    pub(crate) keep: Keep,
    /// `None` acknowledges the whole write.
    pub(crate) error: Option<Fail>,
}

impl Torn {
    /// How many bytes arrive of a write of `len`.
    pub(crate) fn kept(&self, len: usize, rolls: Option<Rolls>) -> usize {
        match self.keep.0 {
            How::Bytes(bytes) => bytes.min(len),
            // At most `len`, so the conversion back is exact.
            How::Fraction(share) => (share.value() * len as f64) as usize,
            How::Random => match (len as u64, rolls) {
                (0, _) | (_, None) => 0,
                (len, Some(mut rolls)) => (rolls.next_u64() % len) as usize,
            },
        }
    }
}

impl fmt::Display for Torn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.keep.0 {
            How::Bytes(bytes) => write!(f, "torn after {bytes} bytes")?,
            How::Fraction(share) => write!(f, "torn after {share} of the bytes")?,
            How::Random => f.write_str("torn anywhere")?,
        }
        match &self.error {
            Some(error) => write!(f, ", error: {error}"),
            None => f.write_str(", acknowledged"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chaos_core::Dice;

    #[test]
    fn never_more_than_there_is() {
        let rolls = |n| Some(Dice::seeded(7).stream(&["torn"]).rng(n));
        let kept = |keep, len, n| Torn { keep, error: None }.kept(len, rolls(n));
        assert_eq!((kept(Keep::bytes(3), 10, 0), kept(Keep::bytes(30), 10, 0)), (3, 10));
        let third = Keep::fraction(0.34).unwrap();
        assert_eq!((kept(third, 10, 0), kept(third, 2, 0)), (3, 0));
        assert!((0..1000).all(|n| kept(Keep::random(), 10, n) < 10));
        assert!((0..1000).any(|n| kept(Keep::random(), 10, n) == 9));
        assert_eq!(kept(Keep::random(), 0, 0), 0);
        for bad in [1.0, -0.1, f64::NAN, 30.0] {
            assert!(Keep::fraction(bad).unwrap_err().is_invalid());
        }
    }
}
