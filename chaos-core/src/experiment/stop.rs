//! [`Stop`]: the first reason to end early, seen by everything at once; [`Abort`] is its public hand.

use std::fmt;
use std::sync::Arc;

use tokio::sync::watch;

/// Ends an experiment early, from any task: everything is reverted and the outcome is aborted.
#[derive(Clone)]
pub struct Abort(pub(crate) Stop);

impl Abort {
    /// Ends the experiment; `reason` is what the report says. The first reason counts, later ones do nothing.
    pub fn abort(&self, reason: impl Into<String>) {
        self.0.set(Reason::Aborted(reason.into()));
    }
}

impl fmt::Debug for Abort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Abort").field(&self.0.reason()).finish()
    }
}

/// Why an experiment ends early.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Reason {
    Aborted(String),
    Broken(String),
}

#[derive(Clone)]
pub(crate) struct Stop(Arc<watch::Sender<Option<Reason>>>);

impl Default for Stop {
    fn default() -> Self {
        Self(Arc::new(watch::Sender::new(None)))
    }
}

impl Stop {
    pub(crate) fn set(&self, reason: Reason) {
        self.0.send_if_modified(|now| {
            let first = now.is_none();
            if first {
                *now = Some(reason);
            }
            first
        });
    }

    pub(crate) fn is_set(&self) -> bool {
        self.0.borrow().is_some()
    }

    pub(crate) fn reason(&self) -> Option<Reason> {
        self.0.borrow().clone()
    }

    /// Ready once a reason is set.
    pub(crate) async fn wait(&self) {
        // The sender lives in `self`, so the channel cannot close while this waits.
        let _ = self.0.subscribe().wait_for(Option::is_some).await;
    }
}
