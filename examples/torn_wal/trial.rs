//! One trial: a log is written until the power fails, read back, written on, three times over.

use std::fmt;
use std::io;

use chaos_core::Chaos;
use chaos_io::fs::Crash;
use chaos_io::{ChaosFs, Io, error};

use crate::wal::{Care, Wal};

type Failure = Box<dyn std::error::Error + Send + Sync>;

const LIVES: u64 = 3;
/// The power fails within so many operations on files.
const STEPS: u64 = 80;

/// What was seen in a trial.
#[derive(Debug, Default)]
pub struct Seen {
    pub acknowledged: usize,
    pub crashes: Vec<Crash>,
    /// What should not be.
    pub broken: Option<Broken>,
}

/// A record that was promised and is not there, or is there and was never written.
#[derive(Debug, PartialEq, Eq)]
pub enum Broken {
    Lost { acknowledged: usize, found: usize },
    Invented { record: usize },
    Unreadable(String),
}

impl Seen {
    pub fn lossy_crashes(&self) -> usize {
        self.crashes.iter().filter(|crash| crash.lost_something()).count()
    }
}

/// The trial of this seed. What it ends with is in what it has seen; an error is none of the log's.
pub async fn run(seed: u64, care: Care) -> Result<Seen, Failure> {
    let dir = tempfile::tempdir()?;
    let chaos = Chaos::seeded(seed);
    let point = chaos.point::<Io>("disk")?;
    let mut fs = ChaosFs::new(dir.path(), point.clone())?.simulate_crashes();
    let (mut seen, mut acknowledged) = (Seen::default(), 0);
    for life in 0..LIVES {
        let step = 1 + chaos.dice().stream(&["power off"]).draw(life) % STEPS;
        let off = error(io::ErrorKind::Other).named("power off")?.nth(&format!("{step}+"))?;
        let off = point.arm(off)?;
        // Everything fails from that step on, so that this ends.
        let mut tried = acknowledged;
        if let Ok((mut wal, found)) = Wal::open(&fs, care).await {
            tried = found.len();
            loop {
                tried += 1;
                if wal.append(&record(seed, tried - 1)).await.is_err() {
                    break;
                }
                acknowledged = tried;
            }
        }
        off.revert();
        let crash = fs.crash()?;
        fs = crash.reopen();
        seen.crashes.push(crash);
        seen.acknowledged = acknowledged;
        match Wal::open(&fs, care).await {
            Err(err) => seen.broken = Some(Broken::Unreadable(err.to_string())),
            Ok((_, found)) => {
                seen.broken = check(seed, &found, acknowledged, tried);
                // What is back is as good as acknowledged.
                acknowledged = found.len();
            }
        }
        if seen.broken.is_some() {
            break;
        }
    }
    Ok(seen)
}

/// Every acknowledged record is there, in order, and then nothing but a beginning of those that were tried.
fn check(seed: u64, found: &[Vec<u8>], acknowledged: usize, tried: usize) -> Option<Broken> {
    let wrong = |(number, bytes): &(usize, &Vec<u8>)| *number >= tried || **bytes != record(seed, *number);
    if let Some((record, _)) = found.iter().enumerate().find(wrong) {
        return Some(Broken::Invented { record });
    }
    (found.len() < acknowledged).then_some(Broken::Lost { acknowledged, found: found.len() })
}

/// What the log is given as its n-th record: 100 bytes to 3 kB of text.
fn record(seed: u64, number: usize) -> Vec<u8> {
    let len = 100 + Chaos::seeded(seed).dice().stream(&["record"]).draw(number as u64) % 3000;
    format!("record {number:06} of seed {seed}; ")
        .into_bytes()
        .into_iter()
        .cycle()
        .take(len as usize)
        .collect()
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lost { acknowledged, found } => {
                write!(f, "{} of {acknowledged} acknowledged records are gone", acknowledged - found)
            }
            Self::Invented { record } => write!(f, "record {record} came back as something never written"),
            Self::Unreadable(why) => write!(f, "the log does not open: {why}"),
        }
    }
}
