//! Memory: pages of our own, or of the page cache, written and touched again.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use chaos_core::units::{ms, secs};
use rustix::io::{Errno, ReadWriteFlags, preadv2};

use super::super::wire::Level;
use super::noise::Noise;
use super::{Look, Result, spawn, unnamed};

const PAGE: usize = 4096;
/// What is taken at once, where no growth asks for less.
const STEP: u64 = 8 << 20;
/// How often growing memory takes its next step.
const GROWS: Duration = ms(50);
/// What stands for the pages around it when the page cache is looked at.
const SAMPLE: u64 = 64 << 10;

pub(super) fn start(bytes: u64, per_second: Option<u64>, touched_every: Duration) -> Result<Look> {
    let full = Arc::new(AtomicBool::new(false));
    let is_full = Arc::clone(&full);
    let before = anonymous();
    spawn("memory", move || {
        let mut noise = Noise::new(bytes).block(PAGE);
        let mut held: Vec<Vec<u8>> = Vec::new();
        let mut growth = Growth::new(bytes, per_second);
        let mut touched = Instant::now();
        loop {
            match growth.next() {
                Some(length) => match taken(length, &mut noise) {
                    Some(block) => {
                        growth.got(length);
                        held.push(block);
                        full.store(false, Ordering::Relaxed);
                    }
                    None => {
                        full.store(true, Ordering::Relaxed);
                        thread::sleep(secs(1));
                    }
                },
                None => {
                    thread::sleep(if growth.is_done() { touched_every } else { GROWS.min(touched_every) })
                }
            }
            if touched.elapsed() >= touched_every {
                held.iter_mut().for_each(|block| touch(block));
                touched = Instant::now();
            }
        }
    })?;
    Ok(Box::new(move || {
        // All pages are asked for when all but the stressor's own few are there.
        let now = anonymous().saturating_sub(before).min(bytes);
        Level::Held { now, full: is_full.load(Ordering::Relaxed) }
    }))
}

pub(super) fn start_cache(
    dir: &Path,
    bytes: u64,
    per_second: Option<u64>,
    touched_every: Duration,
) -> Result<Look> {
    let file = unnamed::must_open_in(dir)?;
    let (held, full) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let (now, is_full) = (Arc::clone(&held), Arc::clone(&full));
    spawn("memory", move || {
        let noise = Noise::new(bytes).block(1 << 20);
        let mut growth = Growth::new(bytes, per_second);
        let mut touched = Instant::now();
        loop {
            match growth.next() {
                Some(length) => {
                    let length = length.min(noise.len() as u64);
                    let got = file.write_all_at(&noise[..length as usize], growth.got);
                    full.store(got.is_err(), Ordering::Relaxed);
                    match got {
                        Ok(()) => growth.got(length),
                        Err(_) => thread::sleep(secs(1)),
                    }
                    held.fetch_max(growth.got, Ordering::Relaxed);
                }
                None => {
                    thread::sleep(if growth.is_done() { touched_every } else { GROWS.min(touched_every) })
                }
            }
            if touched.elapsed() >= touched_every {
                held.store(read_through(&file, growth.got), Ordering::Relaxed);
                touched = Instant::now();
            }
        }
    })?;
    Ok(Box::new(move || Level::Held {
        now: now.load(Ordering::Relaxed),
        full: is_full.load(Ordering::Relaxed),
    }))
}

/// How much of the way is gone, and how much may be.
struct Growth {
    begun: Instant,
    asked: u64,
    per_second: Option<u64>,
    got: u64,
}

impl Growth {
    fn new(asked: u64, per_second: Option<u64>) -> Self {
        Self { begun: Instant::now(), asked, per_second, got: 0 }
    }

    /// What may be taken now, in whole pages.
    fn next(&self) -> Option<u64> {
        let may = match self.per_second {
            None => self.asked,
            Some(rate) => self.asked.min((self.begun.elapsed().as_secs_f64() * rate as f64) as u64),
        };
        let left = may.saturating_sub(self.got).min(STEP);
        // The last page may be a part of one.
        let pages = left - left % PAGE as u64;
        let length = if self.got + left == self.asked { left } else { pages };
        (length > 0).then_some(length)
    }

    fn got(&mut self, length: u64) {
        self.got += length;
    }

    fn is_done(&self) -> bool {
        self.got >= self.asked
    }
}

/// Memory with other bytes in every page, so that none is merged or compressed away.
fn taken(length: u64, noise: &mut [u8]) -> Option<Vec<u8>> {
    let length = usize::try_from(length).ok()?;
    let mut block = Vec::new();
    block.try_reserve_exact(length).ok()?;
    while block.len() < length {
        noise.rotate_left(8);
        noise[0] = noise[0].wrapping_add(1);
        block.extend_from_slice(&noise[..PAGE.min(length - block.len())]);
    }
    Some(block)
}

fn touch(block: &mut [u8]) {
    for page in block.chunks_mut(PAGE) {
        page[0] = page[0].wrapping_add(1);
    }
}

/// Reads all of the file, so that it stays in the page cache; how much of it was there before.
fn read_through(file: &File, length: u64) -> u64 {
    let (mut there, mut at) = (0, 0);
    let mut page = [0; PAGE];
    let mut buffer = vec![0; SAMPLE as usize];
    while at < length {
        let part = SAMPLE.min(length - at);
        let look = preadv2(file, &mut [std::io::IoSliceMut::new(&mut page)], at, ReadWriteFlags::NOWAIT);
        // EAGAIN: it would have to wait for the disk. Any other answer does not speak against it.
        if !matches!(look, Err(Errno::AGAIN)) {
            there += part;
        }
        // A read that fails leaves the page out, which the next look sees.
        let _ = file.read_at(&mut buffer[..part as usize], at);
        at += part;
    }
    there
}

/// The resident anonymous memory of this process, in bytes: `RssAnon` (proc(5)).
fn anonymous() -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("RssAnon:"));
    let kib =
        line.and_then(|text| text.trim().strip_suffix("kB")).and_then(|text| text.trim().parse::<u64>().ok());
    kib.unwrap_or(0) << 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growth_is_bounded_by_time_and_by_what_is_asked() {
        let mut at_once = Growth::new(STEP + 5000, None);
        assert_eq!(at_once.next(), Some(STEP));
        at_once.got(STEP);
        assert_eq!(at_once.next(), Some(5000));
        at_once.got(5000);
        assert!(at_once.next().is_none() && at_once.is_done());
        let slow =
            Growth { begun: Instant::now() - secs(1), asked: 1 << 30, per_second: Some(1 << 20), got: 0 };
        let may = slow.next().unwrap();
        assert!((1 << 20..2 << 20).contains(&may) && may % 4096 == 0, "{may}");
        assert!(Growth::new(1 << 30, Some(1)).next().is_none());
    }

    #[test]
    fn no_two_pages_are_alike() {
        let mut noise = Noise::new(1).block(PAGE);
        let block = taken(3 * 4096 + 7, &mut noise).unwrap();
        assert_eq!(block.len(), 3 * 4096 + 7);
        let pages: std::collections::BTreeSet<_> = block.chunks(PAGE).collect();
        assert_eq!(pages.len(), 4);
        assert_eq!(block.capacity(), block.len());
    }
}
