//! The peers around the same reader and writer, at their cheapest and at their usual.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use partial_io::{PartialAsyncRead, PartialAsyncWrite, PartialOp};
use tokio::runtime::Builder;
use tokio_netem::corrupter::Corrupter;
use tokio_netem::io::NetEmWriteExt;
use tokio_netem::terminator::Terminator;

use super::io::{LARGE, SMALL};
use super::layer::NEVER;
use crate::transfer::{Source, Target, copies, reads};
use crate::{Case, Worker};

type Result<T = Vec<Worker>> = std::result::Result<T, Box<dyn Error>>;

pub(super) const CASES: &[Case] = &[
    peer("partial-io: 64 B read, no operations", |n| {
        Ok(reads(SMALL, || PartialAsyncRead::new(Source, []), (), n))
    }),
    peer("partial-io: 64 B read, all unlimited", |n| {
        Ok(reads(SMALL, || PartialAsyncRead::new(Source, unlimited()), (), n))
    }),
    peer("tokio-netem: 64 B read, Terminator 0", |n| {
        Ok(reads(SMALL, || Terminator::from_seed(Source, 0.0, SEED), (), n))
    }),
    peer("tokio-netem: 64 B read, Terminator 1e-9", |n| {
        Ok(reads(SMALL, || Terminator::from_seed(Source, NEVER, SEED), (), n))
    }),
    peer("tokio-netem: 64 B read, Corrupter 0", |n| {
        Ok(reads(SMALL, || Corrupter::from_seed(Source, 0.0, SEED), (), n))
    }),
];

pub(super) const COPIES: &[Case] = &[
    peer("partial-io: 64 KiB copy, no operations", |n| {
        let pair = || (PartialAsyncRead::new(Source, []), PartialAsyncWrite::new(Target::default(), []));
        Ok(copies(LARGE, pair, (), n))
    }),
    peer("tokio-netem: 64 KiB copy, Terminator 0", |n| {
        let target = || Terminator::from_seed(Target::default(), 0.0, SEED);
        Ok(copies(LARGE, move || (Terminator::from_seed(Source, 0.0, SEED), target()), (), n))
    }),
    peer("tokio-netem: 64 KiB copy, throttle, slices and delay 0", |n| {
        // Their timers are made when they are, in a runtime.
        let runtime = Arc::new(Builder::new_current_thread().enable_time().build()?);
        let _inside = runtime.enter();
        let target = || Target::default().throttle_writes(0).slice_writes(0).delay_writes(Duration::ZERO);
        Ok(copies(LARGE, move || (Source, target()), Arc::clone(&runtime), n))
    }),
];

const SEED: [u8; 32] = [7; 32];

const fn peer(name: &'static str, start: fn(usize) -> Result) -> Case {
    Case { name, limit: None, allocates: true, start }
}

fn unlimited() -> impl Iterator<Item = PartialOp> + Send {
    std::iter::repeat(PartialOp::Unlimited)
}
