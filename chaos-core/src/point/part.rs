//! [`Part`]: one rule's part in a hit, and [`Held`]: its delay or hang under way.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::live::Live;
use super::operation::Operation;
use super::rule::{Action, OnRevert, Place};
use crate::clock::Sleep;
use crate::sync::Arc;

/// One rule's part in a hit. It holds a place in the rule's gate until the operation is over.
pub(super) struct Part<Op: Operation> {
    pub(super) live: Arc<Live<Op>>,
    pub(super) ordinal: u64,
    pub(super) delay: Duration,
    /// Nothing is left to wait for.
    pub(super) done: bool,
}

impl<Op: Operation> Part<Op> {
    /// Takes over the place in the gate.
    #[inline]
    pub(super) fn new(live: &Arc<Live<Op>>, ordinal: u64, delay: Duration) -> Self {
        Self { live: Arc::clone(live), ordinal, delay, done: delay.is_zero() }
    }

    #[inline]
    pub(super) fn is_effect(&self) -> bool {
        self.live.is_effect()
    }

    pub(super) fn stands(&self, place: Place) -> bool {
        matches!(&self.live.action, Action::Delay(_, at) if *at == place)
    }

    pub(super) fn is_to_wait(&self) -> bool {
        !self.delay.is_zero() && (self.live.on_revert == OnRevert::FinishDelay || !self.live.gate.is_closed())
    }

    /// Blocks this thread for the delay. Under a paused clock, which no blocked thread could advance, it is counted and
    /// not waited for.
    pub(super) fn wait_blocking(&self) {
        let live = &*self.live;
        if live.clock.is_paused() {
            live.add_time(self.delay);
            return;
        }
        let since = live.clock.now();
        match live.on_revert {
            OnRevert::FinishDelay => live.clock.sleep_blocking(self.delay),
            OnRevert::LetGo => {
                if live.release.wait(Some(self.delay)) {
                    live.count_let_go();
                }
            }
        }
        live.add_time(live.clock.now().saturating_duration_since(since));
    }
}

impl<Op: Operation> Drop for Part<Op> {
    #[inline]
    fn drop(&mut self) {
        self.live.gate.leave();
    }
}

/// A delay or a hang under way.
pub(super) struct Held<Op: Operation> {
    live: Arc<Live<Op>>,
    // None for a hang: only a revert ends it.
    sleep: Option<Sleep>,
    since: Instant,
    ticket: Option<u64>,
}

impl<Op: Operation> Held<Op> {
    pub(super) fn begin(live: &Arc<Live<Op>>, delay: Option<Duration>) -> Self {
        Self {
            live: Arc::clone(live),
            sleep: delay.map(|delay| live.clock.sleep(delay)),
            since: live.clock.now(),
            ticket: None,
        }
    }

    pub(super) fn is_hang(&self) -> bool {
        self.sleep.is_none()
    }

    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let ends_on_revert = self.is_hang() || self.live.on_revert == OnRevert::LetGo;
        if ends_on_revert && self.live.release.poll(&mut self.ticket, cx).is_ready() {
            self.live.count_let_go();
            return Poll::Ready(());
        }
        match &mut self.sleep {
            Some(sleep) => Pin::new(sleep).poll(cx),
            None => Poll::Pending,
        }
    }
}

impl<Op: Operation> Drop for Held<Op> {
    fn drop(&mut self) {
        self.live.release.forget(&mut self.ticket);
        self.live.add_time(self.live.clock.now().saturating_duration_since(self.since));
    }
}
