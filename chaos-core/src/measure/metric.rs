//! The metrics of a measured client as probes: error rate, latency percentiles, throughput.

use std::fmt;
use std::time::Duration;

use tokio::time::Instant;

use super::recorder::Recorder;
use super::window::Window;
use crate::error::{Error, Result};
use crate::probe::{Probe, Reading, Value};
use crate::units::duration::brief;
use crate::units::{Percent, secs};

/// A number over the last calls of a measured client, to be held within a tolerance.
///
/// A window without calls gives no verdict: no data is not zero errors.
///
/// ```
/// use chaos_core::{measure::Recorder, units::{ms, secs}};
/// let client = Recorder::new("payments client");
/// let few_errors = client.error_rate().over(secs(2)).at_most(0.01)?;
/// let fast = client.p99().at_most(ms(250))?;
/// assert_eq!(few_errors.name(), "payments client: error rate over 2s");
/// assert_eq!(fast.tolerance(), "at most 250 ms");
/// assert!(client.error_rate().at_most(5.0).is_err());             // for 5 % write 0.05
/// # Ok::<(), chaos_core::Error>(())
/// ```
#[derive(Clone)]
#[must_use = "say what is tolerable: at_most, at_least"]
pub struct Metric<Unit> {
    recorder: Recorder,
    what: &'static str,
    over: Duration,
    read: fn(&Window) -> Option<Unit>,
}

/// A share of calls, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct Share(f64);

/// A number of calls per second.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct PerSecond(f64);

impl Recorder {
    fn metric<Unit>(&self, what: &'static str, read: fn(&Window) -> Option<Unit>) -> Metric<Unit> {
        Metric { recorder: self.clone(), what, over: secs(1), read }
    }

    /// The share of calls that failed.
    pub fn error_rate(&self) -> Metric<Share> {
        self.metric("error rate", |window| window.error_rate().map(Share))
    }

    /// Half of the calls took at most this long.
    pub fn p50(&self) -> Metric<Duration> {
        self.metric("p50", |window| window.latency.map(|latency| latency.p50))
    }

    /// 90 % of the calls took at most this long.
    pub fn p90(&self) -> Metric<Duration> {
        self.metric("p90", |window| window.latency.map(|latency| latency.p90))
    }

    /// 99 % of the calls took at most this long.
    pub fn p99(&self) -> Metric<Duration> {
        self.metric("p99", |window| window.latency.map(|latency| latency.p99))
    }

    /// Calls that ended, per second. No calls at all are a throughput of zero, not a lack of data.
    pub fn throughput(&self) -> Metric<PerSecond> {
        self.metric("throughput", |window| window.throughput_per_s().map(PerSecond))
    }
}

impl<Unit: Measured> Metric<Unit> {
    /// Over the calls of this long before each reading; 1 s unless said otherwise.
    pub fn over(mut self, window: Duration) -> Self {
        self.over = window;
        self
    }

    /// What it is now; absent without calls.
    pub fn now(&self) -> Option<Unit> {
        (self.read)(&self.recorder.window(self.over, Instant::now()))
    }

    /// Tolerable while not above `limit`.
    ///
    /// # Errors
    /// A limit that no measurement could be beyond or short of (a share that is not in 0..=1, a negative throughput,
    /// not a number), or a window of zero.
    pub fn at_most(self, limit: impl Into<Unit>) -> Result<Probe> {
        let limit = limit.into().checked()?;
        Ok(self.value()?.at_most(limit.number())?.tolerating(format!("at most {}", limit.text())))
    }

    /// Tolerable while not below `limit`.
    ///
    /// # Errors
    /// As of [`at_most`](Metric::at_most).
    pub fn at_least(self, limit: impl Into<Unit>) -> Result<Probe> {
        let limit = limit.into().checked()?;
        Ok(self.value()?.at_least(limit.number())?.tolerating(format!("at least {}", limit.text())))
    }

    fn value(self) -> Result<Value> {
        if self.over.is_zero() {
            return Err(Error::invalid(format!(
                "the {} over a window of zero is nothing: use a longer one",
                self.what
            )));
        }
        let name = format!("{}: {} over {}", self.recorder.name(), self.what, brief(self.over));
        let over = self.over;
        Ok(Value::of(name, move || {
            let reading = match self.now() {
                Some(unit) => Reading::value_as(unit.number(), unit.text()),
                None => Reading::no_data(format!("no calls in the last {}", brief(over))),
            };
            std::future::ready(Ok(reading))
        }))
    }
}

/// A unit that metrics come in.
pub trait Measured: Copy + Send + Sync + 'static + sealed::Sealed {
    /// The same, if a measurement can be so.
    ///
    /// # Errors
    /// It cannot: as a limit it would hold always, or never.
    fn checked(self) -> Result<Self>;
    /// The number that a tolerance judges.
    fn number(self) -> f64;
    /// How people write it.
    fn text(self) -> String;
}

mod sealed {
    pub trait Sealed {}
    impl Sealed for std::time::Duration {}
    impl Sealed for super::Share {}
    impl Sealed for super::PerSecond {}
}

impl Measured for Duration {
    fn checked(self) -> Result<Self> {
        Ok(self)
    }
    fn number(self) -> f64 {
        self.as_secs_f64() * 1e3
    }
    fn text(self) -> String {
        format!("{} ms", digits(self.as_secs_f64() * 1e3))
    }
}

impl Measured for Share {
    fn checked(self) -> Result<Self> {
        let Self(share) = self;
        if (0.0..=1.0).contains(&share) {
            return Ok(self);
        }
        let hint = if share > 1.0 && share <= 100.0 {
            format!(": for {share} % write {}", share / 100.0)
        } else {
            String::new()
        };
        Err(Error::invalid(format!("a share of {share} is not in 0..=1{hint}")))
    }
    fn number(self) -> f64 {
        self.0
    }
    fn text(self) -> String {
        format!("{} %", digits(self.0 * 100.0))
    }
}

impl Measured for PerSecond {
    fn checked(self) -> Result<Self> {
        if self.0.is_finite() && self.0 >= 0.0 {
            return Ok(self);
        }
        Err(Error::invalid(format!("a throughput of {} per second cannot be: use 0 or more", self.0)))
    }
    fn number(self) -> f64 {
        self.0
    }
    fn text(self) -> String {
        format!("{}/s", digits(self.0))
    }
}

/// Three significant digits: what a person compares.
fn digits(number: f64) -> String {
    let places = match number.abs() {
        n if n >= 100.0 => 0,
        n if n >= 10.0 => 1,
        _ => 2,
    };
    let text = format!("{number:.places$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

impl From<f64> for Share {
    fn from(share: f64) -> Self {
        Self(share)
    }
}

/// `error_rate().at_most(Percent::try_new(1.0)?)`.
impl From<Percent> for Share {
    fn from(percent: Percent) -> Self {
        Self(percent.value() / 100.0)
    }
}

impl From<Share> for f64 {
    fn from(share: Share) -> Self {
        share.0
    }
}

impl From<PerSecond> for f64 {
    fn from(rate: PerSecond) -> Self {
        rate.0
    }
}

impl From<f64> for PerSecond {
    fn from(calls: f64) -> Self {
        Self(calls)
    }
}

impl<Unit> fmt::Debug for Metric<Unit> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Metric").field("of", &self.recorder.name()).field("what", &self.what).finish()
    }
}
