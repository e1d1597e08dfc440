//! [`io`]: reads, writes and syncs of a disk.

use std::path::Path;

use chaos_core::Result;

use super::not_zero;
use crate::node::stress::Stress;
use crate::node::stress::parts::{Part, file_size};

/// Disk transfers, as a kind of [`Stress`].
#[derive(Debug, Clone, Copy)]
pub enum Io {}

/// Transfers in `dir`, in unnamed files of 64 MiB each. At least one of [`reading`](Stress::reading),
/// [`writing`](Stress::writing) and [`syncing`](Stress::syncing) must be said. Past the page cache (`O_DIRECT`) where the
/// file system can; what is observed says which.
///
/// ```
/// use chaos_k8s::node::stress;
/// let busy = stress::io("/var/lib/shop").reading(8 << 20)?.syncing(1 << 20)?;
/// # let _ = busy;
/// # Ok::<(), chaos_core::Error>(())
/// ```
pub fn io(dir: impl AsRef<Path>) -> Stress<Io> {
    Stress::of(Part::Io { dir: dir.as_ref().to_owned(), read: 0, written: 0, synced: 0, file: file_size() })
}

impl Stress<Io> {
    /// So many bytes per second are read. The file is written first.
    ///
    /// # Errors
    /// 0.
    pub fn reading(mut self, bytes_per_second: u64) -> Result<Self> {
        if let Some(Part::Io { read, .. }) = self.parts.last_mut() {
            *read = not_zero(bytes_per_second, "reading at a rate")?;
        }
        Ok(self)
    }

    /// So many bytes per second are written.
    ///
    /// # Errors
    /// 0.
    pub fn writing(mut self, bytes_per_second: u64) -> Result<Self> {
        if let Some(Part::Io { written, .. }) = self.parts.last_mut() {
            *written = not_zero(bytes_per_second, "writing at a rate")?;
        }
        Ok(self)
    }

    /// So many bytes per second are written, each block with an fdatasync(2) behind it.
    ///
    /// # Errors
    /// 0.
    pub fn syncing(mut self, bytes_per_second: u64) -> Result<Self> {
        if let Some(Part::Io { synced, .. }) = self.parts.last_mut() {
            *synced = not_zero(bytes_per_second, "syncing at a rate")?;
        }
        Ok(self)
    }

    /// The size of each file, which is gone through from its start to its end and again.
    ///
    /// # Errors
    /// 0.
    pub fn file_size(mut self, bytes: u64) -> Result<Self> {
        if let Some(Part::Io { file, .. }) = self.parts.last_mut() {
            *file = not_zero(bytes, "a file size")?;
        }
        Ok(self)
    }
}
