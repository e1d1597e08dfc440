//! [`InForce`]: what of this program's is at work on processes: the tasks that send signals.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use chaos_core::ledger::RunId;

use super::repeat::Beat;

/// Shared by the clones of a [`Node`](crate::Node).
#[derive(Debug, Default)]
pub(crate) struct InForce {
    beats: Mutex<BTreeMap<RunId, Beat>>,
}

impl InForce {
    pub(super) fn beats(&self) -> MutexGuard<'_, BTreeMap<RunId, Beat>> {
        self.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
