//! Promises that are not kept.

use chaos_core::Rule;

use super::{Effect, rule};
use crate::operation::{Io, IoKind, kind};

/// Flushes are acknowledged and not done.
///
/// What that loses depends on what is below: a `BufWriter` keeps its buffer, and loses it when it is dropped; bytes that
/// a bare file was given are in the file. A wrapper with [`write_back`](crate::ChaosWriter::write_back) holds what was
/// written back until a flush that is done, so that a crash after a lost flush loses it.
pub fn lost_flush() -> Rule<Io> {
    rule(Effect::Lost).when(kind(IoKind::Flush))
}

/// Syncs (fsync, fdatasync) are acknowledged and not done.
///
/// The wrappers know a sync where it is made through them; no wrapper of one file can lose what the kernel holds. A
/// `ChaosFs` that simulates crashes (feature `fs`) can: what such a sync did not make certain, a crash may lose.
pub fn lost_sync() -> Rule<Io> {
    rule(Effect::Lost).when(kind(IoKind::Sync))
}
