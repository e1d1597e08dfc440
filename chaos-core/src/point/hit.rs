//! [`Hit`]: what was decided for one operation, to be carried out by the wrapper at the point.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::Instant;

use super::live::{CapScratch, Live};
use super::operation::Operation;
use super::release::Release;
use super::rule::{Action, OnRevert, Place};
use crate::clock::{Clock, Sleep};
use crate::dice::Rolls;
use crate::sync::Arc;

/// What was decided for one operation: delays, and at most one effect.
///
/// The wrapper polls [`poll_before`](Hit::poll_before) until it is ready, looks at [`effect`](Hit::effect), carries it
/// out or lets the operation pass, and polls [`poll_after`](Hit::poll_after) before it answers. Dropping a hit at any
/// moment is fine: its places under limits are given back.
#[must_use = "a hit that is dropped lets the operation pass untouched"]
pub struct Hit<Op: Operation> {
    delay: Option<Part<Op>>,
    more_delays: Vec<Part<Op>>,
    effect: Option<Part<Op>>,
    held: Option<Held<Op>>,
    clock: Clock,
    // Places given back when the operation is over.
    caps: CapScratch,
}

/// One rule's part in a hit. It holds a place in the rule's gate until the operation is over.
struct Part<Op: Operation> {
    live: Arc<Live<Op>>,
    ordinal: u64,
    delay: Duration,
    place: Place,
    done: bool,
}

impl<Op: Operation> Drop for Part<Op> {
    fn drop(&mut self) {
        self.live.gate.leave();
    }
}

/// A delay or a hang under way.
struct Held<Op: Operation> {
    live: Arc<Live<Op>>,
    // None for a hang: only a revert ends it.
    sleep: Option<Sleep>,
    since: Instant,
    clock: Clock,
    ticket: Option<u64>,
}

impl<Op: Operation> Held<Op> {
    fn begin(live: &Arc<Live<Op>>, delay: Option<Duration>, clock: &Clock) -> Self {
        Self {
            live: Arc::clone(live),
            sleep: delay.map(|delay| clock.sleep(delay)),
            since: clock.now(),
            clock: clock.clone(),
            ticket: None,
        }
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let ends_on_revert = self.sleep.is_none() || self.live.on_revert == OnRevert::LetGo;
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
        self.live.add_time(self.clock.now().saturating_duration_since(self.since));
    }
}

impl<Op: Operation> Hit<Op> {
    pub(crate) fn new(clock: Clock) -> Self {
        Self {
            delay: None,
            more_delays: Vec::new(),
            effect: None,
            held: None,
            clock,
            caps: CapScratch::default(),
        }
    }

    /// Adds a rule's part, whose place in the gate it takes over. True when it ends the search: the first effect wins.
    pub(crate) fn add(&mut self, live: &Arc<Live<Op>>, ordinal: u64) -> bool {
        let mut part = Part {
            live: Arc::clone(live),
            ordinal,
            delay: Duration::ZERO,
            place: Place::Before,
            done: false,
        };
        let Action::Delay(delay, place) = &live.action else {
            self.effect = Some(part);
            return true;
        };
        part.delay = delay.sample(live.stream(), ordinal);
        part.place = *place;
        match &self.delay {
            None => self.delay = Some(part),
            Some(_) => self.more_delays.push(part),
        }
        false
    }

    pub(crate) fn keep(&mut self, caps: CapScratch) {
        self.caps = caps;
    }

    /// The delays decided, before and after the operation, added up.
    pub fn added(&self) -> Duration {
        self.delay
            .iter()
            .chain(&self.more_delays)
            .map(|part| part.delay)
            .fold(Duration::ZERO, Duration::saturating_add)
    }

    /// The delay of the last rule added; zero when that was an effect.
    pub(crate) fn last_delay(&self) -> Duration {
        match (&self.effect, self.more_delays.last(), &self.delay) {
            (Some(_), ..) => Duration::ZERO,
            (None, Some(part), _) | (None, None, Some(part)) => part.delay,
            (None, None, None) => Duration::ZERO,
        }
    }

    /// The effect to carry out, if its rule still lives: a rule reverted while the operation was held touches it no
    /// more.
    pub fn effect(&self) -> Option<&Op::Effect> {
        let part = self.effect.as_ref()?;
        match &part.live.action {
            Action::Effect(effect) if !part.live.gate.is_closed() => Some(effect.effect()),
            _ => None,
        }
    }

    /// The name of the effect's rule, for what the effect says of itself: an injected error, an event.
    pub fn rule(&self) -> Option<Arc<str>> {
        self.effect.as_ref().map(|part| Arc::clone(&part.live.label))
    }

