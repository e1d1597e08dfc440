//! [`CapScratch`]: the blast radius of one operation, where rules of experiments are armed.
//!
//! Out of the way of operations at points whose rules have no cap.

use super::gate::Cap;
use crate::sync::Arc;

/// Which caps one operation has been counted in, so that several rules under one cap count it once. Its places are given
/// back when it is dropped: with the hit, or by a panic in the matcher of a later rule.
#[derive(Default)]
pub(super) struct CapScratch {
    first: Option<CapUse>,
    // More than one experiment at one point is rare.
    more: Vec<CapUse>,
}

struct CapUse {
    cap: Arc<Cap>,
    seen: u64,
    entered: bool,
}

impl CapScratch {
    fn find(&mut self, cap: &Arc<Cap>) -> Option<&mut CapUse> {
        self.first.iter_mut().chain(&mut self.more).find(|used| Arc::ptr_eq(&used.cap, cap))
    }

    /// Counts the operation in the population of `cap`, once; its number there.
    pub(super) fn see(&mut self, cap: &Arc<Cap>) -> u64 {
        if let Some(used) = self.find(cap) {
            return used.seen;
        }
        let used = CapUse { cap: Arc::clone(cap), seen: cap.see(), entered: false };
        let seen = used.seen;
        if self.first.is_none() {
            self.first = Some(used);
        } else {
            self.more.push(used);
        }
        seen
    }

    /// `Some(true)` when this call put the operation under the cap, `Some(false)` when it was already.
    pub(super) fn enter(&mut self, cap: &Arc<Cap>, seen: u64) -> Option<bool> {
        let used = self.find(cap)?;
        if used.entered {
            return Some(false);
        }
        used.entered = used.cap.enter(seen);
        used.entered.then_some(true)
    }

    pub(super) fn take_back(&mut self, cap: &Arc<Cap>) {
        if let Some(used) = self.find(cap) {
            used.entered = false;
            used.cap.take_back();
        }
    }
}

impl Drop for CapUse {
    fn drop(&mut self) {
        if self.entered {
            self.cap.leave();
        }
    }
}
