//! Ctrl-C and SIGTERM: abort, revert, and raise the signal again.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use super::stop::{Reason, Stop};

pub(crate) struct Signals {
    seen: Arc<AtomicI32>,
    // Dropped with this: then nobody listens any more.
    _listening: JoinSet<()>,
}

impl Signals {
    pub(crate) fn watch(stop: &Stop) -> Self {
        let seen = Arc::new(AtomicI32::new(0));
        let mut listening = JoinSet::new();
        let kinds = [(SignalKind::interrupt(), "Ctrl-C (SIGINT)"), (SignalKind::terminate(), "SIGTERM")];
        for (kind, name) in kinds {
            // Listening starts here, not at the task's first poll.
            let Ok(mut signals) = signal(kind) else { continue };
            let (stop, seen) = (stop.clone(), Arc::clone(&seen));
            listening.spawn(async move {
                if signals.recv().await.is_some() {
                    seen.store(kind.as_raw_value(), Ordering::Release);
                    stop.set(Reason::Aborted(name.to_owned()));
                }
            });
        }
        Self { seen, _listening: listening }
    }

    /// Ends the process as the signal would have, if one came.
    pub(crate) fn raise_again(self) {
        let signal = self.seen.load(Ordering::Acquire);
        if signal == 0 {
            return;
        }
        if let Err(error) = signal_hook::low_level::emulate_default_handler(signal) {
            tracing::error!(target: "chaos", %error, signal, "the signal could not be raised again");
        }
    }
}
