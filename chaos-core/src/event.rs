//! Events: what rules did, as it happens.
//!
//! Every hit goes to `tracing` (target `chaos`, level DEBUG) and to whoever subscribed with
//! [`Chaos::subscribe`](crate::Chaos::subscribe). A subscriber's channel is bounded: when it is full, events are
//! counted as lost and no operation waits.
//!
//! Events of one rule come in order where one thread does it all. Between threads only the counters are exact: an
//! operation that was hit just before a revert may tell of it just after.
//!
//! ```
//! use chaos_core::{Chaos, event::Event, point::{Step, step}, Delay, units::ms};
//! struct Commit;
//! impl Step for Commit { const NAME: &'static str = "commit"; type Error = std::io::Error; }
//!
//! let chaos = Chaos::seeded(7);
//! let mut events = chaos.subscribe(64)?;
//! let slow = chaos.point::<Commit>("orders")?.arm(step::latency(Delay::fixed(ms(5))).named("slow")?)?;
//! slow.revert();
//! assert!(matches!(events.try_recv(), Some(Event::Armed { rule, .. }) if &*rule == "slow"));
//! assert!(matches!(events.try_recv(), Some(Event::Reverted { hits: 0, .. })));
//! # Ok::<(), chaos_core::Error>(())
//! ```

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use arc_swap::ArcSwap;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{Semaphore, mpsc};

use crate::error::{Error, Result};

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A rule was armed at a point.
    Armed {
        /// The point.
        point: Arc<str>,
        /// The rule.
        rule: Arc<str>,
    },
    /// An operation was hit.
    Hit {
        /// The point.
        point: Arc<str>,
        /// The rule.
        rule: Arc<str>,
        /// The number of the operation among those that match the rule, from 0: what the dice were asked for.
        ordinal: u64,
        /// The delay decided; zero for an effect.
        delay: Duration,
    },
    /// A rule was reverted.
    Reverted {
        /// The point.
        point: Arc<str>,
        /// The rule.
        rule: Arc<str>,
        /// How many operations it hit.
        hits: u64,
    },
}

/// Who listens.
#[derive(Debug, Default)]
pub(crate) struct Hub {
    subscribers: AtomicUsize,
    // Read without a lock on the way of an operation: sending wakes a receiver, whose waker may come back here.
    channels: ArcSwap<Vec<Channel>>,
    // Held where somebody comes or goes.
    changing: Mutex<()>,
}

#[derive(Debug, Clone)]
struct Channel {
    to: mpsc::Sender<Event>,
    lost: Arc<AtomicU64>,
}

impl Hub {
    pub(crate) fn subscribe(&self, capacity: usize) -> Result<Events> {
        if !(1..=Semaphore::MAX_PERMITS).contains(&capacity) {
            return Err(Error::invalid(format!(
                "a channel for {capacity} events is not in 1..={}",
                Semaphore::MAX_PERMITS
            )));
        }
        let (to, from) = mpsc::channel(capacity);
        let lost = Arc::new(AtomicU64::new(0));
        let channel = Channel { to, lost: Arc::clone(&lost) };
        self.change(|channels| channels.push(channel));
        Ok(Events { from, lost })
    }

    #[inline]
    pub(crate) fn is_heard(&self) -> bool {
        self.subscribers.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn send(&self, event: &Event) {
        if !self.is_heard() {
            return;
        }
        let mut gone = false;
        for channel in self.channels.load().iter() {
            match channel.to.try_send(event.clone()) {
                Ok(()) => {}
                Err(TrySendError::Full(_)) => {
                    channel.lost.fetch_add(1, Ordering::Relaxed);
                }
                Err(TrySendError::Closed(_)) => gone = true,
            }
        }
        if gone {
            self.change(|channels| channels.retain(|channel| !channel.to.is_closed()));
        }
    }

    fn change(&self, how: impl FnOnce(&mut Vec<Channel>)) {
        let _changing = self.lock();
        let mut channels = Vec::clone(&self.channels.load());
        how(&mut channels);
        self.subscribers.store(channels.len(), Ordering::Release);
        self.channels.store(Arc::new(channels));
    }

    fn lock(&self) -> MutexGuard<'_, ()> {
        self.changing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A subscription to the events of one handle; see [`Chaos::subscribe`](crate::Chaos::subscribe).
#[derive(Debug)]
#[must_use = "events are only kept while the subscription lives"]
pub struct Events {
    from: mpsc::Receiver<Event>,
    lost: Arc<AtomicU64>,
}

impl Events {
    /// The next event; `None` when the handle and its points are gone.
    pub async fn recv(&mut self) -> Option<Event> {
        self.from.recv().await
    }

    /// The next event, if there is one already.
    pub fn try_recv(&mut self) -> Option<Event> {
        self.from.try_recv().ok()
    }

    /// How many events found the channel full.
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}
