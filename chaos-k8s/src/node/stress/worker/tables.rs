//! Table entries: descriptors, tasks and inodes, held until the end; those that cannot be got are tried for again.

use std::fs::File;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use chaos_core::units::secs;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::super::wire::Level;
use super::{Look, Result, spawn, unnamed};

/// The smallest stack that a thread may have (`PTHREAD_STACK_MIN`); a thread that sleeps needs less.
const STACK: usize = 16 << 10;

pub(super) fn descriptors(count: u64) -> Result<Look> {
    raise_limit();
    File::open("/dev/null").map_err(|err| format!("/dev/null cannot be opened: {err}"))?;
    hold(count, || File::open("/dev/null").ok())
}

pub(super) fn inodes(dir: PathBuf, count: u64) -> Result<Look> {
    raise_limit();
    unnamed::must_open_in(&dir)?;
    hold(count, move || unnamed::open_in(&dir).ok())
}

pub(super) fn tasks(count: u64) -> Result<Look> {
    hold(count, || {
        let sleep = || loop {
            thread::park();
        };
        thread::Builder::new().stack_size(STACK).spawn(sleep).ok()
    })
}

fn hold<T: Send + 'static>(count: u64, take: impl Fn() -> Option<T> + Send + 'static) -> Result<Look> {
    let (held, full) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
    let (now, is_full) = (Arc::clone(&held), Arc::clone(&full));
    spawn("table", move || {
        let mut all = Vec::new();
        loop {
            if all.len() as u64 >= count {
                thread::park();
                continue;
            }
            match take() {
                Some(one) => {
                    all.push(one);
                    held.store(all.len() as u64, Ordering::Relaxed);
                    full.store(false, Ordering::Relaxed);
                }
                None => {
                    full.store(true, Ordering::Relaxed);
                    thread::sleep(secs(1));
                }
            }
        }
    })?;
    Ok(Box::new(move || Level::Held {
        now: now.load(Ordering::Relaxed),
        full: is_full.load(Ordering::Relaxed),
    }))
}

/// As many open files as a process may have; what it does not get is seen as full.
fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}
