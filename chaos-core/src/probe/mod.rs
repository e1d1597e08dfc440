//! Probes: measurements with a tolerance; together they are the steady state, the hypothesis of an experiment.
//!
//! A probe is taken before the faults (the steady state must hold before anything is broken), during them on an
//! interval, and after them (the system must come back). A closure is a probe; the metrics of a measured client are
//! ([`Recorder`](crate::measure::Recorder), feature `measure`); `chaos-net` adds http and tcp.
//!
//! ```
//! use chaos_core::{probe, units::{ms, secs}};
//!
//! let alive = probe::check("orders are taken", || async { Ok(true) }).every(ms(200)).timeout(secs(1));
//! let queue = probe::value("queue depth", || async { Ok(3.0) }).at_most(10.0)?.retries(2);
//! assert_eq!(queue.tolerance(), "at most 10");
//! # let _ = alive;
//! # Ok::<(), chaos_core::Error>(())
//! ```

mod reading;
mod take;
mod tolerance;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

pub use reading::Reading;
pub(crate) use take::{Taken, Verdict};
pub use tolerance::Tolerance;

use crate::error::{Error, Result};
use crate::units::{ms, secs};

type BoxFuture<T> = Pin<Box<dyn Future<Output = T> + Send>>;
type Measure = dyn Fn() -> BoxFuture<Result<Reading>> + Send + Sync;

/// A measurement with a tolerance; see the [module](self).
#[derive(Clone)]
#[must_use = "a probe measures nothing until an experiment takes it"]
pub struct Probe {
    name: String,
    measure: Arc<Measure>,
    tolerance: Option<Tolerance>,
    tolerated: Option<String>,
    flaw: Option<String>,
    every: Duration,
    timeout: Duration,
    retries: u32,
    pause: Duration,
    phases: Phases,
}

/// When a probe is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Phases {
    pub(crate) before: bool,
    pub(crate) during: bool,
    pub(crate) after: bool,
}

/// A measured number that still needs to be told what is tolerable.
#[derive(Clone)]
#[must_use = "say what is tolerable: at_most, at_least, within"]
pub struct Value(Probe);

/// A probe that holds while `check` answers true.
pub fn check<F>(name: impl Into<String>, check: impl Fn() -> F + Send + Sync + 'static) -> Probe
where
    F: Future<Output = Result<bool>> + Send + 'static,
{
    reading(name, move || {
        let answer = check();
        async move { Ok(if answer.await? { Reading::pass("ok") } else { Reading::fail("not so") }) }
    })
}

/// A number to be held within a tolerance.
pub fn value<F>(name: impl Into<String>, measure: impl Fn() -> F + Send + Sync + 'static) -> Value
where
    F: Future<Output = Result<f64>> + Send + 'static,
{
    Value(reading(name, move || {
        let number = measure();
        async move { Ok(Reading::value(number.await?)) }
    }))
}

/// A probe that makes its own readings: what the probes of other crates are built on.
pub fn reading<F>(name: impl Into<String>, measure: impl Fn() -> F + Send + Sync + 'static) -> Probe
where
    F: Future<Output = Result<Reading>> + Send + 'static,
{
    Probe {
        name: name.into(),
        measure: Arc::new(move || -> BoxFuture<Result<Reading>> { Box::pin(measure()) }),
        tolerance: None,
        tolerated: None,
        flaw: None,
        every: ms(500),
        timeout: secs(2),
        retries: 0,
        pause: ms(100),
        phases: Phases { before: true, during: true, after: true },
    }
}

impl Value {
    /// A number from readings of one's own, which may also say that there is nothing to measure.
    pub fn of<F>(name: impl Into<String>, measure: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<Reading>> + Send + 'static,
    {
        Self(reading(name, measure))
    }

    /// Tolerable while not above `limit`.
    ///
    /// # Errors
    /// Not a number.
    pub fn at_most(self, limit: f64) -> Result<Probe> {
        self.judged(Tolerance::at_most(limit)?)
    }

    /// Tolerable while not below `limit`.
    ///
    /// # Errors
    /// Not a number.
    pub fn at_least(self, limit: f64) -> Result<Probe> {
        self.judged(Tolerance::at_least(limit)?)
    }

    /// Tolerable from `low` to `high`, both included.
    ///
    /// # Errors
    /// Not numbers, or reversed.
    pub fn within(self, low: f64, high: f64) -> Result<Probe> {
        self.judged(Tolerance::within(low, high)?)
    }

    fn judged(self, tolerance: Tolerance) -> Result<Probe> {
        Ok(Probe { tolerance: Some(tolerance), ..self.0 })
    }
}

impl Probe {
    /// What reports call it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What is tolerable, in words.
    pub fn tolerance(&self) -> String {
        match (&self.tolerated, self.tolerance) {
            (Some(words), _) => words.clone(),
            (None, Some(tolerance)) => tolerance.to_string(),
            (None, None) => "holds".to_owned(),
        }
    }

    /// Says what is tolerable in words of one's own, with units: "at most 250 ms".
    pub fn tolerating(mut self, words: impl Into<String>) -> Self {
        self.tolerated = Some(words.into());
        self
    }

    /// What reports call it, in place of what it was called.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.name = name.into();
        self
    }

    /// How often it is taken while faults are in force; 500 ms unless said otherwise.
    pub fn every(mut self, interval: Duration) -> Self {
        self.every = interval;
        self
    }

    /// How long one attempt may take; 2 s unless said otherwise.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// How often an attempt that does not hold is repeated before the reading counts as failed; none unless said
    /// otherwise.
    pub fn retries(mut self, retries: u32) -> Self {
        self.retries = retries;
        self
    }

    /// How long to wait before a retry; 100 ms unless said otherwise.
    pub fn retry_pause(mut self, pause: Duration) -> Self {
        self.pause = pause;
        self
    }

    /// Only before the faults.
    pub fn only_before(mut self) -> Self {
        self.phases = Phases { before: true, during: false, after: false };
        self
    }

    /// Only while faults are in force.
    pub fn only_during(mut self) -> Self {
        self.phases = Phases { before: false, during: true, after: false };
        self
    }

    /// Only after the faults.
    pub fn only_after(mut self) -> Self {
        self.phases = Phases { before: false, during: false, after: true };
        self
    }

    /// Not while faults are in force: before and after only.
    pub fn around(mut self) -> Self {
        self.phases = Phases { before: true, during: false, after: true };
        self
    }

    /// Says what is wrong with its arguments; an experiment refuses it. For builders that cannot answer with an error.
    pub fn flawed(mut self, why: impl Into<String>) -> Self {
        self.flaw = Some(why.into());
        self
    }

    pub(crate) fn phases(&self) -> Phases {
        self.phases
    }

    pub(crate) fn interval(&self) -> Duration {
        self.every
    }

    pub(crate) fn check_settings(&self) -> Result<()> {
        let of = |what: &str| Error::invalid(format!("probe {:?} has a {what} of zero: use more", self.name));
        if self.name.is_empty() {
            return Err(Error::invalid("a probe needs a name that is not empty"));
        }
        if let Some(flaw) = &self.flaw {
            return Err(Error::invalid(format!("probe {:?}: {flaw}", self.name)));
        }
        if self.every.is_zero() {
            return Err(of("interval"));
        }
        if self.timeout.is_zero() {
            return Err(of("timeout"));
        }
        Ok(())
    }
}

impl fmt::Debug for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Probe").field("name", &self.name).field("tolerance", &self.tolerance()).finish()
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Value").field(&self.0.name).finish()
    }
}
