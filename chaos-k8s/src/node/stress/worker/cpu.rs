//! Processor time: threads that hold their share by their own clocks of processor time.

use std::fs;
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use chaos_core::Clock;
use chaos_core::units::{ms, secs};
use nix::time::{ClockId, clock_gettime};
use rustix::process::setpriority_process;

use super::super::kind::CpuLoad;
use super::super::wire::Level;
use super::noise::Noise;
use super::recent::Recent;
use super::{Look, Result, spawn};

/// How much processor time a thread that was kept from it (by a quota, by others) makes up for afterwards; what is beyond
/// is forgiven, so that a load that was held back does not become a burst.
const CATCH_UP: Duration = secs(1);
/// The lowest nice value (setpriority(2)).
const FIRST: i32 = -20;
const MOST_CACHE: usize = 64 << 20;

pub(super) fn start(threads: u32, share: f64, load: CpuLoad, seed: u64) -> Result<Look> {
    let used = Arc::new(AtomicU64::new(0));
    for nth in 0..threads {
        let used = Arc::clone(&used);
        let noise = Noise::new(seed.wrapping_add(u64::from(nth)));
        spawn("cpu", move || hold(share, load, noise, &used))?;
    }
    let mut recent = Recent::new();
    Ok(Box::new(move || {
        let nanos_per_second = recent.rate(used.load(Ordering::Relaxed));
        Level::Cpu { percent: nanos_per_second / 1e9 / f64::from(threads) * 100.0 }
    }))
}

fn hold(share: f64, load: CpuLoad, mut noise: Noise, told: &AtomicU64) {
    if load == CpuLoad::Steal {
        // Without the right it runs at ordinary priority, as the plan says.
        let _ = setpriority_process(None, FIRST);
    }
    let clock = Clock::real();
    let mut burner = Burner::new(load, noise.next());
    let (begun, used_before) = (Instant::now(), used());
    let mut pace = Pace { share, forgiven: Duration::ZERO };
    let mut last = Duration::ZERO;
    loop {
        let period = match load {
            CpuLoad::Jitter => ms(2 + noise.next() % 199),
            CpuLoad::Steal => ms(50),
            CpuLoad::Plain | CpuLoad::Cache | CpuLoad::Branch => ms(10),
        };
        let end = begun.elapsed() + period;
        let goal = pace.goal(end, used() - used_before);
        loop {
            let now = used() - used_before;
            told.fetch_add(u64::try_from((now - last).as_nanos()).unwrap_or(0), Ordering::Relaxed);
            last = now;
            if now >= goal {
                break;
            }
            burner.burn();
        }
        clock.sleep_blocking(end.saturating_sub(begun.elapsed()));
    }
}

/// This thread's processor time. Over libc: where the vDSO lacks the clock, as under User-Mode Linux, rustix 1.1 panics.
fn used() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).unwrap_or_default()
}

struct Pace {
    share: f64,
    forgiven: Duration,
}

impl Pace {
    /// How much time must have been used when `end` has passed since the begin; `used` so far.
    fn goal(&mut self, end: Duration, used: Duration) -> Duration {
        let goal = end.mul_f64(self.share).saturating_sub(self.forgiven);
        let most = used + CATCH_UP;
        self.forgiven += goal.saturating_sub(most);
        goal.min(most)
    }
}

/// A short piece of work, some 20 to 100 us.
struct Burner {
    load: CpuLoad,
    noise: Noise,
    buffer: Vec<u64>,
}

impl Burner {
    fn new(load: CpuLoad, seed: u64) -> Self {
        let words = if load == CpuLoad::Cache { 2 * last_cache().min(MOST_CACHE / 2) / 8 } else { 0 };
        Self { load, noise: Noise::new(seed), buffer: vec![0; words] }
    }

    fn burn(&mut self) {
        let mut sum = 0u64;
        match self.load {
            CpuLoad::Plain | CpuLoad::Steal | CpuLoad::Jitter => {
                for _ in 0..10_000 {
                    sum = sum.wrapping_add(self.noise.next());
                }
            }
            CpuLoad::Cache => {
                for _ in 0..1_000 {
                    let at = self.noise.next() % self.buffer.len().max(1) as u64;
                    if let Some(word) = self.buffer.get_mut(at as usize) {
                        *word = word.wrapping_add(1);
                        sum ^= *word;
                    }
                }
            }
            CpuLoad::Branch => {
                for _ in 0..5_000 {
                    // Calls in the arms, so that they stay branches.
                    sum = match self.noise.next() >> 61 {
                        0 | 3 => black_box(sum.wrapping_add(1)),
                        1 | 6 => black_box(sum ^ 7),
                        2 => black_box(sum.rotate_left(3)),
                        _ => black_box(sum.wrapping_mul(3)),
                    };
                }
            }
        }
        black_box(sum);
    }
}

/// The size of the largest cache of the first processor, in bytes; 32 MiB where the kernel does not say.
fn last_cache() -> usize {
    let size = |index: u32| {
        let text =
            fs::read_to_string(format!("/sys/devices/system/cpu/cpu0/cache/index{index}/size")).ok()?;
        text.trim().strip_suffix('K')?.parse::<usize>().ok().map(|kib| kib << 10)
    };
    (0..8).filter_map(size).max().unwrap_or(32 << 20)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_not_be_used_is_made_up_for_up_to_a_second() {
        let mut pace = Pace { share: 0.5, forgiven: Duration::ZERO };
        assert_eq!(pace.goal(secs(2), ms(900)), secs(1));
        // Held up for 10 s: 5 s behind, of which 4 are forgiven.
        assert_eq!(pace.goal(secs(12), secs(1)), secs(2));
        assert_eq!(pace.goal(secs(14), secs(2)), secs(3));
    }

    #[test]
    fn every_kind_burns() {
        for load in [CpuLoad::Plain, CpuLoad::Steal, CpuLoad::Jitter, CpuLoad::Cache, CpuLoad::Branch] {
            let before = used();
            let mut burner = Burner::new(load, 1);
            (0..50).for_each(|_| burner.burn());
            assert!(used() > before, "{load}");
        }
    }
}