    /// The dice of the effect's rule for this operation: positions, bytes. The same for the same seed.
    pub fn rolls(&self) -> Option<Rolls> {
        self.effect.as_ref().map(|part| part.live.stream().rng(part.ordinal))
    }

    /// A watch on the effect's rule that outlives the hit: for effects that go on after the answer, in a body.
    pub fn watch(&self) -> Watch
    where
        Op: 'static,
    {
        Watch { live: self.effect.as_ref().map(|part| Arc::clone(&part.live) as _), ticket: None }
    }

    /// The handle's clock.
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Ready when the delays before the operation are over.
    pub fn poll_before(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_place(Place::Before, cx)
    }

    /// Ready when the delays after the operation are over.
    pub fn poll_after(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.poll_place(Place::After, cx)
    }

    fn poll_place(&mut self, place: Place, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Some(held) = &mut self.held {
                if held.sleep.is_none() {
                    // The operation hangs, so its delays are over: the hang is not this call's to end.
                    return Poll::Ready(());
                }
                if held.poll(cx).is_pending() {
                    return Poll::Pending;
                }
                self.held = None;
            }
            let next = self
                .delay
                .iter_mut()
                .chain(&mut self.more_delays)
                .find(|part| part.place == place && !part.done);
            let Some(part) = next else { return Poll::Ready(()) };
            part.done = true;
            if part.is_to_wait() {
                self.held = Some(Held::begin(&part.live, Some(part.delay), &self.clock));
            }
        }
    }

    /// Ready when the rule that hangs this operation is reverted. A hit without an effect never hangs.
    pub fn poll_hang(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(part) = &self.effect else { return Poll::Ready(()) };
        let held = self.held.get_or_insert_with(|| Held::begin(&part.live, None, &self.clock));
        let ready = held.poll(cx);
        if ready.is_ready() {
            self.held = None;
        }
        ready
    }

    /// Blocks this thread for the delays at both places. Under a paused clock, which no blocked thread could advance,
    /// the delays are counted and not waited for.
    pub fn wait_blocking(&mut self) {
        for part in self.delay.iter_mut().chain(&mut self.more_delays).filter(|part| !part.done) {
            part.done = true;
            if !part.is_to_wait() {
                continue;
            }
            if self.clock.is_paused() {
                part.live.add_time(part.delay);
                continue;
            }
            let since = self.clock.now();
            match part.live.on_revert {
                OnRevert::FinishDelay => self.clock.sleep_blocking(part.delay),
                OnRevert::LetGo => {
                    if part.live.release.wait(Some(part.delay)) {
                        part.live.count_let_go();
                    }
                }
            }
            part.live.add_time(self.clock.now().saturating_duration_since(since));
        }
    }

    /// Blocks this thread until the rule that hangs this operation is reverted.
    pub fn hang_blocking(&mut self) {
        if let Some(part) = &self.effect {
            let since = self.clock.now();
            part.live.release.wait(None);
            part.live.count_let_go();
            part.live.add_time(self.clock.now().saturating_duration_since(since));
        }
    }
}

impl<Op: Operation> Part<Op> {
    fn is_to_wait(&self) -> bool {
        !self.delay.is_zero() && (self.live.on_revert == OnRevert::FinishDelay || !self.live.gate.is_closed())
    }
}

impl<Op: Operation> fmt::Debug for Hit<Op> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hit").field("added", &self.added()).field("effect", &self.effect()).finish()
    }
}

/// What a [`Watch`] needs of a rule, whatever its operation.
trait Watched: Send + Sync {
    fn release(&self) -> &Release;
    fn is_closed(&self) -> bool;
}

impl<Op: Operation> Watched for Live<Op> {
    fn release(&self) -> &Release {
        &self.release
    }
    fn is_closed(&self) -> bool {
        self.gate.is_closed()
    }
}

/// Tells whether the rule behind an effect has been reverted; see [`Hit::watch`].
pub struct Watch {
    live: Option<Arc<dyn Watched>>,
    ticket: Option<u64>,
}

impl Watch {
    /// Whether the rule has been reverted.
    pub fn is_reverted(&self) -> bool {
        self.live.as_ref().is_none_or(|live| live.is_closed())
    }

    /// Ready when the rule is reverted.
    pub fn poll_reverted(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        match &self.live {
            Some(live) => live.release().poll(&mut self.ticket, cx),
            None => Poll::Ready(()),
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if let Some(live) = &self.live {
            live.release().forget(&mut self.ticket);
        }
    }
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watch").field("is_reverted", &self.is_reverted()).finish()
    }
}
