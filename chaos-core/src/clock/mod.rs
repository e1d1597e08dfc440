//! [`Clock`]: the handle through which all waiting goes.
//!
//! A delay of 200 us has to be 200 us in production and has to cost nothing in a test. Tokio's own timer has ticks of a
//! millisecond and rounds up, so it makes 1 to 2 ms of 200 us; a paused runtime has to be obeyed all the same. So every
//! sleep looks at the runtime it is made in: on tokio's paused clock it is tokio's (virtual, advanced by the runtime
//! when there is nothing else to do), otherwise it is woken by a thread of this clock that waits in the kernel with
//! nanosecond slack.
//!
//! ```
//! use chaos_core::{Clock, units::{secs, us}};
//! # use std::time::Instant;
//! # tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap().block_on(async {
//! let clock = Clock::auto();
//! let begun = Instant::now();
//! clock.sleep(secs(30)).await;                                    // a paused test: no real waiting
//! assert!(begun.elapsed() < secs(30));
//!
//! Clock::real().sleep(us(200)).await;                             // 200 us, whatever the runtime's clock does
//!
//! let late = clock.timeout(secs(1), std::future::pending::<()>()).await.unwrap_err();
//! assert!(late.is_timeout());
//! assert!(clock.require_real("an http probe").unwrap_err().is_clock());
//! # });
//! ```
//!
//! # How precise
//!
//! A sleep is never early. It is late by two wakes of the kernel (the thread of the clock, then the worker of the
//! runtime) and by whatever the worker is busy with. Many sleeps that end together do not pay those wakes each: the
//! thread wakes the first ones, and every sleep that ends wakes a few more from inside its own runtime, where a wake is
//! a push on a queue. `benches/src/bin/delay_accuracy.rs` prints the figures of a machine beside tokio's and beside a
//! bare kernel sleep. Outside Linux the thread waits as exactly as a `Condvar` of that system does. Who needs the last
//! microseconds pays with a busy core: [`Clock::spinning`].

mod blocking;
mod paused;
mod sleep;
mod timer;

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::Instant;

pub use sleep::Sleep;

use crate::error::{Error, Result};
use timer::Timer;

/// How long before its end a spinning wait stops trusting the kernel: past nearly all its wake-up latencies.
const SPIN: Duration = Duration::from_micros(200);

/// Instants further away than this are as good as never, and adding more could overflow: 30 years, as in tokio.
const FAR: Duration = Duration::from_secs(86_400 * 365 * 30);

/// Now, sleeps and timeouts; cheap to clone. See the [module](self).
#[derive(Clone)]
pub struct Clock {
    inner: Arc<Inner>,
}

struct Inner {
    kind: Kind,
    timer: Arc<Timer>,
}

enum Kind {
    /// What the runtime at hand says.
    Auto,
    Real,
    Spinning,
    /// The virtual time of this runtime, on whatever thread.
    Paused(Handle),
}

impl Clock {
    fn new(kind: Kind) -> Self {
        Self { inner: Arc::new(Inner { kind, timer: Arc::new(Timer::new()) }) }
    }

    /// Virtual where tokio's clock is paused, real and precise everywhere else. The default.
    pub fn auto() -> Self {
        Self::new(Kind::Auto)
    }

    /// Real even inside a paused runtime: for what must really wait there. Such a runtime believes itself idle while
    /// one waits, and runs its own virtual timers ahead.
    pub fn real() -> Self {
        Self::new(Kind::Real)
    }

    /// The virtual time of the paused runtime it is made in, wherever it is used: foreign threads of a paused test have
    /// no runtime to look at and would read as real.
    ///
    /// Should the runtime resume its clock, sleeps of this clock end in real time, with tokio's rounding. Once the
    /// runtime is gone they panic, as tokio's do.
    ///
    /// # Errors
    /// [`Error::clock`] outside a runtime, or in one whose clock is not paused.
    pub fn paused() -> Result<Self> {
        let handle = Handle::try_current().map_err(|source| {
            Error::clock("a paused clock is a runtime's: make it inside the paused test").with_source(source)
        })?;
        if paused::is_paused() {
            return Ok(Self::new(Kind::Paused(handle)));
        }
        Err(Error::clock(
            "this runtime's clock is not paused: use start_paused = true or tokio::time::pause()",
        ))
    }

