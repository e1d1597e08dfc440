//! [`memory`]: memory, held resident.

use std::path::Path;
use std::time::Duration;

use chaos_core::{Error, Result};

use super::not_zero;
use crate::node::stress::parts::{self, Part};
use crate::node::stress::{Amount, Stress};

/// Memory, as a kind of [`Stress`].
#[derive(Debug, Clone, Copy)]
pub enum Memory {}

/// So many bytes, or a share of the limit that applies: the lowest of the cgroup's, of those above it, and of the host's
/// memory. Every page is written, with bytes that do not compress, and [touched again](Stress::touched_every).
///
/// ```
/// use chaos_core::Percent;
/// use chaos_k8s::node::stress::{self, Amount};
/// let most = stress::memory(Amount::percent(Percent::try_new(80.0)?)?).growing(32 << 20)?;
/// # let _ = most;
/// # Ok::<(), chaos_core::Error>(())
/// ```
pub fn memory(amount: Amount) -> Stress<Memory> {
    Stress::of(Part::Memory {
        amount,
        per_second: None,
        touched_every: parts::touched_every(),
        cache_in: None,
        oom_score_adj: None,
    })
}

impl Stress<Memory> {
    /// Grows by so many bytes per second, instead of as fast as it can.
    ///
    /// # Errors
    /// 0.
    pub fn growing(mut self, bytes_per_second: u64) -> Result<Self> {
        if let Some(Part::Memory { per_second, .. }) = self.parts.last_mut() {
            *per_second = Some(not_zero(bytes_per_second, "a growth per second")?);
        }
        Ok(self)
    }

    /// How often each page is touched again, so that it stays resident; every second unless said.
    ///
    /// # Errors
    /// Less than 10 ms, which is a processor's load of its own.
    pub fn touched_every(mut self, pause: Duration) -> Result<Self> {
        if pause < Duration::from_millis(10) {
            return Err(Error::invalid(format!(
                "touching all pages every {pause:?} is too often: give at least 10 ms"
            )));
        }
        if let Some(Part::Memory { touched_every, .. }) = self.parts.last_mut() {
            *touched_every = pause;
        }
        Ok(self)
    }

    /// As page cache instead of memory of its own: the pages of an unnamed file in `dir`, read again and again. The kernel
    /// gives such pages up before others, and writes them to the disk.
    pub fn as_page_cache(mut self, dir: impl AsRef<Path>) -> Self {
        if let Some(Part::Memory { cache_in, .. }) = self.parts.last_mut() {
            *cache_in = Some(dir.as_ref().to_owned());
        }
        self
    }

    /// How much rather than others the out-of-memory killer takes the stressor, -1000 to 1000 (proc(5),
    /// `oom_score_adj`). 1000 unless said: the stressor first. Less than this program's own needs CAP_SYS_RESOURCE.
    ///
    /// # Errors
    /// Out of range.
    pub fn oom_score_adj(mut self, score: i32) -> Result<Self> {
        if !(-1000..=1000).contains(&score) {
            return Err(Error::invalid(format!("oom_score_adj {score} is not in -1000..=1000")));
        }
        if let Some(Part::Memory { oom_score_adj, .. }) = self.parts.last_mut() {
            *oom_score_adj = Some(score);
        }
        Ok(self)
    }
}
