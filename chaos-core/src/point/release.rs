//! [`Release`]: lets go, once and for all, whatever a rule holds.

use std::collections::HashMap;
use std::sync::PoisonError;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use crate::sync::{Condvar, Mutex, MutexGuard};

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
        {
            let state = self.lock();
            if state.released {
                return Poll::Ready(());
            }
            let known = ticket.and_then(|key| state.waiting.get(&key));
            if known.is_some_and(|waker| waker.will_wake(cx.waker())) {
                return Poll::Pending;
            }
        }
        // Cloning or dropping a waker may run code of its executor, down to the drop of another operation held here: never
        // under the lock.
        let waker = cx.waker().clone();
        let mut state = self.lock();
        if state.released {
            drop(state);
            return Poll::Ready(());
        }
        let key = *ticket.get_or_insert_with(|| {
            state.next += 1;
            state.next
        });
        let old = state.waiting.insert(key, waker);
        drop(state);
        drop(old);
        Poll::Pending
    }

    /// Forgets a caller that will not poll again.
    pub(crate) fn forget(&self, ticket: &mut Option<u64>) {
        if let Some(key) = ticket.take() {
            let waker = self.lock().waiting.remove(&key);
            drop(waker);
        }
    }

    /// Blocks the thread until released, or for `at_most`. True when it was released.
    pub(crate) fn wait(&self, at_most: Option<Duration>) -> bool {
        // A time past what the clock can say is no limit.
        let end = at_most.and_then(|most| Instant::now().checked_add(most));
        let mut state = self.lock();
        while !state.released {
            state = match end {
                None => self.blocked.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(end) => {
                    let left = end.saturating_duration_since(Instant::now());
                    if left.is_zero() {
                        return false;
                    }
                    self.blocked.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
        true
    }
}
