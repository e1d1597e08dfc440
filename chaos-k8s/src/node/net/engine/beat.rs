//! [`Beat`]: the thread whose word keeps rules in force that need one. It stands still with the process, and they end.

use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, Weak};
use std::thread;

use chaos_core::{Error, Result};

use super::term::EVERY;
use super::{Spaces, lock};

/// At rest until the first rule; ends with the engine.
#[derive(Debug, Default)]
pub(super) struct Beat {
    /// Nothing is ever sent: its end is that of the engine.
    running: Mutex<Option<Sender<()>>>,
}

impl Beat {
    pub(super) fn start(&self, spaces: &Arc<Spaces>) -> Result<()> {
        let mut running = lock(&self.running);
        if running.is_some() {
            return Ok(());
        }
        let (engine, its_end) = channel();
        let spaces = Arc::downgrade(spaces);
        thread::Builder::new()
            .name("chaos-net-beat".to_owned())
            .spawn(move || go_on(&spaces, &its_end))
            .map_err(|source| Error::failed("no thread for faults that are held").with_source(source))?;
        *running = Some(engine);
        Ok(())
    }
}

fn go_on(spaces: &Weak<Spaces>, end: &Receiver<()>) {
    while matches!(end.recv_timeout(EVERY), Err(RecvTimeoutError::Timeout)) {
        let Some(spaces) = spaces.upgrade() else { return };
        let all: Vec<_> = lock(&spaces).values().cloned().collect();
        for space in all {
            if let Err(error) = lock(&space).renew() {
                // Others come before the kernel ends what was not renewed, and a look says when it has.
                tracing::warn!(target: "chaos", error = %error.chain(), "a network fault that is held was not renewed");
            }
        }
    }
}
