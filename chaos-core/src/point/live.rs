//! [`Live`]: an armed rule and its counters.

use std::time::Duration;

use tokio::time::Instant;

use super::gate::{Cap, Entry, Gate};
use super::matcher::Matcher;
use super::operation::{Abilities, Operation};
use super::release::Release;
use super::rule::{Action, OnRevert, Rule};
use super::stats::RuleStats;
use crate::clock::Clock;
use crate::dice::Stream;
use crate::occurrence::Ordinals;
use crate::sync::{Arc, AtomicU64, Ordering};

/// An armed rule: compiled for the way of an operation, with its counters.
pub(crate) struct Live<Op: Operation> {
    pub(crate) id: u64,
    pub(crate) label: Arc<str>,
    stream: Stream,
    pub(crate) matcher: Option<Matcher<Op>>,
    ordinals: Option<Ordinals>,
    threshold: Option<u64>,
    budget: u64,
    most_at_once: u32,
    window: Option<Window>,
    needs: Abilities,
    pub(crate) action: Action<Op>,
    pub(crate) on_revert: OnRevert,
    pub(crate) cap: Option<Arc<Cap>>,
    pub(crate) gate: Gate,
    pub(crate) release: Release,
    matching: AtomicU64,
    capped: AtomicU64,
    unsupported: AtomicU64,
    let_go: AtomicU64,
    added_ns: AtomicU64,
}

/// What the dice, the limits and the rule's life say of one matching operation.
pub(crate) enum Draw {
    Miss,
    Hit(u64),
}

impl<Op: Operation> Live<Op> {
    pub(crate) fn new(
        id: u64,
        label: String,
        stream: Stream,
        rule: &Rule<Op>,
        cap: Option<Arc<Cap>>,
        now: Instant,
    ) -> Self {
        let occurrence = &rule.occurrence;
        Self {
            id,
            label: label.into(),
            stream,
            matcher: rule.matcher.clone(),
            ordinals: occurrence.ordinals,
            threshold: occurrence.threshold(),
            budget: occurrence.budget.unwrap_or(u64::MAX),
            most_at_once: occurrence.at_once.unwrap_or(u32::MAX),
            window: occurrence
                .window
                .map(|(from, until)| Window { from: now.checked_add(from), until: now.checked_add(until) }),
            needs: match &rule.action {
                Action::Effect(effect) => Op::needs(effect.effect()),
                Action::Delay(..) => Abilities::NONE,
            },
            action: rule.action.clone(),
            on_revert: rule.on_revert,
            cap,
            gate: Gate::open(),
            release: Release::default(),
            matching: AtomicU64::new(0),
            capped: AtomicU64::new(0),
            unsupported: AtomicU64::new(0),
            let_go: AtomicU64::new(0),
            added_ns: AtomicU64::new(0),
        }
    }

    /// Counts a matching operation and decides it. A hit holds a place in the gate, which the caller gives back.
    #[inline]
    pub(crate) fn draw(&self, able: Abilities, clock: &Clock, caps: &mut CapScratch) -> Draw {
        let ordinal = self.matching.fetch_add(1, Ordering::Relaxed);
        let seen = self.cap.as_ref().map(|cap| caps.see(cap));
        if self.ordinals.is_some_and(|ordinals| !ordinals.contains(ordinal + 1)) {
            return Draw::Miss;
        }
        if self.threshold.is_some_and(|threshold| self.stream.draw(ordinal) >= threshold) {
            return Draw::Miss;
        }
        if !able.cover(self.needs) {
            self.unsupported.fetch_add(1, Ordering::Release);
            return Draw::Miss;
        }
        if self.window.as_ref().is_some_and(|window| !window.contains(clock.now())) {
            return self.capped();
        }
        let fresh = match (&self.cap, seen) {
            (Some(cap), Some(seen)) => match caps.enter(cap, seen) {
                Some(fresh) => fresh,
                None => return self.capped(),
            },
            _ => false,
        };
        match self.gate.enter(self.budget, self.most_at_once) {
            Entry::Hit => Draw::Hit(ordinal),
            refused => {
                if let (true, Some(cap)) = (fresh, &self.cap) {
                    caps.take_back(cap);
                }
                if refused == Entry::Capped { self.capped() } else { Draw::Miss }
            }
        }
    }

