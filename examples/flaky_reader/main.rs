//! A file read through a reader that misbehaves: short reads, interruptions, delays, and a disk error now and then.
//!
//! Two ways to count the words of a file. The naive one takes one read for the whole file and every error for the end;
//! the robust one goes on after what was short, tries again what was interrupted, and reopens the file where it was when the
//! disk says EIO. The same seed gives the same faults: `cargo run --example flaky_reader [seed]`.

mod count;

use std::path::Path;
use std::process::ExitCode;

use chaos_core::units::ms;
use chaos_core::{Armed, Chaos, Delay, Point};
use chaos_io::{ChaosReader, Io};
use tokio::fs::File;

type Failure = Box<dyn std::error::Error + Send + Sync>;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<ExitCode, Failure> {
    let seed = std::env::args().nth(1).map_or(Ok(7), |seed| seed.parse())?;
    let book = tempfile::NamedTempFile::new()?;
    tokio::fs::write(book.path(), "all work and no play makes jack a dull boy\n".repeat(2000)).await?;
    println!("seed {seed}");

    println!("\nwithout faults");
    let expected = words(book.path(), None, seed, Way::Naive).await;
    println!("naive, with faults");
    let naive = words(book.path(), Some(arm), seed, Way::Naive).await;
    println!("robust, with faults");
    let robust = words(book.path(), Some(arm), seed, Way::Robust).await;

    let as_told = expected == Ok(20_000) && naive != expected && robust == expected;
    Ok(if as_told { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[derive(Clone, Copy)]
enum Way {
    Naive,
    Robust,
}

type Arm = fn(&Point<Io>) -> chaos_core::Result<Vec<Armed<Io>>>;

/// What a flaky disk does to reads. The first rule that hits with an effect decides.
fn arm(disk: &Point<Io>) -> chaos_core::Result<Vec<Armed<Io>>> {
    Ok(vec![
        disk.arm(chaos_io::latency(Delay::exponential(ms(1))?).named("slow")?.probability(0.2)?)?,
        disk.arm(chaos_io::errno(5)?.named("EIO")?.probability(0.02)?)?,
        disk.arm(chaos_io::interrupted().named("interrupted")?.probability(0.1)?)?,
        disk.arm(chaos_io::short(777)?.named("short")?.probability(0.8)?)?,
    ])
}

async fn words(path: &Path, arm: Option<Arm>, seed: u64, way: Way) -> Result<usize, String> {
    let disk = Chaos::seeded(seed).point("disk").map_err(|err| err.to_string())?;
    let armed = arm.map(|arm| arm(&disk)).transpose().map_err(|err| err.to_string())?;
    let open = async || Ok(ChaosReader::new(File::open(path).await?, disk.clone()).named(path));
    let counted = match way {
        Way::Naive => count::naive(open).await,
        Way::Robust => count::robust(open).await,
    };
    for rule in armed.iter().flatten() {
        let stats = rule.stats();
        println!("    {:<12} hit {:>2} of {:>2} reads", stats.rule, stats.hits, stats.matching);
    }
    let counted = counted.map_err(|err| err.to_string());
    println!("    {counted:?} words\n");
    counted
}
