//! [`InForce`]: what of this program's is at work on processes: the tasks that send signals, and the tracers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chaos_core::ledger::RunId;

use super::pause::Line;
use super::repeat::Beat;

/// Shared by the clones of a [`Node`](crate::Node).
#[derive(Debug, Default)]
pub(crate) struct InForce {
    beats: Mutex<BTreeMap<RunId, Beat>>,
    lines: Mutex<BTreeMap<RunId, Arc<Line>>>,
}

impl InForce {
    pub(super) fn beats(&self) -> MutexGuard<'_, BTreeMap<RunId, Beat>> {
        self.beats.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn lines(&self) -> MutexGuard<'_, BTreeMap<RunId, Arc<Line>>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
