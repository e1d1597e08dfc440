//! [`Delay`]: how long an injected wait lasts, drawn from a distribution.
//!
//! A draw is a pure function of a dice [`Stream`] and an ordinal: whoever asks, in whatever order, on whatever platform
//! gets the same delay. Every distribution is given by its quantile function, so correlation ([`Delay::correlated`])
//! changes the order of the delays and never how often each comes.
//!
//! ```
//! use chaos_core::{Delay, Dice, units::ms};
//! let slow = Delay::normal(ms(50), ms(10))?.correlated(0.3)?.ceiling(ms(200))?;
//! assert_eq!(slow.to_string(), "normal(50ms, 10ms) correlation 0.3 ceiling 200ms");
//! let dice = Dice::seeded(7).stream(&["payments", "slow"]);
//! assert_eq!(slow.sample(dice, 12), slow.clone().sample(dice, 12));
//! assert!(slow.sample(dice, 12) <= ms(200));
//! # Ok::<(), chaos_core::Error>(())
//! ```
//!
//! With feature `rules` a delay is read from data: `"50ms"`, or
//! `{"normal": {"mean": "50ms", "sd": "10ms"}, "correlation": 0.3, "floor": "1ms", "ceiling": "2s"}`: see
//! the implementation of `Deserialize`.

#[expect(clippy::excessive_precision, reason = "constants as the paper prints them")]
mod normal;
mod serial;
mod shape;
#[cfg(feature = "rules")]
mod written;

use std::fmt;
use std::time::Duration;

use crate::dice::Stream;
use crate::error::{Error, Result};
use crate::units::Probability;
use crate::units::duration::brief;
use serial::Serial;
use shape::Shape;

/// Keeps the draws of a delay apart from others of the same stream, such as whether the rule hits at all.
const LANE: u64 = u64::from_be_bytes(*b"\0\0\0delay");

/// How long an injected wait lasts. See the [module](self).
#[derive(Debug, Clone, PartialEq)]
pub struct Delay {
    shape: Shape,
    serial: Option<Serial>,
    floor: Option<Duration>,
    ceiling: Option<Duration>,
}

impl Delay {
    /// The longest delay, 30 years of 365 days: what a heavy tail draws beyond it is cut to it. Parameters beyond it are
    /// refused.
    pub const MAX: Duration = Duration::from_secs(30 * 365 * 86_400);

    fn of(shape: Shape) -> Self {
        Self { shape, serial: None, floor: None, ceiling: None }
    }

    /// Always `delay` (at most [`Delay::MAX`]).
    pub const fn fixed(delay: Duration) -> Self {
        let delay = if delay.as_nanos() > Self::MAX.as_nanos() { Self::MAX } else { delay };
        Self { shape: Shape::Fixed(delay), serial: None, floor: None, ceiling: None }
    }

    /// Evenly between `from` and `to`.
    ///
    /// # Errors
    /// `from` is not below `to`, or `to` is beyond [`Delay::MAX`].
    pub fn uniform(from: Duration, to: Duration) -> Result<Self> {
        bounded("to", to)?;
        if from >= to {
            let (from, to) = (brief(from), brief(to));
            return Err(Error::invalid(format!(
                "uniform delay from {from} to {to}: from must be below to; for one value use a fixed delay"
            )));
        }
        Ok(Self::of(Shape::Uniform { from, to }))
    }

    /// Normally distributed with this mean and standard deviation.
    ///
    /// Draws below zero become zero, which lifts the mean of the delays to
    /// `mean * Phi(mean / sd) + sd * phi(mean / sd)` (`Phi`, `phi`: the standard normal distribution and density): by
    /// 0.01 % where `mean` is 3 `sd`, 0.4 % at 2, 8 % at 1, and to 0.4 `sd` at a mean of zero. A [`floor`](Delay::floor)
    /// above zero lifts it in the same way. For delays that are never zero see [`log_normal`](Delay::log_normal).
    ///
    /// # Errors
    /// `sd` is zero, or one is beyond [`Delay::MAX`].
    pub fn normal(mean: Duration, sd: Duration) -> Result<Self> {
        bounded("mean", mean)?;
        positive("sd", sd)?;
        Ok(Self::of(Shape::Normal { mean, sd }))
    }

    /// The delay's logarithm is normally distributed: half of the delays are below `median`, and one in six is above
    /// `median * exp(sigma)`. The mean is `median * exp(sigma^2 / 2)`. What the latency of most services looks like.
    ///
    /// # Errors
    /// `median` is zero or beyond [`Delay::MAX`]; `sigma` is not a positive number.
    pub fn log_normal(median: Duration, sigma: f64) -> Result<Self> {
        positive("median", median)?;
        positive_number("sigma", sigma)?;
        Ok(Self::of(Shape::LogNormal { median, sigma }))
    }

    /// Exponentially distributed with this mean: many short delays, few long ones, as between independent events.
    ///
    /// # Errors
    /// `mean` is zero or beyond [`Delay::MAX`].
    pub fn exponential(mean: Duration) -> Result<Self> {
        positive("mean", mean)?;
        Ok(Self::of(Shape::Exponential { mean }))
    }

    /// Pareto distributed: never below `scale`, and the share of delays above `x` is `(scale / x)^shape`. The smaller
    /// `shape`, the heavier the tail; at 1 and below the mean has no bound but [`Delay::MAX`].
    ///
    /// # Errors
    /// `scale` is zero or beyond [`Delay::MAX`]; `shape` is not a positive number.
    pub fn pareto(scale: Duration, shape: f64) -> Result<Self> {
        positive("scale", scale)?;
        positive_number("shape", shape)?;
        Ok(Self::of(Shape::Pareto { scale, shape }))
    }

