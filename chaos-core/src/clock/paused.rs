//! Whether tokio's clock stands still here, without tokio's `test-util`.
//!
//! A library cannot ask tokio: the question is behind a feature for tests. But it can read: a running tokio clock is the
//! system's clock, so a reading of the system's between two of tokio's is between them. A paused one stands still, behind
//! or (once advanced) ahead of the system's.

use std::hint::spin_loop;

use tokio::time::Instant;

pub(super) fn is_paused() -> bool {
    loop {
        let before = Instant::now().into_std();
        let system = std::time::Instant::now();
        let after = Instant::now().into_std();
        if system < before || after < system {
            return true;
        }
        if before < after {
            return false;
        }
        // All three equal: a coarse system clock (100 ns on Windows), or paused within this very nanosecond. The
        // system's clock moves on and settles it.
        spin_loop();
    }
}
