//! [`Signals`]: what asks a process to end.

use std::future::poll_fn;
use std::io;
use std::task::Poll;

use chaos_core::Result;
use tokio::signal::unix::{Signal, SignalKind, signal};

pub(super) struct Signals(Vec<Signal>);

impl Signals {
    /// From here on such a signal does not end the process by itself.
    pub(super) fn listen() -> Result<Self> {
        let kinds = [SignalKind::terminate(), SignalKind::interrupt()];
        Ok(Self(kinds.into_iter().map(signal).collect::<io::Result<_>>()?))
    }

    pub(super) async fn next(&mut self) {
        poll_fn(|context| match self.0.iter_mut().any(|signal| signal.poll_recv(context).is_ready()) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        })
        .await;
    }
}
