//! [`Meter`]: measures a client, for the probes of an experiment and the timeline of its report.
//!
//! Where it stands decides what it sees: above retries it sees what callers see, below them each attempt. One meter may
//! have layers in several clients, which it then counts together.
//!
//! ```
//! use chaos_core::units::ms;
//! use chaos_net::Meter;
//! use tower::{Service, ServiceBuilder, ServiceExt};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let meter = Meter::new("payments client");
//! let mut client = ServiceBuilder::new()
//!     .layer(meter.layer())
//!     .service_fn(|cents: u32| async move { if cents > 0 { Ok(()) } else { Err("nothing to pay") } });
//! client.ready().await?.call(100).await?;
//! assert!(client.ready().await?.call(0).await.is_err());
//! assert_eq!(meter.error_rate().now().unwrap(), 0.5.into());
//! let steady = meter.p99().at_most(ms(250))?;                     // a probe for an experiment
//! # let _ = steady;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What is measured
//! | | |
//! |---|---|
//! | latency | from `call` to the end of the service's future, by tokio's clock: virtual while that is paused. Of an HTTP response this is the head; the body comes later |
//! | a failed call | an error, and whatever else the meter was told: [`Meter::http`], [`Meter::judging`] |
//! | a dropped call | failed, after the time it took so far: a timeout above gave up, or the task was cancelled |
//! | readiness | passed through and not measured: a service that cannot get ready has not been called |

mod classify;
mod future;
mod service;
#[cfg(test)]
mod tests;

use std::fmt;
use std::time::Duration;

use chaos_core::measure::{Metric, PerSecond, Recorder, Share};

#[cfg(feature = "http")]
pub use classify::ServerErrorsFail;
pub use classify::{Classify, ErrorsFail, Judge};
pub use future::MeterFuture;
pub use service::{MeterLayer, MeterService};

/// Measures the calls of one client. Clones and layers measure into the same [`Recorder`].
///
/// A call lasts from `call` to the answer; for HTTP that is the head of the response, not its body. A call that is
/// dropped before it is answered (by a timeout above) counts as failed. Time is tokio's, so it is virtual under a
/// paused clock.
#[derive(Clone)]
pub struct Meter<C = ErrorsFail> {
    recorder: Recorder,
    classify: C,
}

impl Meter {
    /// A meter for any service, by the name that reports call it: a call that errs has failed. For HTTP, where a 503
    /// is no error, use [`Meter::http`].
    pub fn new(name: impl Into<String>) -> Self {
        Self { recorder: Recorder::new(name), classify: ErrorsFail }
    }

    /// A meter that asks `is_ok` of each result whether the call succeeded. The closure says its types:
    ///
    /// ```
    /// use chaos_net::Meter;
    /// use std::io;
    /// let meter = Meter::judging("stock", |result: &Result<u32, io::Error>| match result {
    ///     Ok(items) => *items > 0,
    ///     Err(error) => error.kind() == io::ErrorKind::NotFound,
    /// });
    /// # let _ = meter.layer();
    /// ```
    pub fn judging<Res, E, F>(name: impl Into<String>, is_ok: F) -> Meter<Judge<F>>
    where
        F: Fn(&Result<Res, E>) -> bool + Clone,
    {
        Meter { recorder: Recorder::new(name), classify: Judge(is_ok) }
    }
}

/// A meter for HTTP services.
#[cfg(feature = "http")]
pub type HttpMeter = Meter<ServerErrorsFail>;

#[cfg(feature = "http")]
impl Meter<ServerErrorsFail> {
    /// A meter for HTTP services: a call that errs, is answered 5xx, or with a gRPC status other than OK in the head,
    /// has failed.
    pub fn http(name: impl Into<String>) -> Self {
        Self { recorder: Recorder::new(name), classify: ServerErrorsFail }
    }
}

impl<C: Clone> Meter<C> {
    /// The layer that measures into this meter.
    pub fn layer(&self) -> MeterLayer<C> {
        MeterLayer::new(self.recorder.clone(), self.classify.clone())
    }
}

impl<C> Meter<C> {
    /// What was measured; an experiment puts it on its report's timeline.
    pub fn recorder(&self) -> Recorder {
        self.recorder.clone()
    }

    /// The share of calls that failed.
    pub fn error_rate(&self) -> Metric<Share> {
        self.recorder.error_rate()
    }

    /// Half of the calls took at most this long.
    pub fn p50(&self) -> Metric<Duration> {
        self.recorder.p50()
    }

    /// 90 % of the calls took at most this long.
    pub fn p90(&self) -> Metric<Duration> {
        self.recorder.p90()
    }

    /// 99 % of the calls took at most this long.
    pub fn p99(&self) -> Metric<Duration> {
        self.recorder.p99()
    }

    /// Calls per second.
    pub fn throughput(&self) -> Metric<PerSecond> {
        self.recorder.throughput()
    }
}

impl<C> fmt::Debug for Meter<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Meter").field("name", &self.recorder.name()).finish_non_exhaustive()
    }
}
