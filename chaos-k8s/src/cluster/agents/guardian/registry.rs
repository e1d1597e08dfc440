//! [`Guardians`]: the guardian pods that this process has made and not dismissed yet, by what they watch over.

use std::collections::HashMap;
use std::future::Future;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chaos_core::Result;
use chaos_core::ledger::RunId;

use super::live::Live;

/// The guardian pods of this process, by the claims of the faults that they watch over.
#[derive(Debug, Default)]
pub(crate) struct Guardians {
    all: Mutex<HashMap<RunId, Arc<Live>>>,
}

impl Guardians {
    fn all(&self) -> MutexGuard<'_, HashMap<RunId, Arc<Live>>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn find(&self, claim: RunId) -> Option<Arc<Live>> {
        self.all().get(&claim).cloned()
    }

    pub(super) fn add(&self, claims: impl IntoIterator<Item = RunId>, live: &Arc<Live>) {
        self.all().extend(claims.into_iter().map(|claim| (claim, Arc::clone(live))));
    }

    fn forget(&self, gone: &Arc<Live>) {
        self.all().retain(|_, live| !Arc::ptr_eq(live, gone));
    }

    /// Takes the fault with this claim back. Its guardian is dismissed with the last one that it watches over; a fault that
    /// was refused for want of its guardian has changed nothing, and nothing is done.
    pub(crate) async fn reverted(
        &self,
        claim: RunId,
        revert: impl Future<Output = Result<()>>,
    ) -> Result<()> {
        let Some(live) = self.find(claim) else { return revert.await };
        if live.is_released(claim) {
            revert.await?;
        }
        if live.let_go(claim).await? {
            self.forget(&live);
        }
        Ok(())
    }
}
