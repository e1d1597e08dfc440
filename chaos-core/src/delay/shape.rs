//! The distributions, each as its quantile function: a probability in, the delay below which it lies out.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::{Delay, normal, open};
use crate::units::Probability;
use crate::units::duration::brief;

#[derive(Debug, Clone, PartialEq)]
pub(super) enum Shape {
    Fixed(Duration),
    Uniform {
        from: Duration,
        to: Duration,
    },
    Normal {
        mean: Duration,
        sd: Duration,
    },
    LogNormal {
        median: Duration,
        sigma: f64,
    },
    Exponential {
        mean: Duration,
    },
    Pareto {
        scale: Duration,
        shape: f64,
    },
    Spikes {
        mostly: Box<Delay>,
        sometimes: Box<Delay>,
        chance: Probability,
    },
    /// Sorted, not empty.
    Empirical(Arc<[Duration]>),
}

impl Shape {
    /// The delay below which lies the probability `u`, in `(0, 1)`.
    pub(super) fn quantile(&self, u: f64) -> Duration {
        match self {
            Self::Fixed(delay) => *delay,
            Self::Uniform { from, to } => at(nanos(*from) + u * nanos(*to - *from)),
            Self::Normal { mean, sd } => at(nanos(*mean) + nanos(*sd) * normal::score(u)),
            Self::LogNormal { median, sigma } => at(nanos(*median) * libm::exp(sigma * normal::score(u))),
            Self::Exponential { mean } => at(-nanos(*mean) * libm::log1p(-u)),
            Self::Pareto { scale, shape } => at(nanos(*scale) * libm::pow(1.0 - u, -1.0 / shape)),
            Self::Spikes { mostly, sometimes, chance } => {
                let usual = 1.0 - chance.value();
                if u < usual {
                    mostly.quantile(open(u / usual))
                } else {
                    sometimes.quantile(open((u - usual) / chance.value()))
                }
            }
            Self::Empirical(samples) => {
                let place = u * (samples.len() - 1) as f64;
                let below = place as usize;
                let (low, high) = (samples[below], samples[(below + 1).min(samples.len() - 1)]);
                at(nanos(low) + (place - below as f64) * nanos(high - low))
            }
        }
    }
}

fn nanos(duration: Duration) -> f64 {
    duration.as_nanos() as f64
}

/// The cast saturates: below zero is zero, and 584 years are cut to [`Delay::MAX`] by the caller.
fn at(nanos: f64) -> Duration {
    Duration::from_nanos(nanos.round() as u64)
}

impl fmt::Display for Shape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fixed(delay) => write!(f, "{}", brief(*delay)),
            Self::Uniform { from, to } => write!(f, "uniform({}, {})", brief(*from), brief(*to)),
            Self::Normal { mean, sd } => write!(f, "normal({}, {})", brief(*mean), brief(*sd)),
            Self::LogNormal { median, sigma } => write!(f, "log_normal({}, {sigma})", brief(*median)),
            Self::Exponential { mean } => write!(f, "exponential({})", brief(*mean)),
            Self::Pareto { scale, shape } => write!(f, "pareto({}, {shape})", brief(*scale)),
            Self::Spikes { mostly, sometimes, chance } => {
                write!(f, "spikes({mostly}, {sometimes}, {chance})")
            }
            Self::Empirical(samples) => {
                let (low, high) = (samples[0], samples[samples.len() - 1]);
                write!(f, "empirical({} samples, {} to {})", samples.len(), brief(low), brief(high))
            }
        }
    }
}
