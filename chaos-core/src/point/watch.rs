//! [`Watch`]: tells whether the rule behind an effect has been reverted, after the hit is over.

use std::fmt;
use std::task::{Context, Poll};

use super::live::Live;
use super::operation::Operation;
use super::release::Release;
use crate::sync::Arc;

/// What a [`Watch`] needs of a rule, whatever its operation.
trait Watched: Send + Sync {
    fn release(&self) -> &Release;
    fn is_closed(&self) -> bool;
}

impl<Op: Operation> Watched for Live<Op> {
    fn release(&self) -> &Release {
        &self.release
    }
    fn is_closed(&self) -> bool {
        self.gate.is_closed()
    }
}

/// Tells whether the rule behind an effect has been reverted; see [`Hit::watch`](super::Hit::watch).
pub struct Watch {
    live: Option<Arc<dyn Watched>>,
    ticket: Option<u64>,
}

impl Watch {
    pub(super) fn new<Op: Operation + 'static>(live: Option<&Arc<Live<Op>>>) -> Self {
        Self { live: live.map(|live| Arc::clone(live) as _), ticket: None }
    }

    /// Whether the rule has been reverted.
    pub fn is_reverted(&self) -> bool {
        self.live.as_ref().is_none_or(|live| live.is_closed())
    }

    /// Ready when the rule is reverted.
    pub fn poll_reverted(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &self.live {
            Some(live) => live.release().poll(&mut self.ticket, cx),
            None => Poll::Ready(()),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(live) = &self.live {
            live.release().forget(&mut self.ticket);
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("is_reverted", &self.is_reverted()).finish()
    }
}
