//! Ctrl-C and SIGTERM: abort, revert, and raise the signal again.

use std::sync::Arc;
use std::sync::atomic::{AtomicI32, Ordering};

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;

use super::stop::{Reason, Stop};

pub(crate) struct Signals {
    seen: Arc<AtomicI32>,
    watching: JoinHandle<()>,
}

const NAMES: [(SignalKind, &str); 2] =
    [(SignalKind::interrupt(), "Ctrl-C (SIGINT)"), (SignalKind::terminate(), "SIGTERM")];

impl Signals {
    pub(crate) fn watch(stop: &Stop) -> Self {
        let seen = Arc::new(AtomicI32::new(0));
        let (stop, saw) = (stop.clone(), Arc::clone(&seen));
        // Listening starts here, not at the task's first poll.
        let listeners = NAMES.map(|(kind, name)| (signal(kind), kind, name));
        let watching = tokio::spawn(async move {
            let [interrupt, terminate] = listeners;
            let (kind, name) = tokio::select! {
                () = next(interrupt.0) => (interrupt.1, interrupt.2),
                () = next(terminate.0) => (terminate.1, terminate.2),
            };
            saw.store(kind.as_raw_value(), Ordering::Release);
            stop.set(Reason::Aborted(name.to_owned()));
        });
        Self { seen, watching }
    }

    /// Ends the process as the signal would have, if one came.
    pub(crate) fn raise_again(self) {
        self.watching.abort();
        let signal = self.seen.load(Ordering::Acquire);
        if signal != 0 {
            if let Err(error) = signal_hook::low_level::emulate_default_handler(signal) {
                tracing::error!(target: "chaos", %error, signal, "the signal could not be raised again");
            }
        }
    }
}

async fn next(listener: std::io::Result<Signal>) {
    match listener {
        Ok(mut listener) => drop(listener.recv().await),
        // A platform that has no such signal never sends it.
        Err(_) => std::future::pending().await,
    }
}
