//! The wakers of one clock by deadline, and the thread that wakes them.
//!
//! A wake from a foreign thread costs a system call and, for an idle worker, a wake of the kernel; a thousand of them in
//! a row make the last sleeper a millisecond late. A wake from inside the runtime is a push on a queue. So the thread
//! wakes only the first of those that are due, and every sleep that ends takes the next one along ([`Timer::leave`]).
//! The thread looks again every [`GRACE`]: while the sleeps go on it starts [`FIRST`] more, and if they do not (a sleep
//! that nobody polls, a runtime that hangs or is gone) it wakes twice as many each time.
//!
//! Measured on two shared virtual cores, a thousand sleeps that end together, one task each, p50 of the error: 220 to
//! 310 us on two workers, 250 to 530 us on one, by the load of others. Of it 45 us are the two wakes of the kernel, and
//! the rest is half of the tasks run in turn, at 0.4 to 0.7 us each: what limits it is the runtime, not the timer. The
//! same tasks woken by one `Notify::notify_waiters` in their own runtime take 100 to 190 us, from another thread 230 to
//! 290 us.
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

/// How long before the end of a long wait the thread wakes once: a core in deep sleep is woken later than one that has
/// just dozed off.
const APPROACH: Duration = Duration::from_micros(150);

/// How many due the thread wakes at a time.
const FIRST: usize = 4;

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
    /// How many the sleeps have taken along, ever.
    along: u64,
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

    /// Takes `key` out, as its sleep has ended, and wakes the next that is due.
    pub(super) fn leave(&self, key: Option<Key>, now: Instant) {
        let Some(key) = key else { return };
        let mut queue = self.shared.lock();
        let own = queue.waiting.remove(&key);
        let due = queue.pop_due(now);
        queue.along += u64::from(due.is_some());
        drop(queue);
        drop(own);
        if let Some(due) = due {
            wake(due);
        }
    }

    /// Takes `key` out.
    pub(super) fn forget(&self, key: Key) {
        let waker = self.shared.lock().waiting.remove(&key);
        drop(waker);
    }

    /// Lives as long as the timer and its thread do.
    #[cfg(test)]
    pub(super) fn watch(&self) -> std::sync::Weak<impl Sized + use<>> {
        Arc::downgrade(&self.shared)
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

/// A waker is foreign code: a panic of one must not cost the other sleeps their wake.
fn wake(waker: Waker) {
    let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
}

fn start(shared: &Arc<Shared>) -> std::io::Result<()> {
    let shared = Arc::clone(shared);
    thread::Builder::new().name("chaos-clock".into()).spawn(move || run(&shared)).map(drop)
}

fn run(shared: &Shared) {
    let _precise = Slack::none();
    let mut batch = 0;
    let mut along = 0;
    let mut due = Vec::new();
    let mut queue = shared.lock();
    while !queue.closed {
        let now = Instant::now();
        let next = queue.waiting.first_key_value().map(|(key, _)| key.0);
        if next.is_none_or(|next| now < next) {
            batch = 0;
            queue = wait(shared, queue, next, now);
            continue;
        }
        // While sleeps take others along the thread only sees to it that it goes on: they do it faster.
        let helped = std::mem::replace(&mut along, queue.along) != queue.along;
        batch = if helped { FIRST } else { batch.saturating_mul(2).max(FIRST) };
        due.extend(std::iter::from_fn(|| queue.pop_due(now)).take(batch));
        let more = queue.waiting.first_key_value().is_some_and(|(key, _)| key.0 <= now);
        drop(queue);
        due.drain(..).for_each(wake);
        if more {
            thread::sleep(GRACE);
        }
        queue = shared.lock();
    }
}

/// Waits until `next`, for a sleep that ends before it, or for the end of the timer.
fn wait<'a>(
    shared: &'a Shared,
    mut queue: MutexGuard<'a, Queue>,
    next: Option<Instant>,
    now: Instant,
) -> MutexGuard<'a, Queue> {
    queue.thread = Thread::Until(next);
    let mut queue = match next {
        None => shared.changed.wait(queue).unwrap_or_else(PoisonError::into_inner),
        Some(next) => {
            let left = next.saturating_duration_since(now);
            let left = if left > APPROACH * 4 { left - APPROACH } else { left };
            shared.changed.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0
        }
    };
    queue.thread = Thread::Awake;
    queue
}
