//! [`Journal`]: ledger and guardian as an injection sees them; without the features there is none to write to.

use std::sync::Arc;
use std::time::Duration;

use super::item::Item;
use super::work::Looked;
use crate::error::{Error, Result};
#[cfg(all(feature = "guardian", unix))]
use crate::guardian::{Guarded, Guardian};
#[cfg(all(feature = "ledger", unix))]
use crate::ledger::{Entry, EntryId, Ledger};

/// Where undos are written before the first effect.
#[derive(Clone, Default)]
pub(crate) struct Journal {
    #[cfg(all(feature = "ledger", unix))]
    pub(crate) ledger: Option<Arc<Ledger>>,
    /// The guardian, and how long the fault lasts.
    #[cfg(all(feature = "guardian", unix))]
    pub(crate) guardian: Option<(Guardian, Duration)>,
}

/// Where the undo of one target is kept: nowhere, when it dies with this process.
#[derive(Clone, Default)]
pub(crate) struct Written {
    #[cfg(all(feature = "ledger", unix))]
    entry: Option<EntryId>,
    /// The guardian, and the number of the entry there.
    #[cfg(all(feature = "guardian", unix))]
    guarded: Option<(Arc<Guarded>, usize)>,
}

impl Journal {
    pub(crate) fn is_there(&self) -> bool {
        #[cfg(all(feature = "ledger", unix))]
        return self.ledger.is_some();
        #[cfg(not(all(feature = "ledger", unix)))]
        return false;
    }

    fn has_guardian(&self) -> bool {
        #[cfg(all(feature = "guardian", unix))]
        return self.guardian.is_some();
        #[cfg(not(all(feature = "guardian", unix)))]
        return false;
    }

    /// How much longer than it was said to last a fault may be in force before it ends by itself.
    pub(crate) fn margin(&self) -> Duration {
        #[cfg(all(feature = "guardian", unix))]
        if let Some((guardian, _)) = &self.guardian {
            // First what ends by itself, then the guardian.
            return guardian.margin / 2;
        }
        super::MARGIN
    }

    /// Tells the guardian how long the fault lasts, before it is armed.
    pub(crate) fn guard_for(&mut self, lasting: Duration) {
        #[cfg(all(feature = "guardian", unix))]
        if let Some((_, told)) = &mut self.guardian {
            *told = lasting;
        }
        let _ = lasting;
    }

    /// How long the guardian was told that the fault lasts.
    pub(crate) fn guarded_for(&self) -> Option<Duration> {
        #[cfg(all(feature = "guardian", unix))]
        return self.guardian.as_ref().map(|(_, lasting)| *lasting);
        #[cfg(not(all(feature = "guardian", unix)))]
        return None;
    }

    /// An error when what was looked at needs a ledger or a guardian that is not there.
    pub(crate) fn must_do_for(&self, looked: &Looked) -> Result<()> {
        if looked.needs_ledger() {
            self.must_be_there_for(&looked.title)?;
        }
        if !looked.needs_guardian() || self.has_guardian() {
            return Ok(());
        }
        let how = if cfg!(all(feature = "guardian", unix)) {
            "give one with `.guardian(...)`; `chaos_core::guardian::run_if_asked(undos)` at the start of main makes it"
        } else {
            "enable the feature `guardian` of chaos-core and give one"
        };
        Err(Error::refused(format!("{}: a guardian takes it back, and there is none: {how}", looked.title)))
    }

    /// An error when `title` needs a ledger and none is there.
    fn must_be_there_for(&self, title: &str) -> Result<()> {
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

    /// Writes the undos of all items with one flush and arms the guardian, before the first effect.
    pub(crate) fn record(&self, items: &[Arc<dyn Item>]) -> Result<Vec<Written>> {
        #[cfg(all(feature = "ledger", unix))]
        if let Some(ledger) = &self.ledger {
            return self.record_in(ledger, items);
        }
        Ok(vec![Written::default(); items.len()])
    }

    #[cfg(all(feature = "ledger", unix))]
    fn record_in(&self, ledger: &Ledger, items: &[Arc<dyn Item>]) -> Result<Vec<Written>> {
        let mut written = vec![Written::default(); items.len()];
        let journaled: Vec<usize> =
            (0..items.len()).filter(|nth| items[*nth].owner().is_journaled()).collect();
        if journaled.is_empty() {
            return Ok(written);
        }
        let entries: Vec<Entry> = journaled.iter().map(|nth| items[*nth].entry()).collect::<Result<_>>()?;
        let ids = ledger.record(entries.clone())?;
        for (nth, id) in journaled.iter().zip(&ids) {
            written[*nth].entry = Some(*id);
        }
        #[cfg(all(feature = "guardian", unix))]
        if let Some((guardian, lasting)) = &self.guardian {
            let injects = items.iter().map(|item| item.takes_at_most()).max().unwrap_or_default();
            let lasting = lasting.saturating_add(injects).saturating_add(guardian.margin);
            match guardian.arm(entries, lasting, Some(ledger)) {
                Ok(guarded) => {
                    let guarded = Arc::new(guarded);
                    for (entry, nth) in journaled.into_iter().enumerate() {
                        written[nth].guarded = Some((Arc::clone(&guarded), entry));
                    }
                }
                Err(error) => {
                    // Nothing was touched, so there is nothing to sweep.
                    ledger.strike(&ids)?;
                    return Err(error);
                }
            }
        }
        Ok(written)
    }

    /// The fault lasts so long from now on.
    pub(crate) fn lasts<'a>(
        &self,
        mut written: impl Iterator<Item = &'a Written>,
        lasting: Duration,
    ) -> Result<()> {
        #[cfg(all(feature = "guardian", unix))]
        if let (Some((guardian, _)), Some((guarded, _))) =
            (&self.guardian, written.find_map(|written| written.guarded.as_ref()))
        {
            return guarded.extend(lasting.saturating_add(guardian.margin));
        }
        let _ = (&mut written, lasting);
        Ok(())
    }

    /// Strikes an undo that was reverted.
    pub(crate) fn strike(&self, written: &Written) -> Result<()> {
        #[cfg(all(feature = "ledger", unix))]
        if let (Some(ledger), Some(id)) = (&self.ledger, &written.entry) {
            ledger.strike(std::slice::from_ref(id))?;
        }
        #[cfg(all(feature = "guardian", unix))]
        if let Some((guarded, nth)) = &written.guarded {
            // It is put back and off the ledger: a guardian that is gone has nothing left to do.
            if let Err(error) = guarded.strike(*nth) {
                tracing::warn!(target: "chaos", error = %error.chain(), "the guardian was gone before its time");
            }
        }
        let _ = written;
        Ok(())
    }
}
