//! A reader and a writer of ours around objects that are ready at once.

use std::error::Error;
use std::time::Duration;

use chaos_core::{Chaos, Delay, Point, Rule};
use chaos_io::{ChaosReader, ChaosWriter, Io, IoKind, kind};

use crate::transfer::{Source, Target, blocking_reads, copies, reads, writes};
use crate::{Case, Worker};

type Result<T = Vec<Worker>> = std::result::Result<T, Box<dyn Error>>;

/// Small, so that the wrapper is what counts.
pub(super) const SMALL: usize = 64;
/// What tokio and the standard library move at a time at most.
pub(super) const LARGE: usize = 64 * 1024;

pub(super) const CASES: &[Case] = &[
    case("io: 64 B read, bare", None, |n| Ok(reads(SMALL, || Source, (), n))),
    case("io: 64 B read, chaos off", Some(84), |n| read(vec![], n)),
    case("io: 64 B read, chaos armed, not matching", Some(230), |n| read(vec![other_kind()], n)),
    case("io: 64 B read, std::io, bare", None, |n| Ok(blocking_reads(SMALL, || Source, (), n))),
    case("io: 64 B read, std::io, chaos off", Some(62), |n| {
        let point = Chaos::seeded(7).point("bench")?;
        Ok(blocking_reads(SMALL, move || ChaosReader::new(Source, point.clone()), (), n))
    }),
    case("io: 64 B write, bare", None, |n| Ok(writes(SMALL, Target::default, (), n))),
    case("io: 64 B write, chaos off", Some(72), |n| {
        let point = Chaos::seeded(7).point("bench")?;
        Ok(writes(SMALL, move || ChaosWriter::new(Target::default(), point.clone()), (), n))
    }),
];

pub(super) const COPIES: &[Case] = &[
    case("io: 64 KiB copy, bare", None, |n| Ok(copies(LARGE, || (Source, Target::default()), (), n))),
    case("io: 64 KiB copy, chaos off", None, |n| copy(vec![], n)),
    case("io: 64 KiB copy, chaos armed, not matching", None, |n| copy(vec![other_kind()], n)),
];

const fn case(name: &'static str, limit: Option<u32>, start: fn(usize) -> Result) -> Case {
    Case { name, limit, allocates: false, start }
}

fn other_kind() -> Rule<Io> {
    chaos_io::latency(Delay::fixed(Duration::ZERO)).when(kind(IoKind::Seek))
}

fn read(rules: Vec<Rule<Io>>, workers: usize) -> Result {
    let point: Point<Io> = Chaos::seeded(7).point("bench")?;
    let armed = super::arm(&point, rules)?;
    Ok(reads(SMALL, move || ChaosReader::new(Source, point.clone()), armed, workers))
}

fn copy(rules: Vec<Rule<Io>>, workers: usize) -> Result {
    let point: Point<Io> = Chaos::seeded(7).point("bench")?;
    let armed = super::arm(&point, rules)?;
    let pair = move || {
        let reader = ChaosReader::new(Source, point.clone());
        (reader, ChaosWriter::new(Target::default(), point.clone()))
    };
    Ok(copies(LARGE, pair, armed, workers))
}
