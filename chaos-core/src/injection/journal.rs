//! [`Journal`]: the ledger as an injection sees it; without the feature `ledger` there is none to write to.

use std::sync::Arc;

use super::item::Item;
use crate::error::{Error, Result};
#[cfg(all(feature = "ledger", unix))]
use crate::ledger::{EntryId, Ledger};

/// Where undos are written before the first effect.
#[derive(Clone, Default)]
pub(crate) struct Journal {
    #[cfg(all(feature = "ledger", unix))]
    pub(crate) ledger: Option<Arc<Ledger>>,
}

/// The entry of an undo; none for what dies with this process.
#[cfg(all(feature = "ledger", unix))]
pub(crate) type Written = Option<EntryId>;
/// The entry of an undo; none for what dies with this process.
#[cfg(not(all(feature = "ledger", unix)))]
pub(crate) type Written = Option<std::convert::Infallible>;

impl Journal {
    pub(crate) fn is_there(&self) -> bool {
        #[cfg(all(feature = "ledger", unix))]
        return self.ledger.is_some();
        #[cfg(not(all(feature = "ledger", unix)))]
        return false;
    }

    /// An error when `title` needs a ledger and none is there.
    pub(crate) fn must_be_there_for(&self, title: &str) -> Result<()> {
        if self.is_there() {
            return Ok(());
        }
        let how = if cfg!(all(feature = "ledger", unix)) {
            "give one with `.ledger(...)`; `Ledger::in_memory` says on purpose that a crash leaves the fault in force"
        } else {
            "enable the feature `ledger` of chaos-core and give one"
        };
        Err(Error::refused(format!(
            "{title}: its undo must outlive this process, so it needs a ledger: {how}"
        )))
    }

    /// Writes the undos of all items with one flush, before the first effect.
    pub(crate) fn record(&self, items: &[Arc<dyn Item>]) -> Result<Vec<Written>> {
        #[cfg(all(feature = "ledger", unix))]
        if let Some(ledger) = &self.ledger {
            let journaled = |item: &&Arc<dyn Item>| item.owner().is_journaled();
            let entries =
                items.iter().filter(journaled).map(|item| item.entry()).collect::<Result<Vec<_>>>()?;
            let mut ids = if entries.is_empty() { Vec::new() } else { ledger.record(entries)? }.into_iter();
            return Ok(items
                .iter()
                .map(|item| item.owner().is_journaled().then(|| ids.next()).flatten())
                .collect());
        }
        Ok(items.iter().map(|_| None).collect())
    }

    /// Strikes an undo that was reverted.
    pub(crate) fn strike(&self, written: &Written) -> Result<()> {
        #[cfg(all(feature = "ledger", unix))]
        if let (Some(ledger), Some(id)) = (&self.ledger, written) {
            return ledger.strike(std::slice::from_ref(id));
        }
        let _ = written;
        Ok(())
    }
}
