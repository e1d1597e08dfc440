//! [`Netem`]: what can happen to packets on a bad network, any of it together.

use std::fmt;
use std::time::Duration;

use chaos_core::units::duration::{self, brief};
use chaos_core::{Error, Percent, Result};
use serde::{Deserialize, Serialize};

use super::{Bandwidth, LossModel, Slot};
use crate::node::net::jitter::SCALE;

/// A chance for each packet, and how much it follows the packet before (0 % is not at all).
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Odds {
    /// The chance.
    pub percent: Percent,
    /// How much the draw is like the one before (tc-netem(8), `correlation`).
    #[serde(default = "none", skip_serializing_if = "is_none")]
    pub correlation: Percent,
}

fn none() -> Percent {
    Percent::default()
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
fn is_none(percent: &Percent) -> bool {
    percent.is_zero()
}

impl Odds {
    /// This chance, each packet on its own.
    pub fn of(percent: Percent) -> Self {
        Self { percent, correlation: none() }
    }

    /// Following the packet before by so much.
    #[must_use]
    pub fn correlated(mut self, correlation: Percent) -> Self {
        self.correlation = correlation;
        self
    }
}

impl From<Percent> for Odds {
    fn from(percent: Percent) -> Self {
        Self::of(percent)
    }
}

impl fmt::Display for Odds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.percent)?;
        if self.correlation.is_zero() { Ok(()) } else { write!(f, " correlation {}", self.correlation) }
    }
}

/// How a delay strays within its jitter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Distribution {
    /// Evenly over delay - jitter to delay + jitter.
    #[default]
    Uniform,
    /// Normal; the jitter is the standard deviation.
    Normal,
    /// Pareto, as iproute2's table has it.
    Pareto,
    /// A quarter normal and three quarters Pareto, as iproute2's table has it.
    ParetoNormal,
    /// A table as netem takes it: deviations in units of jitter / 8192, in ascending order; see
    /// [`from_samples`](Distribution::from_samples).
    Table(Vec<i16>),
}

/// `NETEM_DIST_MAX`: the most that the kernel takes.
const LONGEST_TABLE: usize = 16_384;
/// Entries of a table that is made here, as iproute2's.
const TABLE: usize = 4096;

impl Distribution {
    /// The shape of delays that were measured, with the mean and the standard deviation to give as delay and jitter.
    ///
    /// ```
    /// use chaos_core::units::ms;
    /// use chaos_k8s::node::net::{self, Distribution};
    /// let measured: Vec<_> = (0..1000).map(|i| ms(40) + ms(i % 20)).collect();
    /// let (shape, mean, deviation) = Distribution::from_samples(&measured)?;
    /// let like_measured = net::delay(mean).jitter(deviation).distribution(shape);
    /// # let _ = like_measured;
    /// # Ok::<(), chaos_core::Error>(())
    /// ```
    ///
    /// # Errors
    /// Fewer than 16 samples, or all of them the same: say a fixed delay.
    pub fn from_samples(samples: &[Duration]) -> Result<(Self, Duration, Duration)> {
        if samples.len() < 16 {
            return Err(Error::invalid(format!(
                "{} samples are too few for a distribution: give 16 or more",
                samples.len()
            )));
        }
        let mut seconds: Vec<f64> = samples.iter().map(Duration::as_secs_f64).collect();
        seconds.sort_by(f64::total_cmp);
        let count = seconds.len() as f64;
        let mean = seconds.iter().sum::<f64>() / count;
        let deviation = (seconds.iter().map(|s| (s - mean).powi(2)).sum::<f64>() / count).sqrt();
        if deviation * 1e9 < 1.0 {
            return Err(Error::invalid("the samples are all the same: say a fixed delay"));
        }
        let table = (0..TABLE)
            .map(|i| {
                let sample = seconds[i * seconds.len() / TABLE];
                let scaled = ((sample - mean) / deviation * SCALE as f64).round();
                scaled.clamp(f64::from(i16::MIN), f64::from(i16::MAX)) as i16
            })
            .collect();
        Ok((Self::Table(table), Duration::from_secs_f64(mean), Duration::from_secs_f64(deviation)))
    }

    fn check(&self) -> Result<()> {
        match self {
            Self::Table(table) if table.len() < 2 || table.len() > LONGEST_TABLE => Err(Error::invalid(
                format!("a delay table of {} entries is not in 2..={LONGEST_TABLE}", table.len()),
            )),
            Self::Table(table) if !table.is_sorted() => {
                Err(Error::invalid("a delay table is in ascending order: sort it"))
            }
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Distribution {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Uniform => f.write_str("uniform"),
            Self::Normal => f.write_str("normal"),
            Self::Pareto => f.write_str("pareto"),
            Self::ParetoNormal => f.write_str("pareto-normal"),
            Self::Table(table) => write!(f, "table of {}", table.len()),
        }
    }
}

/// Packets that come twice.
pub type Duplicate = Odds;

/// Packets that overtake: sent at once while the others are delayed.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Reorder {
    /// How many overtake.
    pub odds: Odds,
    /// Only every so many packets is one asked (tc-netem(8), `gap`); 1 for each.
    #[serde(default = "one")]
    pub gap: u32,
}

fn one() -> u32 {
    1
}

