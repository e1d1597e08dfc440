//! Quantities as types: [`Percent`], [`Probability`], and short words for durations.
//!
//! `try_new` refuses what is out of range and never clamps; serde goes through it, so a file cannot say what code
//! cannot.
//!
//! ```
//! use chaos_core::{Percent, Probability, units::{ms, secs}};
//! assert_eq!(Percent::try_new(40.0)?.floor_of(9), 3);            // a cap rounds down
//! assert!(Probability::try_new(f64::NAN).is_err());
//! assert_eq!(ms(1500), secs(1) + ms(500));
//! # Ok::<(), chaos_core::Error>(())
//! ```

pub mod duration;

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// `n` microseconds.
pub const fn us(n: u64) -> Duration {
    Duration::from_micros(n)
}

/// `n` milliseconds.
pub const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

/// `n` seconds.
pub const fn secs(n: u64) -> Duration {
    Duration::from_secs(n)
}

/// A share of a population, 0 to 100, in steps of 0.0001 %.
///
/// Held as parts per million, so that [`floor_of`](Percent::floor_of) is exact whatever the population.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Percent {
    ppm: u32,
}

const PPM_OF_ONE_PERCENT: f64 = 10_000.0;
const PPM_OF_ALL: u128 = 1_000_000;

impl Percent {
    /// All of it.
    pub const ALL: Self = Self { ppm: 1_000_000 };

    /// `percent` from 0 to 100.
    ///
    /// # Errors
    /// Not a number, out of range, or finer than 0.0001 %.
    pub fn try_new(percent: impl Into<f64>) -> Result<Self> {
        let percent = percent.into();
        if !(0.0..=100.0).contains(&percent) {
            return Err(Error::invalid(format!("percent {percent} is not in 0..=100")));
        }
        let ppm = percent * PPM_OF_ONE_PERCENT;
        if (ppm - ppm.round()).abs() > 1e-6 {
            return Err(Error::invalid(format!("percent {percent} is finer than 0.0001 %")));
        }
        Ok(Self { ppm: ppm.round() as u32 })
    }

    /// How many of `population` this share allows, rounded down.
    pub fn floor_of(self, population: u64) -> u64 {
        // At most `population`, so the conversion back is exact.
        (u128::from(self.ppm) * u128::from(population) / PPM_OF_ALL) as u64
    }

    /// Whether this is 0 %.
    pub fn is_zero(self) -> bool {
        self.ppm == 0
    }

    /// The number, 0 to 100.
    pub fn value(self) -> f64 {
        f64::from(self.ppm) / PPM_OF_ONE_PERCENT
    }
}

impl TryFrom<f64> for Percent {
    type Error = Error;
    fn try_from(percent: f64) -> Result<Self> {
        Self::try_new(percent)
    }
}

impl From<Percent> for f64 {
    fn from(percent: Percent) -> Self {
        percent.value()
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} %", self.value())
    }
}

/// A chance, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize, Deserialize)]
#[serde(try_from = "f64", into = "f64")]
pub struct Probability(f64);

impl Probability {
    /// Certain.
    pub const ONE: Self = Self(1.0);

    /// `chance` from 0 to 1.
    ///
    /// # Errors
    /// Not a number or out of range. A percentage by mistake (`30.0`) is named as such.
    pub fn try_new(chance: impl Into<f64>) -> Result<Self> {
        let chance = chance.into();
        if (0.0..=1.0).contains(&chance) {
            // `-0.0` is in range and would print as such.
            return Ok(Self(chance.abs()));
        }
        let hint = if chance > 1.0 && chance <= 100.0 {
            format!(": for {chance} % write {}", chance / 100.0)
        } else {
            String::new()
        };
        Err(Error::invalid(format!("probability {chance} is not in 0..=1{hint}")))
    }

    /// The number, 0 to 1.
    pub fn value(self) -> f64 {
        self.0
    }
}

impl TryFrom<f64> for Probability {
    type Error = Error;
    fn try_from(chance: f64) -> Result<Self> {
        Self::try_new(chance)
    }
}

impl From<Probability> for f64 {
    fn from(chance: Probability) -> Self {
        chance.value()
    }
}

impl fmt::Display for Probability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}
