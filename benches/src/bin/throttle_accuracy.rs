//! How exact a throttle is on the real clock: `chaos_io::throttle` beside tokio-netem's, in one run.
//!
//! Prints, for each rate and each way to hold it, what of the rate was moved in two seconds (error in percent), and how far
//! at any moment the bytes moved were ahead of the rate and behind it, in milliseconds of that rate: a throttle that gives
//! bytes away at the start, or sleeps in lumps, shows there. Of three courses the one with the median error is shown: a
//! stall of the machine in one of them is not the throttle's.
//!
//! ```text
//! cargo run --release -p chaos-benches --bin throttle_accuracy
//! ```

use std::error::Error;
use std::io::{self, Write};
use std::time::{Duration, Instant};

use chaos_core::Chaos;
use chaos_io::{ChaosReader, ChaosWriter};
use tokio::io::{AsyncReadExt, AsyncWriteExt, repeat, sink};
use tokio::runtime::Builder;
use tokio_netem::io::NetEmWriteExt;

const LONG: Duration = Duration::from_secs(2);

/// Bytes per second.
const RATES: [u64; 7] = [1_000, 10_000, 100_000, 1_000_000, 10_000_000, 100_000_000, 1_000_000_000];

/// What was moved, against what a line of this rate would have.
struct Course {
    rate: u64,
    begun: Instant,
    took: Duration,
    bytes: u64,
    ahead: f64,
    behind: f64,
}

impl Course {
    fn begin(rate: u64) -> Self {
        Self { rate, begun: Instant::now(), took: Duration::ZERO, bytes: 0, ahead: 0.0, behind: 0.0 }
    }

    /// Takes note of a transfer; false when the time is over.
    fn moved(&mut self, bytes: usize) -> bool {
        self.took = self.begun.elapsed();
        self.behind = self.behind.max(self.lag());
        self.bytes += bytes as u64;
        self.ahead = self.ahead.max(-self.lag());
        self.took < LONG
    }

    /// How far the bytes are behind the rate, in seconds of it; below zero they are ahead.
    fn lag(&self) -> f64 {
        self.took.as_secs_f64() - self.bytes as f64 / self.rate as f64
    }

    fn error_percent(&self) -> f64 {
        (self.bytes as f64 / (self.rate as f64 * self.took.as_secs_f64()) - 1.0) * 100.0
    }
}

fn main() -> Result<(), Box<dyn Error>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let mut out = io::stdout();
    writeln!(
        out,
        "{:>13}  {:<20} {:>9} {:>10} {:>10}",
        "bytes/s", "throttle", "error, %", "ahead, ms", "behind, ms"
    )?;
    for rate in RATES {
        let rows = [
            ("chaos-io, reads", median(|| runtime.block_on(reads(rate)))?),
            ("chaos-io, writes", median(|| runtime.block_on(writes(rate)))?),
            ("tokio-netem, writes", median(|| runtime.block_on(peer(rate)))?),
        ];
        for (name, course) in rows {
            let (error, ahead, behind) = (course.error_percent(), course.ahead * 1e3, course.behind * 1e3);
            writeln!(out, "{rate:>13}  {name:<20} {error:>+9.2} {ahead:>10.2} {behind:>10.2}")?;
        }
    }
    Ok(())
}

fn median(course: impl Fn() -> Result<Course, Box<dyn Error>>) -> Result<Course, Box<dyn Error>> {
    let mut courses = [course()?, course()?, course()?];
    courses.sort_by(|one, other| one.error_percent().total_cmp(&other.error_percent()));
    let [_, median, _] = courses;
    Ok(median)
}

async fn reads(rate: u64) -> Result<Course, Box<dyn Error>> {
    let point = Chaos::seeded(7).point("line")?;
    let _throttled = point.arm(chaos_io::throttle(rate)?)?;
    let (mut reader, mut buf) = (ChaosReader::new(repeat(7), point), vec![0; 64 * 1024]);
    let mut course = Course::begin(rate);
    while course.moved(reader.read(&mut buf).await?) {}
    Ok(course)
}

async fn writes(rate: u64) -> Result<Course, Box<dyn Error>> {
    let point = Chaos::seeded(7).point("line")?;
    let _throttled = point.arm(chaos_io::throttle(rate)?)?;
    let (mut writer, buf) = (ChaosWriter::new(sink(), point), vec![7; 64 * 1024]);
    let mut course = Course::begin(rate);
    while course.moved(writer.write(&buf).await?) {}
    Ok(course)
}

async fn peer(rate: u64) -> Result<Course, Box<dyn Error>> {
    let (mut writer, buf) = (sink().throttle_writes(usize::try_from(rate)?), vec![7; 64 * 1024]);
    let mut course = Course::begin(rate);
    while course.moved(writer.write(&buf).await?) {}
    Ok(course)
}
