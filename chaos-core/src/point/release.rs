//! [`Release`]: lets go, once and for all, whatever a rule holds.

use std::collections::HashMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

#[derive(Debug, Default)]
pub(crate) struct Release {
    state: Mutex<State>,
    blocked: Condvar,
}

#[derive(Debug, Default)]
struct State {
    released: bool,
    next: u64,
    waiting: HashMap<u64, Waker>,
}

impl Release {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets everything go.
    pub(crate) fn fire(&self) {
        let waiting = {
            let mut state = self.lock();
            state.released = true;
            std::mem::take(&mut state.waiting)
        };
        self.blocked.notify_all();
        waiting.into_values().for_each(Waker::wake);
    }

    /// Ready once [`fire`](Release::fire) was called. `ticket` remembers the caller between polls.
    pub(crate) fn poll(&self, ticket: &mut Option<u64>, cx: &Context<'_>) -> Poll<()> {
        let mut state = self.lock();
        if state.released {
            return Poll::Ready(());
        }
        let key = *ticket.get_or_insert_with(|| {
            state.next += 1;
            state.next
        });
        match state.waiting.get_mut(&key) {
            Some(waker) => waker.clone_from(cx.waker()),
            None => drop(state.waiting.insert(key, cx.waker().clone())),
        }
        Poll::Pending
    }

    /// Forgets a caller that will not poll again.
    pub(crate) fn forget(&self, ticket: &mut Option<u64>) {
        if let Some(key) = ticket.take() {
            self.lock().waiting.remove(&key);
        }
    }

    /// Blocks the thread until released, or for `at_most`.
    pub(crate) fn wait(&self, at_most: Option<Duration>) {
        let state = self.lock();
        match at_most {
            None => drop(self.blocked.wait_while(state, |state| !state.released)),
            Some(most) => drop(self.blocked.wait_timeout_while(state, most, |state| !state.released)),
        }
    }
}