    #[cold]
    fn capped(&self) -> Draw {
        self.capped.fetch_add(1, Ordering::Release);
        Draw::Miss
    }

    /// The dice of this rule for what its effect needs beyond the decision (a delay's length, a position).
    pub(crate) fn stream(&self) -> Stream {
        self.stream.lane(1)
    }

    /// Off at once, and everything held is let go. True for the call that did it.
    pub(crate) fn close(&self) -> bool {
        let first = self.gate.close();
        if first {
            self.release.fire();
        }
        first
    }

    pub(crate) fn add_time(&self, held: Duration) {
        let ns = u64::try_from(held.as_nanos()).unwrap_or(u64::MAX);
        self.added_ns.fetch_add(ns, Ordering::Relaxed);
    }

    pub(crate) fn count_let_go(&self) {
        self.let_go.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn stats(&self) -> RuleStats {
        // Read in this order, a hit in between can only show as a miss that is not counted yet.
        let hits = self.gate.hits();
        let capped = self.capped.load(Ordering::Acquire);
        let unsupported = self.unsupported.load(Ordering::Acquire);
        let matching = self.matching.load(Ordering::Relaxed);
        RuleStats {
            rule: self.label.to_string(),
            matching,
            hits,
            misses: matching.saturating_sub(hits + capped + unsupported),
            capped,
            unsupported,
            let_go: self.let_go.load(Ordering::Relaxed),
            added: Duration::from_nanos(self.added_ns.load(Ordering::Relaxed)),
        }
    }
}

/// The window of a rule in the clock's time. An end past what the clock can say is no end; a start past it never comes.
struct Window {
    from: Option<Instant>,
    until: Option<Instant>,
}

impl Window {
    fn contains(&self, now: Instant) -> bool {
        self.from.is_some_and(|from| now >= from) && self.until.is_none_or(|until| now < until)
    }
}

/// Which caps one operation has been counted in, so that several rules under one cap count it once. Its places are given
/// back when it is dropped: with the hit, or by a panic in the matcher of a later rule.
#[derive(Default)]
pub(crate) struct CapScratch {
    first: Option<CapUse>,
    // More than one experiment at one point is rare.
    more: Vec<CapUse>,
}

struct CapUse {
    cap: Arc<Cap>,
    seen: u64,
    entered: bool,
}

impl CapScratch {
    /// Whether a rule of this operation is under a cap at all; most are not.
    pub(crate) fn is_used(&self) -> bool {
        self.first.is_some()
    }

    fn find(&mut self, cap: &Arc<Cap>) -> Option<&mut CapUse> {
        self.first.iter_mut().chain(&mut self.more).find(|used| Arc::ptr_eq(&used.cap, cap))
    }

    fn see(&mut self, cap: &Arc<Cap>) -> u64 {
        if let Some(used) = self.find(cap) {
            return used.seen;
        }
        let used = CapUse { cap: Arc::clone(cap), seen: cap.see(), entered: false };
        let seen = used.seen;
        if self.first.is_none() {
            self.first = Some(used);
        } else {
            self.more.push(used);
        }
        seen
    }

    /// `Some(true)` when this call put the operation under the cap, `Some(false)` when it was already.
    fn enter(&mut self, cap: &Arc<Cap>, seen: u64) -> Option<bool> {
        let used = self.find(cap)?;
        if used.entered {
            return Some(false);
        }
        used.entered = used.cap.enter(seen);
        used.entered.then_some(true)
    }

    fn take_back(&mut self, cap: &Arc<Cap>) {
        if let Some(used) = self.find(cap) {
            used.entered = false;
            used.cap.take_back();
        }
    }
}

impl Drop for CapUse {
    fn drop(&mut self) {
        if self.entered {
            self.cap.leave();
        }
    }
}
