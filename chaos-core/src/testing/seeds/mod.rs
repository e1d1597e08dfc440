//! [`Seeds`]: a test body, many seeds, and the line that replays the first that fails.
//!
//! ```
//! use chaos_core::{Chaos, Delay, Error, point::{Step, step}, testing::Seeds, units::ms};
//! struct Commit;
//! impl Step for Commit { const NAME: &'static str = "commit"; type Error = std::io::Error; }
//!
//! // The whole body of a `#[test]`, no macro needed.
//! Seeds::first(20).run(|chaos: Chaos| async move {
//!     let commits = chaos.point::<Commit>("commit")?;
//!     let slow = commits.arm(step::latency(Delay::fixed(ms(1))).probability(0.5)?)?;
//!     for _ in 0..4 {
//!         commits.pass(&Commit).await.map_err(Error::from)?;
//!     }
//!     assert!(slow.hits() <= 4, "whatever the seed");
//!     Ok::<(), Error>(())
//! });
//! ```

mod outcome;
mod replay;
mod runner;
#[cfg(test)]
mod tests;

pub use outcome::Outcome;

use std::fmt;
use std::future::Future;
use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};

use crate::chaos::Chaos;
use crate::units::secs;
use replay::Replay;
use runner::{Body, first_failure};

type MakeRuntime = dyn Fn() -> io::Result<Runtime> + Send + Sync;

/// A test body's seeds. Each gets a fresh handle, a fresh runtime and a thread of its own; the first that panics, returns
/// an `Err` or does not end in time ends the run and fails the test with the one line that replays it:
///
/// ```text
/// seed 17 failed (after 17 of 200 that passed): no more than 3 retries
/// replay: CHAOS_SEED=17 cargo test -p shop retries_are_bounded -- --exact
/// ```
///
/// The environment variable `CHAOS_SEED`, decimal or `0x` and hexadecimal, runs that one seed instead, whatever the test
/// says. A body that does not end in time is left behind on its thread until the test process ends.
#[must_use = "seeds do nothing until they are run"]
pub struct Seeds {
    which: Which,
    limit: Duration,
    runtime: Arc<MakeRuntime>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Which {
    First(u64),
    One(u64),
}

impl Seeds {
    /// The seeds from 0 to `count - 1`.
    pub fn first(count: u64) -> Self {
        let runtime = || Builder::new_current_thread().enable_all().build();
        Self { which: Which::First(count), limit: secs(60), runtime: Arc::new(runtime) }
    }

    /// This seed alone, by hand. `CHAOS_SEED` still says otherwise.
    pub fn seed(mut self, seed: u64) -> Self {
        self.which = Which::One(seed);
        self
    }

    /// How long each seed may take, on the real clock; 60 s unless said.
    pub fn within(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// The runtime for each seed: paused, multi-threaded. A current-thread one with everything enabled unless said.
    pub fn runtime(mut self, make: impl Fn() -> io::Result<Runtime> + Send + Sync + 'static) -> Self {
        self.runtime = Arc::new(make);
        self
    }

    /// Runs an asynchronous body under each seed.
    ///
    /// # Panics
    /// With the seed that failed and the line that replays it: it is an assertion.
    #[track_caller]
    pub fn run<B, F>(self, body: B)
    where
        B: Fn(Chaos) -> F + Send + Sync + 'static,
        F: Future<Output: Outcome>,
    {
        let make = Arc::clone(&self.runtime);
        let body = move |chaos| {
            let runtime = make().map_err(|err| format!("the runtime could not be made: {err}"))?;
            runtime.block_on(body(chaos)).failure().map_or(Ok(()), Err)
        };
        self.run_body(Arc::new(body));
    }

    /// Runs a synchronous body under each seed, outside any runtime.
    ///
    /// # Panics
    /// As [`run`](Seeds::run).
    #[track_caller]
    pub fn run_blocking<B, R>(self, body: B)
    where
        B: Fn(Chaos) -> R + Send + Sync + 'static,
        R: Outcome,
    {
        self.run_body(Arc::new(move |chaos| body(chaos).failure().map_or(Ok(()), Err)));
    }

    #[track_caller]
    fn run_body(self, body: Arc<Body>) {
        if let Err(why) = self.verdict(&Replay::here(), Replay::variable().as_deref(), &body) {
            fail(&why);
        }
    }

    /// What the test ends with. `variable` is the seed that the environment asks for.
    fn verdict(&self, replay: &Replay, variable: Option<&str>, body: &Arc<Body>) -> Result<(), String> {
        let which = match variable {
            Some(text) => Which::One(replay::parse(text)?),
            None => self.which,
        };
        first_failure(which, self.limit, body).map_err(|failure| match failure.seed {
            Some(seed) => format!("{failure}\nreplay: {}", replay.line(seed)),
            None => failure.to_string(),
        })
    }
}

#[track_caller]
#[expect(clippy::panic, reason = "an assertion: this is how a test fails")]
fn fail(why: &str) -> ! {
    panic!("{why}")
}

impl fmt::Debug for Seeds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Seeds")
            .field("which", &self.which)
            .field("limit", &self.limit)
            .finish_non_exhaustive()
    }
}
