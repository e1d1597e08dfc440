//! The wakers of one clock by deadline, and the thread that wakes them.
//!
//! A wake from a foreign thread costs a system call and, for an idle worker, a wake of the kernel; a thousand of them in
//! a row make the last sleeper a millisecond late. A wake from inside the runtime is a push on a queue. So the thread
//! wakes only the first of those that are due, and every sleep that ends takes a few more along
//! ([`Timer::leave`]). The thread looks again after [`GRACE`] and wakes twice as many if they are still there: a sleep
//! that nobody polls, a runtime that hangs or is gone delay nobody else by more than that.
//!
//! The thread is started by the first wait and ends with the [`Timer`]. Wakers are woken and dropped outside the lock:
//! either can run a task's code, and that may come back here.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::task::Waker;
use std::thread;
use std::time::{Duration, Instant};

use super::blocking::Slack;

/// How long the thread leaves the rest of the due to those it has woken: about a wake of the kernel.
const GRACE: Duration = Duration::from_micros(50);

/// How many due the thread wakes at first.
const FIRST: usize = 2;

/// How many due a sleep that ends takes along.
const ALONG: usize = 4;

/// The name of a waiting sleep: its deadline, and a number that makes it unique.
pub(super) type Key = (Instant, u64);

#[derive(Debug)]
pub(super) struct Timer {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    queue: Mutex<Queue>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    waiting: BTreeMap<Key, Waker>,
    next: u64,
    thread: Thread,
    closed: bool,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Thread {
    #[default]
    Absent,
    /// Will look at the queue again by itself.
    Awake,
    /// Waits for this instant, or for the first wait.
    Until(Option<Instant>),
}

impl Timer {
    pub(super) fn new() -> Self {
        Self { shared: Arc::default() }
    }

    /// Has `waker` woken at `deadline`, in place of what `key` said. `None` if no thread could be had to do it: then
    /// `waker` has been woken, and the caller is polled again until its deadline.
    pub(super) fn wait(&self, key: Option<Key>, deadline: Instant, waker: &Waker) -> Option<Key> {
        let mut waker = waker.clone();
        let mut queue = self.shared.lock();
        if let Some(known) = key.as_ref().and_then(|key| queue.waiting.get_mut(key)) {
            // Swapped, so that the old one is dropped outside the lock.
            std::mem::swap(known, &mut waker);
            drop(queue);
            return key;
        }
        let key = (deadline, queue.next);
        queue.next += 1;
        match queue.thread {
            Thread::Awake => {}
            Thread::Until(alarm) => {
                if alarm.is_none_or(|alarm| deadline < alarm) {
                    queue.thread = Thread::Awake;
                    self.shared.changed.notify_one();
                }
            }
            Thread::Absent => {
                if let Err(source) = start(&self.shared) {
                    drop(queue);
                    tracing::warn!(%source, "no thread for a precise sleep: polling until its end");
                    waker.wake();
                    return None;
                }
                queue.thread = Thread::Awake;
            }
        }
        queue.waiting.insert(key, waker);
        Some(key)
    }

    /// Takes `key` out, as its sleep has ended, and wakes some of those due beside it.
    pub(super) fn leave(&self, key: Option<Key>, now: Instant) {
        let Some(key) = key else { return };
        let mut due = [const { None }; ALONG];
        let mut queue = self.shared.lock();
        let own = queue.waiting.remove(&key);
        for waker in &mut due {
            *waker = queue.pop_due(now);
        }
        drop(queue);
        drop(own);
        due.into_iter().flatten().for_each(Waker::wake);
    }

    /// Takes `key` out.
    pub(super) fn forget(&self, key: Key) {
        let waker = self.shared.lock().waiting.remove(&key);
        drop(waker);
    }

    #[cfg(test)]
    pub(super) fn waiting(&self) -> usize {
        self.shared.lock().waiting.len()
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // Nothing waits: every sleep holds the timer. The thread is not joined, this may be running on it.
        self.shared.lock().closed = true;
        self.shared.changed.notify_one();
    }
}

impl Shared {
    /// Nothing foreign runs under the lock, so a poisoned one is whole.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Queue {
    fn pop_due(&mut self, now: Instant) -> Option<Waker> {
        let entry = self.waiting.first_entry()?;
        (entry.key().0 <= now).then(|| entry.remove())
    }
}

fn start(shared: &Arc<Shared>) -> std::io::Result<()> {
    let shared = Arc::clone(shared);
    thread::Builder::new().name("chaos-clock".into()).spawn(move || run(&shared)).map(drop)
}

fn run(shared: &Shared) {
    let _precise = Slack::none();
    let mut batch = FIRST;
    let mut due = Vec::new();
    let mut queue = shared.lock();
    while !queue.closed {
        let now = Instant::now();
        due.extend(std::iter::from_fn(|| queue.pop_due(now)).take(batch));
        let next = queue.waiting.first_key_value().map(|(key, _)| key.0);
        if due.is_empty() {
            batch = FIRST;
            queue.thread = Thread::Until(next);
            queue = match next {
                None => shared.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some(next) => {
                    let left = next.saturating_duration_since(now);
                    let woken = shared.changed.wait_timeout(queue, left);
                    woken.unwrap_or_else(PoisonError::into_inner).0
                }
            };
            queue.thread = Thread::Awake;
            continue;
        }
        drop(queue);
        for waker in due.drain(..) {
            // A waker is foreign code; the other sleeps must not pay for its panic.
            let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
        }
        if next.is_some_and(|next| next <= now) {
            thread::sleep(GRACE);
            batch = batch.saturating_mul(2);
        }
        queue = shared.lock();
    }
}
