//! Disk space: one unnamed file, allocated step by step.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use chaos_core::units::secs;
use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;

use super::super::wire::Level;
use super::noise::Noise;
use super::{Look, Result, spawn, unnamed};

/// What is allocated at once: little enough that the level moves, and enough that it is fast.
const STEP: u64 = 256 << 20;
/// What is left to the last byte when the steps do not fit any more.
const LEAST: u64 = 4096;

pub(super) fn start(dir: &Path, bytes: u64) -> Result<Look> {
    let mut file = unnamed::must_open_in(dir)?;
    let (taken, full) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let (now, is_full) = (Arc::clone(&taken), Arc::clone(&full));
    spawn("disk", move || {
        let mut at = 0;
        let mut step = STEP;
        while at < bytes {
            let length = step.min(bytes - at);
            match allocate(&mut file, at, length) {
                Ok(()) => {
                    at += length;
                    taken.store(at, Ordering::Relaxed);
                    full.store(false, Ordering::Relaxed);
                }
                // To the last block; then what others give back is taken as it comes.
                Err(_) if step > LEAST => step = (step / 2).max(LEAST),
                Err(_) => {
                    full.store(true, Ordering::Relaxed);
                    thread::sleep(secs(1));
                }
            }
        }
        // The file is open, and its blocks taken, as long as this process is.
        loop {
            thread::park();
            let _ = &file;
        }
    })?;
    Ok(Box::new(move || Level::Held {
        now: now.load(Ordering::Relaxed),
        full: is_full.load(Ordering::Relaxed),
    }))
}

fn allocate(file: &mut File, at: u64, length: u64) -> io::Result<()> {
    match fallocate(&*file, FallocateFlags::empty(), at, length) {
        Ok(()) => Ok(()),
        Err(Errno::OPNOTSUPP) => write(file, at, length),
        Err(errno) => Err(errno.into()),
    }
}

/// Where the file system cannot allocate: with bytes that it cannot compress away.
fn write(file: &mut File, at: u64, length: u64) -> io::Result<()> {
    use std::io::Seek;
    file.seek(io::SeekFrom::Start(at))?;
    let block = Noise::new(at).block(1 << 20);
    let mut left = usize::try_from(length).unwrap_or(usize::MAX);
    while left > 0 {
        let part = left.min(block.len());
        file.write_all(&block[..part])?;
        left -= part;
    }
    // Not counted as taken before the blocks are.
    file.sync_data()
}
