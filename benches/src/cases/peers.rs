//! The peers around the same service, at their cheapest and at their usual.

use std::error::Error;
use std::io;
use std::sync::OnceLock;
use std::time::Duration;

use seatbelt::ResilienceContext;
use seatbelt::chaos::injection::Injection;
use seatbelt::chaos::latency::Latency;
use tick::Clock;
use tokio::runtime::{Builder, Runtime};
use tower::Layer;
use tower_resilience_chaos::CustomErrorFn;

use super::layer::{NEVER, bare, number};
use crate::drive::calls;
use crate::{Case, Worker};

type Result<T = Vec<Worker>> = std::result::Result<T, Box<dyn Error>>;

const SOME: Duration = Duration::from_millis(1);

pub(super) const CASES: &[Case] = &[
    peer("seatbelt: latency, disabled", |n| {
        Ok(calls(
            &Latency::layer("bench", &context()?).rate(0.5).latency(SOME).enable(false).layer(bare()),
            number,
            (),
            n,
        ))
    }),
    peer("seatbelt: latency, rate 1e-9", |n| {
        Ok(calls(
            &Latency::layer("bench", &context()?).rate(NEVER).latency(SOME).layer(bare()),
            number,
            (),
            n,
        ))
    }),
    peer("seatbelt: injection, rate 1e-9", |n| {
        let layer = Injection::layer("bench", &context()?).rate(NEVER).output_error_with(|_, _| reset());
        Ok(calls(&layer.layer(bare()), number, (), n))
    }),
    peer("tower-fault: error, never", |n| {
        Ok(calls(&tower_fault::error::ErrorLayer::new(false, |_: &u64| reset()).layer(bare()), number, (), n))
    }),
    peer("tower-fault: error, rate 1e-9", |n| {
        Ok(calls(&tower_fault::error::ErrorLayer::new(NEVER, |_: &u64| reset()).layer(bare()), number, (), n))
    }),
    peer("tower-fault: latency, rate 1e-9", |n| {
        Ok(calls(&tower_fault::latency::LatencyLayer::new(NEVER, 1..2).layer(bare()), number, (), n))
    }),
    peer("tower-resilience-chaos: rates 0", |n| Ok(calls(&resilience(0.0).layer(bare()), number, (), n))),
    peer("tower-resilience-chaos: rates 1e-9", |n| {
        Ok(calls(&resilience(NEVER).layer(bare()), number, (), n))
    }),
];

const fn peer(name: &'static str, start: fn(usize) -> Result) -> Case {
    Case { name, limit: None, allocates: true, start }
}

fn reset() -> io::Error {
    io::ErrorKind::ConnectionReset.into()
}

fn context() -> Result<ResilienceContext<u64, io::Result<u64>>> {
    // The clock's timers live in a runtime, which must outlive them.
    static RUNTIME: OnceLock<Option<Runtime>> = OnceLock::new();
    let runtime = RUNTIME.get_or_init(|| Builder::new_current_thread().enable_time().build().ok());
    let _inside = runtime.as_ref().ok_or("no runtime for seatbelt's clock")?.enter();
    Ok(ResilienceContext::new(Clock::new_tokio()))
}

type Resilience = tower_resilience_chaos::ChaosLayer<CustomErrorFn<fn(&u64) -> io::Error>>;

fn resilience(rate: f64) -> Resilience {
    let make: fn(&u64) -> io::Error = |_| reset();
    tower_resilience_chaos::ChaosLayer::builder()
        .name("bench")
        .seed(7)
        .error_rate(rate)
        .error_fn(make)
        .latency_rate(rate)
        .build()
}
