//! [`Hit`]: what was decided for one operation, to be carried out by the wrapper at the point.

use std::fmt;
use std::mem::ManuallyDrop;
use std::task::{Context, Poll};
use std::time::Duration;

use super::caps::CapScratch;
use super::operation::Operation;
use super::part::{Held, Part};
use super::rule::{Action, Place};
use super::watch::Watch;
use crate::clock::Clock;
use crate::dice::Rolls;
use crate::sync::Arc;

/// What was decided for one operation: delays, and at most one effect.
///
/// The wrapper polls [`poll_before`](Hit::poll_before) until it is ready, looks at [`effect`](Hit::effect), carries it
/// out or lets the operation pass, and polls [`poll_after`](Hit::poll_after) before it answers. Dropping a hit at any
/// moment is fine: its places under limits are given back.
//
// A few words, since a wrapper moves it into its future: what most hits do without stands behind one pointer.
#[must_use = "a hit that is dropped lets the operation pass untouched"]
pub struct Hit<Op: Operation> {
    first: Part<Op>,
    // No delay is left, at either place.
    idle: bool,
    more: Rest<Op>,
}

/// What not every hit has.
struct More<Op: Operation> {
    // In arming order; an effect is the last one, as it ends the search.
    parts: Vec<Part<Op>>,
    held: Option<Held<Op>>,
    // Places given back when the operation is over.
    caps: CapScratch,
}

/// Freed out of line, as most hits have none.
struct Rest<Op: Operation>(ManuallyDrop<Option<Box<More<Op>>>>);

impl<Op: Operation> Drop for Rest<Op> {
    #[inline]
    fn drop(&mut self) {
        if let Some(more) = self.0.take() {
            free(more);
        }
    }
}

#[inline(never)]
fn free<Op: Operation>(more: Box<More<Op>>) {
    drop(more);
}

impl<Op: Operation> Hit<Op> {
    #[inline]
    pub(super) fn new(first: Part<Op>) -> Self {
        Self { idle: first.done, first, more: Rest(ManuallyDrop::new(None)) }
    }

    pub(super) fn add(&mut self, part: Part<Op>) {
        self.idle &= part.done;
        self.more().parts.push(part);
    }

    pub(super) fn keep(&mut self, caps: CapScratch) {
        self.more().caps = caps;
    }

    fn more(&mut self) -> &mut More<Op> {
        self.more.0.get_or_insert_with(|| {
            Box::new(More { parts: Vec::new(), held: None, caps: CapScratch::default() })
        })
    }

    fn parts(&self) -> impl Iterator<Item = &Part<Op>> {
        std::iter::once(&self.first).chain(self.more.0.iter().flat_map(|more| &more.parts))
    }

    #[inline]
    pub(super) fn last(&self) -> &Part<Op> {
        self.more.0.as_ref().and_then(|more| more.parts.last()).unwrap_or(&self.first)
    }

    #[inline]
    fn effect_part(&self) -> Option<&Part<Op>> {
        Some(self.last()).filter(|part| part.is_effect())
    }

    /// Whether no rule after this one can add to it: the first effect wins.
    #[inline]
    pub(super) fn is_final(&self) -> bool {
        self.last().is_effect()
    }

    /// The delays decided, before and after the operation, added up.
    pub fn added(&self) -> Duration {
        self.parts().map(|part| part.delay).fold(Duration::ZERO, Duration::saturating_add)
    }

    /// The effect to carry out, if its rule still lives: a rule reverted while the operation was held touches it no
    /// more.
    #[inline]
    pub fn effect(&self) -> Option<&Op::Effect> {
        let part = self.last();
        match &part.live.action {
            Action::Effect(effect) if !part.live.gate.is_closed() => Some(effect.effect()),
            _ => None,
        }
    }

    /// The name of the effect's rule, for what the effect says of itself: an injected error, an event.
    pub fn rule(&self) -> Option<Arc<str>> {
        self.effect_part().map(|part| Arc::clone(&part.live.label))
    }

    /// The dice of the effect's rule for this operation: positions, bytes. The same for the same seed.
    pub fn rolls(&self) -> Option<Rolls> {
        self.effect_part().map(|part| part.live.stream().rng(part.ordinal))
    }

    /// A watch on the effect's rule that outlives the hit: for effects that go on after the answer, in a body.
    pub fn watch(&self) -> Watch
    where
        Op: 'static,
    {
        Watch::new(self.effect_part().map(|part| &part.live))
    }

    /// The handle's clock.
    pub fn clock(&self) -> &Clock {
        &self.first.live.clock
    }

    /// Ready when the delays before the operation are over.
    #[inline]
    pub fn poll_before(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.idle { Poll::Ready(()) } else { self.poll_place(Place::Before, cx) }
    }

    /// Ready when the delays after the operation are over.
    #[inline]
    pub fn poll_after(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.idle { Poll::Ready(()) } else { self.poll_place(Place::After, cx) }
    }

    fn poll_place(&mut self, place: Place, cx: &mut Context<'_>) -> Poll<()> {
        loop {
            if let Some(more) = &mut *self.more.0 {
                // A hang is `poll_hang`'s to end and to count.
                if let Some(held) = more.held.as_mut().filter(|held| !held.is_hang()) {
                    if held.poll(cx).is_pending() {
                        return Poll::Pending;
                    }
                    more.held = None;
                }
            }
            let more = self.more.0.iter_mut().flat_map(|more| &mut more.parts);
            let next =
                std::iter::once(&mut self.first).chain(more).find(|part| !part.done && part.stands(place));
            let Some(part) = next else {
                let idle = self.parts().all(|part| part.done);
                self.idle = idle;
                return Poll::Ready(());
            };
            part.done = true;
            if part.is_to_wait() {
                let held = Held::begin(&part.live, Some(part.delay));
                self.more().held = Some(held);
            }
        }
    }

    /// Ready when the rule that hangs this operation is reverted. A hit without an effect never hangs.
    pub fn poll_hang(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let Some(live) = self.effect_part().map(|part| Arc::clone(&part.live)) else {
            return Poll::Ready(());
        };
        let held = &mut self.more().held;
        let ready = held.get_or_insert_with(|| Held::begin(&live, None)).poll(cx);
        if ready.is_ready() {
            *held = None;
        }
        ready
    }

    /// Blocks this thread for the delays at both places. Under a paused clock, which no blocked thread could advance,
    /// the delays are counted and not waited for.
    pub fn wait_blocking(&mut self) {
        let more = self.more.0.iter_mut().flat_map(|more| &mut more.parts);
        for part in std::iter::once(&mut self.first).chain(more).filter(|part| !part.done) {
            part.done = true;
            if part.is_to_wait() {
                part.wait_blocking();
            }
        }
        self.idle = true;
    }

    /// Blocks this thread until the rule that hangs this operation is reverted.
    pub fn hang_blocking(&mut self) {
        if let Some(part) = self.effect_part() {
            let live = &part.live;
            let since = live.clock.now();
            live.release.wait(None);
            live.count_let_go();
            live.add_time(live.clock.now().saturating_duration_since(since));
        }
    }
}

impl<Op: Operation> fmt::Debug for Hit<Op> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Hit").field("added", &self.added()).field("effect", &self.effect()).finish()
    }
}
