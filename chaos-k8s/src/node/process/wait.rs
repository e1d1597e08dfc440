//! Waiting for the kernel, bounded, by the handle's clock.

use std::time::Duration;

use chaos_core::units::{ms, secs};
use chaos_core::{Clock, Result};

/// How long the kernel may take for what it does in microseconds unless a thread waits inside it.
pub(super) const BOUND: Duration = secs(5);

/// Looks until `done`; false when it was not done within `bound`.
pub(super) async fn until(
    clock: &Clock,
    bound: Duration,
    mut done: impl FnMut() -> Result<bool>,
) -> Result<bool> {
    let end = clock.now() + bound;
    loop {
        if done()? {
            return Ok(true);
        }
        if clock.now() >= end {
            return Ok(false);
        }
        clock.sleep(ms(1)).await;
    }
}
