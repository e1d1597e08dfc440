//! [`Writer`]: the agent's side. A log that nobody reads holds nothing up: lines are written by a thread of their own, and
//! lost when it cannot keep up, which the numbers show.

use std::io::Write;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, channel, sync_channel};
use std::thread;
use std::time::{Duration, Instant};

use chaos_core::Result;
use chaos_core::ledger::RunId;

use super::{Line, Said};

/// How many lines wait for the thread.
const WAITING: usize = 4096;

#[derive(Debug)]
pub(crate) struct Writer {
    start: RunId,
    begun: Instant,
    said: AtomicU64,
    lines: SyncSender<String>,
    ended: Receiver<()>,
}

impl Writer {
    /// # Errors
    /// When no thread can be made.
    pub(crate) fn to(mut out: impl Write + Send + 'static) -> Result<Self> {
        let (lines, waiting) = sync_channel::<String>(WAITING);
        let (done, ended) = channel();
        thread::Builder::new().name("chaos-status".to_owned()).spawn(move || {
            for line in waiting {
                // Without a reader there is nobody to tell, and the work goes on.
                let _ = out.write_all(line.as_bytes()).and_then(|()| out.flush());
            }
            let _ = done.send(());
        })?;
        Ok(Self { start: RunId::fresh(), begun: Instant::now(), said: AtomicU64::new(0), lines, ended })
    }

    /// Says it, and never waits.
    pub(crate) fn say(&self, said: Said) {
        let n = self.said.fetch_add(1, Ordering::SeqCst) + 1;
        let ms = u64::try_from(self.begun.elapsed().as_millis()).unwrap_or(u64::MAX);
        let line = Line { start: self.start, n, ms, said };
        // All of it is text and numbers, which JSON holds.
        if let Ok(mut text) = serde_json::to_string(&line) {
            text.push('\n');
            let _ = self.lines.try_send(text);
        }
    }

    /// Waits until everything is written, but not longer.
    pub(crate) fn finish(self, within: Duration) {
        drop(self.lines);
        let _ = self.ended.recv_timeout(within);
    }
}
