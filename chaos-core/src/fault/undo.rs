//! [`Undo`]: what puts the world back, as data.

use std::fmt::Debug;
use std::future::Future;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::Result;

/// Puts back what was found.
///
/// An undo stands alone: after SIGKILL a new process has neither the fault nor the target, only this value, read from
/// the ledger by its [`KIND`](Undo::KIND). So it holds what was *found* (the bytes of the file, the replicas of the
/// deployment), not what was done.
///
/// # Guarantees asked of an implementation
/// - [`revert`](Undo::revert) is idempotent, and "already gone" is success.
/// - It never needs the fault to be fully applied: an inject that failed half-way is reverted with the same value.
/// - [`is_gone`](Undo::is_gone) reads the world, not a memory of it.
/// - Every wait inside has a bound; the caller adds its own on top.
pub trait Undo: Serialize + DeserializeOwned + Debug + Send + Sync + 'static {
    /// A name of its own with a version: `"example.org/file-away/1"`. A changed shape gets a new version.
    const KIND: &'static str;

    /// What the undo needs that is not data: `()`, a client, a point.
    type Via: Send + Sync + 'static;

    /// Restores what was found.
    ///
    /// # Errors
    /// When the world could not be put back; the caller keeps the undo and tries again.
    fn revert(&self, via: &Self::Via) -> impl Future<Output = Result<()>> + Send;

    /// Whether nothing of the fault is left.
    ///
    /// # Errors
    /// When the world could not be read.
    fn is_gone(&self, via: &Self::Via) -> impl Future<Output = Result<bool>> + Send;
}

/// The undo of a fault that has none: a kill, an eviction.
///
/// Only a plan made by [`Plan::irreversible`](super::Plan::irreversible) carries it.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct NoUndo;

impl Undo for NoUndo {
    const KIND: &'static str = "chaos/no-undo/1";
    type Via = ();

    async fn revert(&self, (): &()) -> Result<()> {
        Ok(())
    }

    async fn is_gone(&self, (): &()) -> Result<bool> {
        Ok(true)
    }
}