    /// `sometimes` with this chance (a number from 0 to 1, or a [`Probability`]), else `mostly`. Correlated, the spikes
    /// come in bursts.
    ///
    /// # Errors
    /// `chance` is not in 0..=1; one of the two is correlated (correlate the whole instead).
    pub fn spikes(mostly: Self, sometimes: Self, chance: impl Into<f64>) -> Result<Self> {
        let chance = Probability::try_new(chance)?;
        if mostly.serial.is_some() || sometimes.serial.is_some() {
            return Err(Error::invalid(
                "spikes of correlated delays: leave the parts alone and correlate the whole",
            ));
        }
        let (mostly, sometimes) = (Box::new(mostly), Box::new(sometimes));
        Ok(Self::of(Shape::Spikes { mostly, sometimes, chance }))
    }

    /// As measured: the quantiles of `samples`, linear between neighbours in their order (type 7 of Hyndman and Fan
    /// 1996), so never outside the smallest and the largest. Clones share the samples.
    ///
    /// # Errors
    /// There is none, or one is beyond [`Delay::MAX`].
    pub fn empirical(samples: impl IntoIterator<Item = Duration>) -> Result<Self> {
        let mut samples: Vec<_> = samples.into_iter().collect();
        samples.sort_unstable();
        let Some(largest) = samples.last() else {
            return Err(Error::invalid("empirical delay without a sample: give at least one"));
        };
        bounded("a sample", *largest)?;
        Ok(Self::of(Shape::Empirical(samples.into())))
    }

    /// Correlates each draw with the one before, 0 to 0.99, as netem's correlation means it but with the distribution
    /// kept: `rho` is the correlation of the normal scores of neighbours, and falls off as `rho^lag`. For normal delays it
    /// is that of the delays themselves; for others their rank correlation is `6 / pi * asin(rho / 2)`, a little less.
    ///
    /// A draw takes about `7 / ln(1 / rho)` times as long as without: 7 innovations at 0.3, 66 at 0.9, 688 at 0.99.
    ///
    /// # Errors
    /// `rho` is not in 0..1, or over 0.99.
    pub fn correlated(mut self, rho: f64) -> Result<Self> {
        let serial = Serial::try_new(rho)?;
        self.serial = (rho > 0.0).then_some(serial);
        Ok(self)
    }

    /// Draws below `floor` become `floor`.
    ///
    /// # Errors
    /// `floor` is above the ceiling or beyond [`Delay::MAX`].
    pub fn floor(mut self, floor: Duration) -> Result<Self> {
        bounded("floor", floor)?;
        self.floor = Some(floor);
        self.ordered()
    }

    /// Draws above `ceiling` become `ceiling`.
    ///
    /// # Errors
    /// `ceiling` is below the floor or beyond [`Delay::MAX`].
    pub fn ceiling(mut self, ceiling: Duration) -> Result<Self> {
        bounded("ceiling", ceiling)?;
        self.ceiling = Some(ceiling);
        self.ordered()
    }

    fn ordered(self) -> Result<Self> {
        match (self.floor, self.ceiling) {
            (Some(floor), Some(ceiling)) if floor > ceiling => {
                let (floor, ceiling) = (brief(floor), brief(ceiling));
                Err(Error::invalid(format!(
                    "delay floor {floor} is above its ceiling {ceiling}: swap or drop one"
                )))
            }
            _ => Ok(self),
        }
    }

    /// The delay of `ordinal`: always the same for the same stream and ordinal.
    pub fn sample(&self, stream: Stream, ordinal: u64) -> Duration {
        if let Shape::Fixed(_) = self.shape {
            return self.quantile(0.5);
        }
        let stream = stream.lane(LANE);
        self.quantile(match self.serial {
            Some(serial) => serial.unit(stream, ordinal),
            None => stream.unit(ordinal),
        })
    }

    /// The delay of every ordinal, where it is the same.
    pub(crate) fn constant(&self) -> Option<Duration> {
        matches!(self.shape, Shape::Fixed(_)).then(|| self.quantile(0.5))
    }

    fn quantile(&self, u: f64) -> Duration {
        let drawn = self.shape.quantile(u).max(self.floor.unwrap_or_default());
        drawn.min(self.ceiling.unwrap_or(Self::MAX))
    }
}

/// Puts what rounding made of a probability back into `(0, 1)`.
fn open(u: f64) -> f64 {
    const STEP: f64 = 1.0 / (1u64 << 53) as f64;
    u.clamp(STEP, 1.0 - STEP)
}

fn bounded(name: &str, value: Duration) -> Result<()> {
    if value > Delay::MAX {
        let (value, most) = (brief(value), brief(Delay::MAX));
        return Err(Error::invalid(format!("delay {name} {value} is beyond {most} (30 years)")));
    }
    Ok(())
}

fn positive(name: &str, value: Duration) -> Result<()> {
    if value.is_zero() {
        return Err(Error::invalid(format!("delay {name} is zero: give more, or use a fixed delay")));
    }
    bounded(name, value)
}

fn positive_number(name: &str, value: f64) -> Result<()> {
    if value > 0.0 && value.is_finite() {
        return Ok(());
    }
    Err(Error::invalid(format!("delay {name} {value} is not a number above zero")))
}

/// One short line, stable: it serves as a label.
impl fmt::Display for Delay {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.shape)?;
        if let Some(serial) = self.serial {
            write!(f, " correlation {}", serial.rho())?;
        }
        if let Some(floor) = self.floor {
            write!(f, " floor {}", brief(floor))?;
        }
        if let Some(ceiling) = self.ceiling {
            write!(f, " ceiling {}", brief(ceiling))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
