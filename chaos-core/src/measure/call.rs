//! [`Call`]: one call in flight, which is counted whatever becomes of it.
//!
//! ```
//! use chaos_core::measure::Recorder;
//! use chaos_core::units::{ms, secs};
//! use tokio::time::Instant;
//!
//! let now = Instant::now();
//! let payments = Recorder::starting_at("payments", now);
//! let call = payments.start(now);
//! assert_eq!(payments.in_flight(), 1);
//! call.end(now + ms(12), true);
//! drop(payments.start(now));                                      // a timeout above us gave up
//! assert_eq!((payments.in_flight(), payments.abandoned()), (0, 1));
//! assert_eq!(payments.window(secs(1), now + ms(20)).errors, 1);
//! ```

use tokio::time::Instant;

use super::recorder::Recorder;

/// One call in flight. Made by [`Recorder::start`].
///
/// Dropped without [`end`](Call::end), the call was given up by whoever waited for it (a timeout, a shutdown). It then
/// counts as failed, with the time it took so far by tokio's clock: otherwise a service that hangs below a timeout
/// would look like one that nobody calls.
#[derive(Debug)]
#[must_use = "a call that is dropped counts as given up"]
pub struct Call {
    recorder: Recorder,
    started: Instant,
    open: bool,
}

impl Call {
    pub(super) fn new(recorder: Recorder, started: Instant) -> Self {
        Self { recorder, started, open: true }
    }

    /// The call came back at `at`.
    pub fn end(mut self, at: Instant, ok: bool) {
        self.open = false;
        self.recorder.record(at, at.saturating_duration_since(self.started), ok);
    }

    /// Leaves no trace: the call was not one after all (a hedge that was not needed).
    pub fn forget(mut self) {
        self.open = false;
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.recorder.leave(self.open);
        if self.open {
            let now = Instant::now();
            self.recorder.record(now, now.saturating_duration_since(self.started), false);
        }
    }
}
