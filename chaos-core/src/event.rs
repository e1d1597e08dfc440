//! Events: what rules did, as it happens.
//!
//! Every hit goes to `tracing` (target `chaos`, level DEBUG) and to whoever subscribed with
//! [`Chaos::subscribe`](crate::Chaos::subscribe). A subscriber's channel is bounded: when it is full, events are
//! counted as lost and no operation waits.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;

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
    channels: Mutex<Vec<Channel>>,
}

#[derive(Debug)]
struct Channel {
    to: mpsc::Sender<Event>,
    lost: Arc<AtomicU64>,
}

impl Hub {
    pub(crate) fn subscribe(&self, capacity: usize) -> Events {
        let (to, from) = mpsc::channel(capacity);
        let lost = Arc::new(AtomicU64::new(0));
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        channels.push(Channel { to, lost: Arc::clone(&lost) });
        self.subscribers.store(channels.len(), Ordering::Release);
        Events { from, lost }
    }

    #[inline]
    pub(crate) fn is_heard(&self) -> bool {
        self.subscribers.load(Ordering::Relaxed) > 0
    }

    pub(crate) fn send(&self, event: &Event) {
        if !self.is_heard() {
            return;
        }
        let mut channels = self.channels.lock().unwrap_or_else(PoisonError::into_inner);
        channels.retain(|channel| match channel.to.try_send(event.clone()) {
            Ok(()) => true,
            Err(TrySendError::Full(_)) => {
                channel.lost.fetch_add(1, Ordering::Relaxed);
                true
            }
            Err(TrySendError::Closed(_)) => false,
        });
        self.subscribers.store(channels.len(), Ordering::Release);
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
    /// The next event; `None` when the handle is gone.
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
