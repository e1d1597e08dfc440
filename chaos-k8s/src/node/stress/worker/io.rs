//! Transfers: a thread each that reads, writes, and writes and syncs at a rate.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chaos_core::Clock;
use chaos_core::units::secs;
use rustix::fs::fdatasync;

use super::super::wire::Level;
use super::noise::Noise;
use super::recent::Recent;
use super::{Look, Result, say, spawn, unnamed};
use crate::node::stress::wire::Said;

/// Where transfers past the page cache must begin in memory and in the file, on any device in use.
const ALIGNED: usize = 4096;
const MOST_BLOCK: u64 = 1 << 20;
/// What a slow disk may owe and make up for.
const CATCH_UP: Duration = secs(1);

#[derive(Clone, Copy, PartialEq, Eq)]
enum Way {
    Read,
    Write,
    Sync,
}

pub(super) fn start(dir: &Path, rates: [u64; 3], file_bytes: u64) -> Result<Look> {
    let mut counts = Vec::new();
    let mut all_direct = true;
    for (way, rate) in [Way::Read, Way::Write, Way::Sync].into_iter().zip(rates) {
        let count = Arc::new(AtomicU64::new(0));
        counts.push((Arc::clone(&count), Recent::new()));
        if rate == 0 {
            continue;
        }
        let (file, direct) = unnamed::open_direct(dir).map_err(|errno| unnamed::why(dir, errno))?;
        all_direct &= direct;
        let mut transfer = Transfer::new(file, way, rate, file_bytes);
        spawn("io", move || {
            let ended = transfer.run(&count);
            say(&Said::Failed(format!("a transfer failed: {ended}")));
            std::process::exit(1);
        })?;
    }
    let mut counts = counts.into_iter();
    let (Some(mut read), Some(mut written), Some(mut synced)) = (counts.next(), counts.next(), counts.next())
    else {
        return Err("no rates".to_owned());
    };
    let rate = |(count, recent): &mut (Arc<AtomicU64>, Recent)| recent.rate(count.load(Ordering::Relaxed));
    Ok(Box::new(move || Level::Io {
        read: rate(&mut read),
        written: rate(&mut written),
        synced: rate(&mut synced),
        direct: all_direct,
    }))
}

struct Transfer {
    file: File,
    way: Way,
    rate: u64,
    block: u64,
    /// In whole blocks.
    size: u64,
    buffer: Vec<u8>,
    aligned_at: usize,
}

impl Transfer {
    fn new(file: File, way: Way, rate: u64, file_bytes: u64) -> Self {
        let block = block_of(rate);
        let size = (file_bytes / block).max(1) * block;
        let buffer = Noise::new(rate).block(block as usize + ALIGNED);
        let aligned_at = buffer.as_ptr().align_offset(ALIGNED).min(ALIGNED);
        Self { file, way, rate, block, size, buffer, aligned_at }
    }

    fn run(&mut self, count: &AtomicU64) -> io::Error {
        match self.try_run(count) {
            Ok(never) => match never {},
            Err(err) => err,
        }
    }

    fn try_run(&mut self, count: &AtomicU64) -> io::Result<std::convert::Infallible> {
        let range = self.aligned_at..self.aligned_at + self.block as usize;
        if self.way == Way::Read {
            for at in (0..self.size).step_by(self.block as usize) {
                self.file.write_all_at(&self.buffer[range.clone()], at)?;
            }
            fdatasync(&self.file)?;
        }
        let clock = Clock::real();
        let (begun, mut at, mut done) = (Instant::now(), 0, 0u64);
        let mut forgiven = Duration::ZERO;
        loop {
            match self.way {
                Way::Read => self.file.read_exact_at(&mut self.buffer[range.clone()], at)?,
                Way::Write | Way::Sync => self.file.write_all_at(&self.buffer[range.clone()], at)?,
            }
            if self.way == Way::Sync {
                fdatasync(&self.file)?;
            }
            at = (at + self.block) % self.size;
            done += self.block;
            count.store(done, Ordering::Relaxed);
            let due = Duration::from_secs_f64(done as f64 / self.rate as f64) + forgiven;
            let now = begun.elapsed();
            forgiven += now.saturating_sub(due + CATCH_UP);
            clock.sleep_blocking(due.saturating_sub(now));
        }
    }
}

/// Twenty transfers a second, as long as the blocks have a usual size.
fn block_of(rate: u64) -> u64 {
    let block = (rate / 20).clamp(ALIGNED as u64, MOST_BLOCK);
    block - block % ALIGNED as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_aligned_and_of_a_usual_size() {
        assert_eq!([block_of(1), block_of(1 << 20), block_of(u64::MAX)], [4096, 49152, 1 << 20]);
        let file = tempfile::tempfile().unwrap();
        let transfer = Transfer::new(file, Way::Write, 1 << 20, 1);
        assert_eq!(transfer.size, transfer.block);
        assert_eq!(transfer.buffer[transfer.aligned_at..].as_ptr() as usize % ALIGNED, 0);
        assert!(transfer.buffer.len() - transfer.aligned_at >= transfer.block as usize);
    }
}
