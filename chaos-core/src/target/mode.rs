//! [`Mode`]: how many of the selected targets.

use std::fmt;

use crate::dice::Dice;
use crate::error::{Error, Result};
use crate::units::Percent;

/// How many of the selected targets a fault asks for. The blast radius may allow fewer, never more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mode(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    One,
    All,
    Fixed(u64),
    Percent(Percent),
    UpTo(Percent),
}

impl Mode {
    /// One of them, by the dice.
    pub const ONE: Self = Self(Kind::One);
    /// All of them.
    pub const ALL: Self = Self(Kind::All);

    /// This many, or all where there are fewer.
    ///
    /// # Errors
    /// Zero.
    pub fn fixed(targets: u64) -> Result<Self> {
        if targets == 0 {
            return Err(Error::invalid("a mode of 0 targets asks for nobody: use 1 or more"));
        }
        Ok(Self(Kind::Fixed(targets)))
    }

    /// This share of them, rounded down.
    ///
    /// # Errors
    /// Not in 0..=100, or 0.
    pub fn percent(percent: impl Into<f64>) -> Result<Self> {
        Ok(Self(Kind::Percent(some_percent("mode", percent)?)))
    }

    /// A random number of them, from one up to this share (rounded down).
    ///
    /// # Errors
    /// Not in 0..=100, or 0.
    pub fn up_to_percent(percent: impl Into<f64>) -> Result<Self> {
        Ok(Self(Kind::UpTo(some_percent("mode", percent)?)))
    }

    /// How many of `population` this asks for; 0 where a share rounds down to nobody.
    pub(crate) fn asks(self, population: u64, dice: Dice) -> u64 {
        match self.0 {
            Kind::One => population.min(1),
            Kind::All => population,
            Kind::Fixed(targets) => targets.min(population),
            Kind::Percent(percent) => percent.floor_of(population),
            Kind::UpTo(percent) => match percent.floor_of(population) {
                0 => 0,
                most => 1 + dice.stream(&["mode", "up to"]).draw(population) % most,
            },
        }
    }
}

pub(crate) fn some_percent(what: &str, percent: impl Into<f64>) -> Result<Percent> {
    let percent = Percent::try_new(percent)?;
    if percent.is_zero() {
        return Err(Error::invalid(format!("a {what} of 0 % leaves nobody: use more than 0")));
    }
    Ok(percent)
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Kind::One => f.write_str("one"),
            Kind::All => f.write_str("all"),
            Kind::Fixed(targets) => write!(f, "{targets}"),
            Kind::Percent(percent) => write!(f, "{percent}"),
            Kind::UpTo(percent) => write!(f, "up to {percent}"),
        }
    }
}
