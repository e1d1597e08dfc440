//! How late a delay is: `chaos_core::Clock` beside tokio's timer and a bare sleep of the kernel, in one run.
//!
//! Prints, for each way to wait and each delay, the error (end minus deadline, in microseconds) at p50 and p99: one sleep
//! at a time, 1,000 that end at the same instant, and 1,000 that end spread over 10 ms.
//!
//! ```text
//! cargo run --release -p chaos-benches --bin delay_accuracy
//! ```

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use chaos_core::{Clock, Result};
use tokio::runtime::{Builder, Runtime};

const DELAYS: [Duration; 4] = [
    Duration::from_micros(200),
    Duration::from_millis(1),
    Duration::from_millis(5),
    Duration::from_millis(50),
];

/// How many sleeps of one shape end together.
const MANY: u32 = 1_000;

/// How far the ends of a spread thousand lie apart in all.
const SPREAD: Duration = Duration::from_millis(10);

/// Time for a thousand tasks to be spawned and to begin their wait before the shortest delay begins.
const RUN_UP: Duration = Duration::from_millis(10);

#[derive(Debug, Clone)]
enum Method {
    Clock(Clock),
    Tokio,
}

impl Method {
    async fn sleep(&self, duration: Duration) {
        match self {
            Self::Clock(clock) => clock.sleep(duration).await,
            #[expect(clippy::disallowed_methods, reason = "measured here, as the thing to be better than")]
            Self::Tokio => tokio::time::sleep(duration).await,
        }
    }
}

fn main() -> Result<()> {
    let multi = Builder::new_multi_thread().enable_all().build()?;
    let current = Builder::new_current_thread().enable_all().build()?;
    let rows = [
        ("clock, multi-thread", &multi, Method::Clock(Clock::auto())),
        ("clock, current-thread", &current, Method::Clock(Clock::auto())),
        ("spinning, multi-thread", &multi, Method::Clock(Clock::spinning())),
        ("spinning, current-thread", &current, Method::Clock(Clock::spinning())),
        ("tokio, multi-thread", &multi, Method::Tokio),
        ("tokio, current-thread", &current, Method::Tokio),
    ];

    let mut out = io::stdout();
    writeln!(out, "error in us, p50 / p99; {} cpus", thread::available_parallelism()?)?;
    writeln!(
        out,
        "{:<26} {:>8} {:>16} {:>20} {:>20}",
        "method", "delay", "single", "1000 at once", "1000 over 10 ms"
    )?;
    for delay in DELAYS {
        writeln!(out, "{:<26} {delay:>8?} {:>16}", "bare kernel sleep", percentiles(bare(delay)))?;
        for (name, runtime, method) in &rows {
            let single = percentiles(single(runtime, method, delay));
            let at_once = percentiles(many(runtime, method, delay, Duration::ZERO));
            let spread = percentiles(many(runtime, method, delay, SPREAD));
            writeln!(out, "{name:<26} {delay:>8?} {single:>16} {at_once:>20} {spread:>20}")?;
        }
    }
    Ok(())
}

/// How often to repeat single sleeps of `delay`: about four seconds in all, at most 1,000.
fn repeats(delay: Duration) -> u32 {
    (4_000 / delay.as_millis().max(1)).clamp(50, 1_000) as u32
}

/// `nanosleep` on a thread of its own, without the kernel's slack.
fn bare(delay: Duration) -> Vec<Duration> {
    let sleeps = thread::spawn(move || {
        #[cfg(target_os = "linux")]
        let _ = rustix::thread::set_current_timer_slack(Some(std::num::NonZeroU64::MIN));
        (0..repeats(delay))
            .map(|_| {
                let deadline = Instant::now() + delay;
                thread::sleep(delay);
                Instant::now().saturating_duration_since(deadline)
            })
            .collect()
    });
    sleeps.join().unwrap_or_default()
}

/// One sleep at a time, in a spawned task, as a request would.
fn single(runtime: &Runtime, method: &Method, delay: Duration) -> Vec<Duration> {
    let method = method.clone();
    let sleeps = runtime.spawn(async move {
        let mut errors = Vec::new();
        for _ in 0..repeats(delay) {
            let deadline = Instant::now() + delay;
            method.sleep(delay).await;
            errors.push(Instant::now().saturating_duration_since(deadline));
        }
        errors
    });
    runtime.block_on(sleeps).unwrap_or_default()
}

/// [`MANY`] sleeps in a task each, whose ends lie evenly over `spread`; ten times over.
fn many(runtime: &Runtime, method: &Method, delay: Duration, spread: Duration) -> Vec<Duration> {
    let errors = Arc::new(Mutex::new(Vec::new()));
    for _ in 0..10 {
        let end = Instant::now() + RUN_UP + delay;
        let sleeps: Vec<_> = (0..MANY)
            .map(|n| {
                let (method, errors) = (method.clone(), Arc::clone(&errors));
                runtime.spawn(async move {
                    let deadline = end + spread * n / MANY;
                    method.sleep(deadline.saturating_duration_since(Instant::now())).await;
                    let error = Instant::now().saturating_duration_since(deadline);
                    errors.lock().unwrap_or_else(PoisonError::into_inner).push(error);
                })
            })
            .collect();
        runtime.block_on(async {
            for sleep in sleeps {
                // A task that panicked is missing from the figures, which its message explains.
                let _ = sleep.await;
            }
        });
    }
    let errors = errors.lock().unwrap_or_else(PoisonError::into_inner);
    errors.clone()
}

fn percentiles(mut errors: Vec<Duration>) -> String {
    errors.sort_unstable();
    let at =
        |share: usize| errors.get(errors.len() * share / 100).map_or(f64::NAN, |e| e.as_secs_f64() * 1e6);
    format!("{:.0} / {:.0}", at(50), at(99))
}
