//! A precise blocking wait: the kernel's timer without its slack, and a spin at the end for who asked.
//!
//! Linux ends a thread's sleeps up to 50 us late by default, to join them with other timers
//! (`PR_SET_TIMERSLACK`, prctl(2)). The slack belongs to the thread, so it is put back as it was found.

use std::hint::spin_loop;
use std::thread;
use std::time::{Duration, Instant};

pub(super) fn sleep(deadline: Instant, spin: Duration) {
    let wake = deadline.checked_sub(spin).unwrap_or(deadline);
    let left = wake.saturating_duration_since(Instant::now());
    if !left.is_zero() {
        let _precise = Slack::none();
        thread::sleep(left);
    }
    spin_until(deadline);
}

pub(super) fn spin_until(deadline: Instant) {
    while Instant::now() < deadline {
        spin_loop();
    }
}

/// This thread's timer slack is 1 ns while this lives. A kernel that refuses only costs precision.
#[derive(Debug)]
pub(super) struct Slack {
    #[cfg(target_os = "linux")]
    found: Option<u64>,
}

#[cfg(target_os = "linux")]
impl Slack {
    pub(super) fn none() -> Self {
        use std::num::NonZeroU64;

        use rustix::thread::{current_timer_slack, set_current_timer_slack};

        let found = current_timer_slack().ok().filter(|slack| *slack > 1);
        let set = found.filter(|_| set_current_timer_slack(Some(NonZeroU64::MIN)).is_ok());
        Self { found: set }
    }
}

#[cfg(target_os = "linux")]
impl Drop for Slack {
    fn drop(&mut self) {
        if let Some(found) = self.found.and_then(std::num::NonZeroU64::new) {
            // It was accepted a moment ago with a smaller value; there is nobody to tell if not.
            let _ = rustix::thread::set_current_timer_slack(Some(found));
        }
    }
}

#[cfg(not(target_os = "linux"))]
impl Slack {
    pub(super) fn none() -> Self {
        Self {}
    }
}
