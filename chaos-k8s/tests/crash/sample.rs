//! Which moments are tried: all of them where `CHAOS_CRASH_ALL` is set, otherwise some, evenly spread, from a random start.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

/// How many of a row are tried, unless all are.
const SOME: usize = 6;
/// Replays a sample.
const SEED: &str = "CHAOS_CRASH_SEED";

/// Whether every moment is tried.
pub(crate) fn is_all() -> bool {
    std::env::var_os("CHAOS_CRASH_ALL").is_some()
}

/// Numbers of moments, of so many.
pub(crate) fn of(fault: &str, dying: &str, count: usize) -> Vec<usize> {
    if is_all() {
        return (0..count).collect();
    }
    // Odd, so that before and after, and both signals, take turns.
    let step = (count / SOME) | 1;
    let own =
        fault.bytes().chain(dying.bytes()).fold(seed(), |seed, byte| seed.rotate_left(5) ^ u64::from(byte));
    let start = own % step as u64;
    (start as usize..count).step_by(step).collect()
}

fn seed() -> u64 {
    static SEEDED: OnceLock<u64> = OnceLock::new();
    *SEEDED.get_or_init(|| {
        let given = std::env::var(SEED).ok().map(|text| text.parse().unwrap());
        let seed = given.unwrap_or_else(|| RandomState::new().hash_one(0) & 0xffff);
        println!("a sample of the moments: {SEED}={seed} replays it, CHAOS_CRASH_ALL=1 tries all");
        seed
    })
}
