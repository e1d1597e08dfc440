//! [`Tolerance`]: what a measured number may be.

use std::fmt;

use super::reading::short;
use crate::error::{Error, Result};

/// What a measured number may be; the limits belong to it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Tolerance {
    low: f64,
    high: f64,
}

impl Tolerance {
    /// Not above `limit`.
    ///
    /// # Errors
    /// Not a number.
    pub fn at_most(limit: f64) -> Result<Self> {
        Self::try_new(f64::NEG_INFINITY, limit)
    }

    /// Not below `limit`.
    ///
    /// # Errors
    /// Not a number.
    pub fn at_least(limit: f64) -> Result<Self> {
        Self::try_new(limit, f64::INFINITY)
    }

    /// From `low` to `high`.
    ///
    /// # Errors
    /// Not numbers, or reversed.
    pub fn within(low: f64, high: f64) -> Result<Self> {
        Self::try_new(low, high)
    }

    fn try_new(low: f64, high: f64) -> Result<Self> {
        if low.is_nan() || high.is_nan() {
            return Err(Error::invalid("a tolerance needs numbers, not NaN"));
        }
        if low > high {
            return Err(Error::invalid(format!("a tolerance from {low} to {high} is reversed")));
        }
        Ok(Self { low, high })
    }

    /// Whether `number` is tolerable; NaN never is.
    pub fn holds(self, number: f64) -> bool {
        (self.low..=self.high).contains(&number)
    }
}

impl fmt::Display for Tolerance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.low, self.high) {
            (f64::NEG_INFINITY, high) => write!(f, "at most {}", short(high)),
            (low, f64::INFINITY) => write!(f, "at least {}", short(low)),
            (low, high) => write!(f, "{} to {}", short(low), short(high)),
        }
    }
}
