//! [`Meter`]: measures a client, for the probes of an experiment and the timeline of its report.
//!
//! Where it stands decides what it sees: above retries it sees what callers see, below them each attempt.
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
    /// A meter for any service: a call that errs has failed.
    pub fn new(name: impl Into<String>) -> Self {
        Self { recorder: Recorder::new(name), classify: ErrorsFail }
    }

    /// A meter that asks `is_ok` of each result whether the call succeeded.
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
