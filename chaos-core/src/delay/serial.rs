//! Serial correlation: a slow draw makes the next one likely to be slow, and the distribution stays what it is.
//!
//! A Gaussian copula over an AR(1) process. Every ordinal has an innovation, a standard normal score of its own draw; the
//! score of ordinal n is the sum of the innovations of n, n-1, ... weighted by 1, rho, rho^2, ..., scaled to variance
//! one, and its probability is uniform again. A recursion would need the draws before in their order; the sum needs only
//! their ordinals, so draws stay pure. It is cut where what is left out is less than [`CUT`] of the variance, and the
//! scale makes up for it exactly.

use super::normal;
use crate::dice::Stream;
use crate::error::{Error, Result};

/// The share of the variance that may be cut off.
const CUT: f64 = 1e-6;

/// The highest correlation: 688 innovations to a draw.
const MOST: f64 = 0.99;

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Serial {
    rho: f64,
    /// How many innovations make a score.
    span: u64,
    scale: f64,
}

impl Serial {
    pub(super) fn try_new(rho: f64) -> Result<Self> {
        if !(0.0..1.0).contains(&rho) {
            return Err(Error::invalid(format!("correlation {rho} is not in 0..1")));
        }
        if rho > MOST {
            return Err(Error::invalid(format!(
                "correlation {rho} is over {MOST}: every draw would look at too many earlier ones; use {MOST} or less"
            )));
        }
        let span =
            if rho == 0.0 { 1 } else { (libm::log(CUT) / (2.0 * libm::log(rho))).ceil().max(1.0) as u64 };
        let kept = 1.0 - libm::pow(rho, 2.0 * span as f64);
        Ok(Self { rho: rho.abs(), span, scale: ((1.0 - rho * rho) / kept).sqrt() })
    }

    pub(super) fn rho(self) -> f64 {
        self.rho
    }

    #[cfg(test)]
    pub(super) fn span(self) -> u64 {
        self.span
    }

    /// Uniform in `(0, 1)` for each ordinal, correlated along them. Before ordinal 0 lie the last ones: the first draws
    /// have the same distribution as all others.
    pub(super) fn unit(self, stream: Stream, ordinal: u64) -> f64 {
        let sum = (0..self.span)
            .rev()
            .fold(0.0, |sum, back| sum * self.rho + normal::score(stream.unit(ordinal.wrapping_sub(back))));
        super::open(normal::probability(sum * self.scale))
    }
}
