//! [`Live`]: an armed rule and its counters.

use std::time::Duration;

use tokio::time::Instant;

use super::caps::CapScratch;
use super::gate::{Cap, Entry, Gate, Limits};
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
    pub(crate) matcher: Option<Matcher<Op>>,
    ordinals: Option<Ordinals>,
    threshold: Option<u64>,
    stream: Stream,
    needs: Abilities,
    window: Option<Window>,
    limits: Limits,
    leaves_at_zero: bool,
    constant: Option<Duration>,
    pub(crate) action: Action<Op>,
    pub(crate) on_revert: OnRevert,
    pub(crate) cap: Option<Arc<Cap>>,
    pub(crate) id: u64,
    pub(crate) label: Arc<str>,
    pub(crate) clock: Clock,
    pub(crate) release: Release,
    pub(crate) gate: Gate,
    counts: Counts,
}

/// On cache lines of their own: threads whose operations do not match read the rest of the rule, and need not wait for
/// those that count.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Counts {
    matching: AtomicU64,
    capped: AtomicU64,
    unsupported: AtomicU64,
    let_go: AtomicU64,
    added_ns: AtomicU64,
}

impl<Op: Operation> Live<Op> {
    pub(crate) fn new(
        id: u64,
        label: String,
        stream: Stream,
        rule: &Rule<Op>,
        cap: Option<Arc<Cap>>,
        clock: &Clock,
    ) -> Self {
        let occurrence = &rule.occurrence;
        let now = clock.now();
        Self {
            id,
            label: label.into(),
            clock: clock.clone(),
            stream,
            matcher: rule.asked.clone(),
            ordinals: occurrence.ordinals,
            threshold: occurrence.threshold(),
            limits: Limits::new(occurrence.budget, occurrence.at_once),
            window: occurrence
                .window
                .map(|(from, until)| Window { from: now.checked_add(from), until: now.checked_add(until) }),
            needs: match &rule.action {
                Action::Effect(effect) => Op::needs(effect.effect()),
                Action::Delay(..) => Abilities::NONE,
            },
            leaves_at_zero: matches!(rule.action, Action::Delay(..))
                && occurrence.at_once.is_none()
                && cap.is_none(),
            constant: match &rule.action {
                Action::Delay(delay, _) => delay.constant(),
                Action::Effect(_) => None,
            },
            action: rule.action.clone(),
            on_revert: rule.on_revert,
            cap,
            release: Release::default(),
            counts: Counts::default(),
            gate: Gate::open(),
        }
    }

    #[inline]
    pub(super) fn matches(&self, operation: Op::View<'_>) -> bool {
        match &self.matcher {
            Some(matcher) => matcher.matches(operation),
            None => true,
        }
    }

    /// Counts a matching operation and asks number and dice: its number if they are for a hit.
    #[inline]
    pub(super) fn choose(&self) -> Option<u64> {
        let ordinal = self.count();
        self.is_chosen(ordinal).then_some(ordinal)
    }

    /// Asks all else but the cap for an operation that was chosen. True is a hit, which holds a place in the gate that
    /// the caller gives back.
    #[inline]
    pub(super) fn enter(&self, able: Abilities) -> bool {
        if !self.is_allowed(able) {
            return false;
        }
        match self.gate.enter(self.limits) {
            Entry::Hit => true,
            refused => self.refused(refused),
        }
    }

    /// [`choose`](Live::choose) and [`enter`](Live::enter), with the cap, if this rule is under one, in between.
    pub(super) fn draw_under_cap(&self, able: Abilities, caps: &mut CapScratch) -> Option<u64> {
        let Some(cap) = &self.cap else { return self.choose().filter(|_| self.enter(able)) };
        let ordinal = self.count();
        let seen = caps.see(cap);
        if !self.is_chosen(ordinal) || !self.is_allowed(able) {
            return None;
        }
        let Some(fresh) = caps.enter(cap, seen) else {
            self.refused(Entry::Capped);
            return None;
        };
        match self.gate.enter(self.limits) {
            Entry::Hit => Some(ordinal),
            refused => {
                if fresh {
                    caps.take_back(cap);
                }
                self.refused(refused);
                None
            }
        }
    }

    #[inline]
    fn count(&self) -> u64 {
        self.counts.matching.fetch_add(1, Ordering::Relaxed)
    }

    /// What number and dice say: a pure function of the ordinal.
    #[inline]
    fn is_chosen(&self, ordinal: u64) -> bool {
        if let Some(ordinals) = self.ordinals {
            if !ordinals.contains(ordinal + 1) {
                return false;
            }
        }
        match self.threshold {
            Some(threshold) => self.stream.draw(ordinal) < threshold,
            None => true,
        }
    }

    /// What the wrapper can carry out, and the window.
    #[inline]
    fn is_allowed(&self, able: Abilities) -> bool {
        if !able.cover(self.needs) {
            self.counts.unsupported.fetch_add(1, Ordering::Release);
            return false;
        }
        match &self.window {
            Some(window) => self.is_open(window),
            None => true,
        }
    }

    // Reads the clock.
    #[inline(never)]
    fn is_open(&self, window: &Window) -> bool {
        window.contains(self.clock.now()) || self.refused(Entry::Capped)
    }

    #[cold]
    fn refused(&self, why: Entry) -> bool {
        if why == Entry::Capped {
            self.counts.capped.fetch_add(1, Ordering::Release);
        }
        false
    }

    /// The delay of an operation; zero from an effect.
    #[inline]
    pub(super) fn delay(&self, ordinal: u64) -> Duration {
        match (self.constant, &self.action) {
            (Some(delay), _) => delay,
            (None, Action::Delay(delay, _)) => delay.sample(self.stream(), ordinal),
            (None, Action::Effect(_)) => Duration::ZERO,
        }
    }

    #[inline]
    pub(super) fn is_effect(&self) -> bool {
        matches!(self.action, Action::Effect(_))
    }

    /// Whether an operation that is given a delay of zero is left as it is, and nobody counts it while it lasts.
    #[inline]
    pub(super) fn leaves_at_zero(&self) -> bool {
        self.leaves_at_zero
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
        self.counts.added_ns.fetch_add(ns, Ordering::Relaxed);
    }

    pub(crate) fn count_let_go(&self) {
        self.counts.let_go.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn stats(&self) -> RuleStats {
        // Read in this order, a hit in between can only show as a miss that is not counted yet.
        let hits = self.gate.hits();
        let capped = self.counts.capped.load(Ordering::Acquire);
        let unsupported = self.counts.unsupported.load(Ordering::Acquire);
        let matching = self.counts.matching.load(Ordering::Relaxed);
        RuleStats {
            rule: self.label.to_string(),
            matching,
            hits,
            misses: matching.saturating_sub(hits + capped + unsupported),
            capped,
            unsupported,
            let_go: self.counts.let_go.load(Ordering::Relaxed),
            added: Duration::from_nanos(self.counts.added_ns.load(Ordering::Relaxed)),
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
