//! Whether tokio's clock stands still here, without tokio's `test-util`.
//!
//! A library cannot ask tokio: the question is behind a feature for tests. But it can read: tokio's clock, the system's,
//! tokio's again. A clock that has moved runs (after `resume` possibly ahead of the system's); one that has not, while
//! the system's is elsewhere, is paused.

use std::hint::spin_loop;

use tokio::time::Instant;

pub(super) fn is_paused() -> bool {
    loop {
        let before = Instant::now().into_std();
        let system = std::time::Instant::now();
        let after = Instant::now().into_std();
        if before != after {
            return false;
        }
        // A running clock that has not moved since agrees with the system's.
        if system != before {
            return true;
        }
        // A coarse system clock (100 ns on Windows), or paused within this very nanosecond: the next reading tells.
        spin_loop();
    }
}
