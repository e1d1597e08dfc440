//! Runs a body under one seed after the other, each on a thread of its own.

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

use super::Which;
use crate::chaos::Chaos;

pub(super) type Body = dyn Fn(Chaos) -> Result<(), String> + Send + Sync;

/// The first seed that failed, and why.
#[derive(Debug)]
pub(super) struct Failure {
    /// None when no seed was to blame.
    pub(super) seed: Option<u64>,
    passed: u64,
    of: u64,
    why: String,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { seed, passed, of, why } = self;
        match seed {
            Some(seed) if *of > 1 => {
                write!(f, "seed {seed} failed (after {passed} of {of} that passed): {why}")
            }
            Some(seed) => write!(f, "seed {seed} failed: {why}"),
            None => f.write_str(why),
        }
    }
}

pub(super) fn first_failure(which: Which, limit: Duration, body: &Arc<Body>) -> Result<(), Failure> {
    let (from, count) = match which {
        Which::First(count) => (0, count),
        Which::One(seed) => (seed, 1),
    };
    if count == 0 {
        let why = "no seeds to run: a test under 0 seeds tests nothing".to_owned();
        return Err(Failure { seed: None, passed: 0, of: 0, why });
    }
    for passed in 0..count {
        let seed = from + passed;
        run_one(seed, limit, body).map_err(|why| Failure { seed: Some(seed), passed, of: count, why })?;
    }
    Ok(())
}

/// On a thread of its own, so that a body which blocks for ever, or sits in a paused runtime, still meets its limit.
fn run_one(seed: u64, limit: Duration, body: &Arc<Body>) -> Result<(), String> {
    let (tell, told) = channel();
    let body = Arc::clone(body);
    // The harness's name for the test, so that the message of a panic shows it.
    let name = thread::current().name().unwrap_or("seeds").to_owned();
    let thread = thread::Builder::new()
        .name(name)
        .spawn(move || {
            let outcome = catch_unwind(AssertUnwindSafe(|| body(Chaos::seeded(seed))));
            // The other end is gone only where the limit was reached.
            let _ = tell.send(outcome.unwrap_or_else(|panic| Err(message(&*panic))));
        })
        .map_err(|err| format!("its thread could not be started: {err}"))?;
    match told.recv_timeout(limit) {
        Ok(outcome) => {
            // What the body leaves in thread-locals is dropped before the next seed begins.
            thread.join().map_err(|panic| message(&*panic))?;
            outcome
        }
        Err(RecvTimeoutError::Timeout) => Err(format!("it did not end within {limit:?}")),
        Err(RecvTimeoutError::Disconnected) => Err("its thread ended without a word".to_owned()),
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    match (panic.downcast_ref::<&str>(), panic.downcast_ref::<String>()) {
        (Some(text), _) => (*text).to_owned(),
        (None, Some(text)) => text.clone(),
        (None, None) => "a panic without a message".to_owned(),
    }
}