    /// As [`auto`](Clock::auto), and on the real clock precise to single microseconds: the last 0.2 ms of every wait burn
    /// a core. Other tasks of the runtime still get their turn until the last 2 us.
    pub fn spinning() -> Self {
        Self::new(Kind::Spinning)
    }

    /// The time, virtual where the clock is.
    pub fn now(&self) -> Instant {
        match &self.inner.kind {
            Kind::Auto | Kind::Spinning => Instant::now(),
            Kind::Real => std::time::Instant::now().into(),
            Kind::Paused(handle) => {
                let _inside = handle.enter();
                Instant::now()
            }
        }
    }

    /// Whether waiting here and now is virtual.
    ///
    /// Found by reading clocks, without tokio's `test-util`: tokio's, the system's, tokio's again. One that
    /// moves is real. Outside a runtime time is real.
    pub fn is_paused(&self) -> bool {
        match &self.inner.kind {
            Kind::Auto | Kind::Spinning => paused::is_paused(),
            Kind::Real => false,
            Kind::Paused(_) => true,
        }
    }

    /// Ends `duration` after this call. Zero is over at once; what no instant can hold (beyond 30 years) never ends in
    /// practice. Dropping the future takes the wait back.
    ///
    /// # Panics
    /// On a paused clock, in a runtime built without `enable_time`: its timers are tokio's.
    pub fn sleep(&self, duration: Duration) -> Sleep {
        if duration.is_zero() {
            return Sleep::over();
        }
        let duration = duration.min(FAR);
        if !self.is_paused() {
            let spin = if matches!(self.inner.kind, Kind::Spinning) { SPIN } else { Duration::ZERO };
            return Sleep::precise(Arc::clone(&self.inner.timer), std::time::Instant::now() + duration, spin);
        }
        match &self.inner.kind {
            Kind::Paused(handle) => {
                let _inside = handle.enter();
                Sleep::tokio(duration)
            }
            _ => Sleep::tokio(duration),
        }
    }

    /// Blocks the thread for `duration`: for points in code that is not async.
    ///
    /// On a paused clock it returns at once and no time passes: virtual time moves only while the runtime is idle, which
    /// it cannot be while it is in this call.
    pub fn sleep_blocking(&self, duration: Duration) {
        if duration.is_zero() || self.is_paused() {
            return;
        }
        let spin = if matches!(self.inner.kind, Kind::Spinning) { SPIN } else { Duration::ZERO };
        blocking::sleep(std::time::Instant::now() + duration.min(FAR), spin);
    }

    /// What `future` gives within `limit`, counted from this call. A future that is ready wins over a limit that is over.
    ///
    /// # Errors
    /// [`Error::timeout`] when it is not done by then; the future is dropped.
    pub fn timeout<F: Future>(
        &self,
        limit: Duration,
        future: F,
    ) -> impl Future<Output = Result<F::Output>> + use<F> {
        let sleep = self.sleep(limit);
        async move {
            let (mut sleep, mut future) = (pin!(sleep), pin!(future));
            poll_fn(|cx| match future.as_mut().poll(cx) {
                Poll::Ready(value) => Poll::Ready(Ok(value)),
                Poll::Pending => sleep.as_mut().poll(cx).map(|()| {
                    Err(Error::timeout(format!(
                        "not done within {limit:?}: allow more time or see what it waits for"
                    )))
                }),
            })
            .await
        }
    }

    /// Refuses a paused clock: sockets and other processes live in real time, where a virtual timeout of 30 s is over
    /// at once. `what` begins the message: "an http probe".
    ///
    /// # Errors
    /// [`Error::clock`] when [`is_paused`](Clock::is_paused).
    pub fn require_real(&self, what: &str) -> Result<()> {
        if self.is_paused() {
            return Err(Error::clock(format!(
                "{what} needs real time and this clock is paused: run it without start_paused, or give it Clock::real()"
            )));
        }
        Ok(())
    }
}

impl Default for Clock {
    fn default() -> Self {
        Self::auto()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.inner.kind {
            Kind::Auto => "Clock::auto()",
            Kind::Real => "Clock::real()",
            Kind::Spinning => "Clock::spinning()",
            Kind::Paused(_) => "Clock::paused()",
        })
    }
}

#[cfg(test)]
mod tests;
