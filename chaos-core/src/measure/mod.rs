//! Measuring one client's calls: the [`Recorder`] behind metric probes and the report's timeline.
//!
//! Latencies go into histograms (two significant digits, so within 1 %) of 100 ms each. Older ones are merged pairwise
//! again and again, so that memory grows with the logarithm of time, and a question about the last minute is still
//! answered to the 100 ms. Time comes from the caller, as [`tokio::time::Instant`]: under a paused clock it is virtual.
//!
//! | file | what it holds |
//! |---|---|
//! | `recorder` | [`Recorder`], shared by whoever records and whoever asks |
//! | `call` | [`Call`], one call in flight |
//! | `window` | [`Window`], the answer over a stretch of time |
//! | `metric` | [`Metric`], the same as probes: error rate, percentiles, throughput |
//! | `history`, `bucket` | the histograms and how they age |
//!
//! ```
//! use chaos_core::measure::Recorder;
//! use chaos_core::units::{ms, secs};
//! use tokio::time::Instant;
//!
//! let now = Instant::now();
//! let payments = Recorder::starting_at("payments", now);
//! assert!(payments.window(secs(5), now).is_empty());              // nothing measured: no error rate, not 0 %
//! for took in [10, 12, 90] {
//!     payments.record(now + ms(took), ms(took), took < 50);
//! }
//! let window = payments.window(secs(5), now + secs(1));
//! assert_eq!((window.calls, window.errors), (3, 1));
//! assert_eq!(window.throughput_per_s(), Some(3.0));
//! let latency = window.latency.expect("there were calls");
//! assert!(latency.p50 >= ms(12) && latency.p50 < ms(13));
//! assert_eq!(latency.max, ms(90));
//! ```

mod bucket;
mod call;
mod history;
mod metric;
mod recorder;
#[cfg(test)]
mod tests;
mod window;

pub use call::Call;
pub use metric::{Measured, Metric, PerSecond, Share};
pub use recorder::Recorder;
pub use window::{Latency, Window};
