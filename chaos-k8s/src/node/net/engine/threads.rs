//! [`Threads`]: blocking work off the threads of the runtime, a few at a time.

use std::sync::Arc;
use std::thread;

use chaos_core::{Error, Result};
use tokio::sync::{Semaphore, oneshot};

/// netlink work is short and holds locks of the kernel: more at once only wait for each other.
const AT_ONCE: usize = 8;

#[derive(Debug)]
pub(super) struct Threads {
    permits: Arc<Semaphore>,
}

impl Threads {
    pub(super) fn new() -> Self {
        Self { permits: Arc::new(Semaphore::new(AT_ONCE)) }
    }

    /// Runs `work` on a thread of its own when fewer than a few others run. It runs to its end, also when the future is dropped
    /// meanwhile.
    pub(super) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let permit = Arc::clone(&self.permits)
            .acquire_owned()
            .await
            .map_err(|source| Error::failed("the network engine is closed").with_source(source))?;
        spawn(move || {
            let done = work();
            drop(permit);
            done
        })
        .await
    }
}

async fn spawn<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    let (done, result) = oneshot::channel();
    thread::Builder::new().name("chaos-net".to_owned()).spawn(move || {
        // Nobody waits any more: then nobody is told.
        let _ = done.send(work());
    })?;
    result.await.map_err(|source| Error::failed("the network engine panicked").with_source(source))?
}
