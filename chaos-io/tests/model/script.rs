//! Scripts of faults that change no byte.

use chaos_core::units::us;
use std::future::Future;

use chaos_core::{Armed, Chaos, Delay, Point, Result, Rule};
use chaos_io::Io;
use proptest::prelude::*;

#[derive(Debug, Clone)]
pub(crate) enum Fault {
    Latency(u64),
    LatencyAfter(u64),
    Short(usize),
    Storm(u32),
    Interrupted,
    Throttle(u64),
    Burst(u64, u64),
}

#[derive(Debug, Clone)]
pub(crate) enum When {
    Often(f64),
    Every(u64),
    First(u64),
}

#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub(crate) faults: Vec<(Fault, When)>,
    pub(crate) seed: u64,
    /// Everything is reverted after so many operations.
    pub(crate) revert_after: Option<usize>,
}

impl Fault {
    fn rule(&self) -> Result<Rule<Io>> {
        match *self {
            Self::Latency(micros) => Ok(chaos_io::latency(Delay::fixed(us(micros)))),
            Self::LatencyAfter(micros) => Ok(chaos_io::latency_after(Delay::fixed(us(micros)))),
            Self::Short(bytes) => chaos_io::short(bytes),
            Self::Storm(polls) => chaos_io::pending_storm(polls),
            Self::Interrupted => Ok(chaos_io::interrupted()),
            Self::Throttle(rate) => chaos_io::throttle(rate),
            Self::Burst(rate, burst) => chaos_io::throttle_with_burst(rate, burst),
        }
    }
}

impl Script {
    pub(crate) fn arm(&self, point: &Point<Io>) -> Result<Vec<Armed<Io>>> {
        let arm = |(fault, when): &(Fault, When)| {
            let rule = match *when {
                When::Often(chance) => fault.rule()?.probability(chance)?,
                When::Every(n) => fault.rule()?.every(n)?,
                When::First(n) => fault.rule()?.first(n)?,
            };
            point.arm(rule)
        };
        self.faults.iter().map(arm).collect()
    }

    pub(crate) fn point(&self) -> Point<Io> {
        Chaos::seeded(self.seed).point("model").unwrap()
    }
}

fn fault() -> impl Strategy<Value = Fault> {
    prop_oneof![
        (0..50_000_u64).prop_map(Fault::Latency),
        (0..50_000_u64).prop_map(Fault::LatencyAfter),
        (1..20_usize).prop_map(Fault::Short),
        (1..5_u32).prop_map(Fault::Storm),
        Just(Fault::Interrupted),
        (100..1_000_000_u64).prop_map(Fault::Throttle),
        (100..1_000_000_u64, 1..500_u64).prop_map(|(rate, burst)| Fault::Burst(rate, burst)),
    ]
}

fn when() -> impl Strategy<Value = When> {
    // An interruption each time would be one for ever.
    prop_oneof![
        (0.05..0.9).prop_map(When::Often),
        (2..5_u64).prop_map(When::Every),
        (1..10_u64).prop_map(When::First),
    ]
}

pub(crate) fn script() -> impl Strategy<Value = Script> {
    (proptest::collection::vec((fault(), when()), 1..5), any::<u64>(), proptest::option::of(0..20_usize))
        .prop_map(|(faults, seed, revert_after)| Script { faults, seed, revert_after })
}

/// A runtime whose time is virtual.
pub(crate) fn run<T>(test: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.unwrap().block_on(test)
}
