//! The logs that are compared, and what is said of them.

use std::process::ExitCode;

use crate::trial::{self, Seen};
use crate::wal::Care;

type Failure = Box<dyn std::error::Error + Send + Sync>;

const SEEDS: u64 = 300;
const CAREFUL: Care = Care { checksums: true, fsync_first: true, fsync_directory: true };
const LOGS: [(&str, &str, Care); 4] = [
    ("careful", "checksums, fsync before the acknowledgement, fsync of the directory", CAREFUL),
    ("no-checksums", "takes what it reads back as it is", Care { checksums: false, ..CAREFUL }),
    ("ack-first", "acknowledges, and syncs every fourth record", Care { fsync_first: false, ..CAREFUL }),
    (
        "no-dir-fsync",
        "syncs its files, and never their directory",
        Care { fsync_directory: false, ..CAREFUL },
    ),
];

#[tokio::main(flavor = "current_thread")]
pub async fn main() -> Result<ExitCode, Failure> {
    let mut args = std::env::args().skip(1);
    if let Some(name) = args.next() {
        let known = || LOGS.map(|(name, ..)| name).join(", ");
        let log = LOGS.iter().find(|log| log.0 == name);
        let (_, _, care) = log.ok_or_else(|| format!("{name:?} is not one of {}", known()))?;
        let seed = args.next().ok_or("which seed? a number after the name")?.parse()?;
        tell(&trial::run(seed, *care).await?);
        return Ok(ExitCode::SUCCESS);
    }
    println!("a write-ahead log, power failing three times per seed, {SEEDS} seeds each\n");
    let mut as_told = true;
    for (name, what, care) in LOGS {
        let broke = try_seeds(name, what, care).await?;
        as_told &= broke == (name != "careful");
    }
    Ok(if as_told { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether the log broke under one of the seeds.
async fn try_seeds(name: &str, what: &str, care: Care) -> Result<bool, Failure> {
    println!("{name:<13} {what}");
    let (mut crashes, mut lossy, mut acknowledged) = (0, 0, 0);
    for seed in 0..SEEDS {
        let seen = trial::run(seed, care).await?;
        if let Some(broken) = &seen.broken {
            println!("  BROKE at seed {seed}: {broken}");
            println!("  replay: cargo run --example torn_wal -- {name} {seed}\n");
            return Ok(true);
        }
        crashes += seen.crashes.len();
        lossy += seen.lossy_crashes();
        acknowledged += seen.acknowledged;
    }
    println!("  held for {SEEDS} seeds: {crashes} crashes, {lossy} of which lost unsynced data;");
    println!("  all {acknowledged} acknowledged records were there, and nothing that was never written\n");
    Ok(false)
}

fn tell(seen: &Seen) {
    seen.crashes.iter().for_each(|crash| println!("{crash}"));
    match &seen.broken {
        Some(broken) => println!("BROKE: {broken}"),
        None => println!("held: all {} acknowledged records are there", seen.acknowledged),
    }
}