/// What happens to packets on a bad network: the parameters of sch_netem (tc-netem(8)), any of them together.
///
/// ```
/// use chaos_core::{Percent, units::ms};
/// use chaos_k8s::node::net::Netem;
/// let bad = Netem { delay: ms(40), corrupt: Some(Percent::try_new(0.1)?.into()), ..Netem::default() };
/// assert_eq!(bad.to_string(), "delay 40ms, corrupt 0.1 %");
/// # Ok::<(), chaos_core::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct Netem {
    /// How long each packet waits.
    #[serde(with = "duration")]
    pub delay: Duration,
    /// How far the wait strays; never below zero.
    #[serde(with = "duration")]
    pub jitter: Duration,
    /// How much a wait is like the one before.
    pub delay_correlation: Percent,
    /// How it strays.
    pub distribution: Distribution,
    /// Packets that are lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub loss: Option<LossModel>,
    /// Packets that come twice.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub duplicate: Option<Duplicate>,
    /// Packets with one wrong bit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub corrupt: Option<Odds>,
    /// Packets that overtake.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reorder: Option<Reorder>,
    /// At most so fast, as a link of this speed: each packet waits for the ones before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate: Option<Bandwidth>,
    /// Bytes that each packet costs on the link beside its own, may be negative (tc-netem(8), `rate`).
    pub packet_overhead: i32,
    /// The link's cells, in bytes; 0 for none.
    pub cell_size: u32,
    /// Bytes that each cell costs beside its own.
    pub cell_overhead: i32,
    /// Packets go in bunches.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub slot: Option<Slot>,
    /// Mark packets instead of losing them, where they can be marked (ECN).
    pub ecn: bool,
    /// How many packets may wait; `None` for as many as the delay and the rate need, so that a delay is no loss.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<u32>,
    /// The seed of the draws. The kernel takes one from Linux 6.3 on, and draws its own before; this process always does, and without it
    /// takes that of the [`Chaos`](chaos_core::Chaos) handle.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<u64>,
}

/// The longest delay: netem's clock counts nanoseconds in 63 bits, people count in minutes.
const LONGEST: Duration = Duration::from_secs(3600);

impl Netem {
    /// Refuses what would do nothing, or not what it says.
    ///
    /// # Errors
    /// Nothing asked for, a delay or jitter above an hour, jitter's companions without jitter, reordering without a delay, cells or
    /// overheads without a rate, ECN without loss, a limit of 0.
    pub fn check(&self) -> Result<()> {
        let wrong = |said: &'static str| Err(Error::invalid(said));
        if !self.does_something() {
            return wrong("a network fault without effect: give it a delay, a loss or another effect");
        }
        if self.delay > LONGEST || self.jitter > LONGEST {
            return wrong("delay and jitter are at most an hour: drop the packets instead");
        }
        if self.jitter.is_zero()
            && (self.distribution != Distribution::Uniform || !self.delay_correlation.is_zero())
        {
            return wrong("a distribution or a correlation of the delay needs a jitter");
        }
        if self.reorder.is_some() && self.delay.is_zero() {
            return wrong("packets overtake others that wait: reordering needs a delay");
        }
        if self.reorder.is_some_and(|reorder| reorder.gap == 0) {
            return wrong("a gap of 0 reorders nothing: 1 asks each packet");
        }
        if self.rate.is_none()
            && (self.packet_overhead != 0 || self.cell_size != 0 || self.cell_overhead != 0)
        {
            return wrong("overheads and cells are of a rate: give one");
        }
        if self.ecn && self.loss.is_none() {
            return wrong("ecn marks what would be lost: give a loss");
        }
        if self.limit == Some(0) {
            return wrong("a limit of 0 packets loses all of them: drop them instead");
        }
        self.slot.as_ref().map_or(Ok(()), Slot::check)?;
        self.distribution.check()
    }

    fn does_something(&self) -> bool {
        !self.delay.is_zero()
            || !self.jitter.is_zero()
            || self.loss.is_some()
            || self.duplicate.is_some()
            || self.corrupt.is_some()
            || self.rate.is_some()
            || self.slot.is_some()
    }
}

impl fmt::Display for Netem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut parts = Vec::new();
        if !self.delay.is_zero() || !self.jitter.is_zero() {
            let mut delay = format!("delay {}", brief(self.delay));
            if !self.jitter.is_zero() {
                delay += &format!(" +-{}", brief(self.jitter));
            }
            if self.distribution != Distribution::Uniform {
                delay += &format!(" {}", self.distribution);
            }
            if !self.delay_correlation.is_zero() {
                delay += &format!(" correlation {}", self.delay_correlation);
            }
            parts.push(delay);
        }
        parts.extend(self.loss.map(|loss| loss.to_string()));
        parts.extend(self.duplicate.map(|odds| format!("duplicate {odds}")));
        parts.extend(self.corrupt.map(|odds| format!("corrupt {odds}")));
        parts.extend(self.reorder.map(|reorder| match reorder.gap {
            1 => format!("reorder {}", reorder.odds),
            gap => format!("reorder {} gap {gap}", reorder.odds),
        }));
        parts.extend(self.rate.map(|rate| format!("link {rate}")));
        parts.extend(self.slot.map(|slot| slot.to_string()));
        if self.ecn {
            parts.push("ecn".to_owned());
        }
        f.write_str(&parts.join(", "))
    }
}
