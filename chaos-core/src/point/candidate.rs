//! [`Candidate`]: how rules decide on an operation: in line as far as most get, out of line from there on.

use std::fmt;
use std::slice::Iter;
use std::time::Duration;

use super::caps::CapScratch;
use super::hit::Hit;
use super::live::Live;
use super::operation::{Abilities, Operation};
use super::part::Part;
use super::point::{Inner, Point, RuleList};
use crate::event::Event;
use crate::sync::{Arc, Ordering};

/// An operation that a rule may hit: it matches, and number and dice are for it. Limits are not asked yet.
///
/// Two steps instead of [`Attachment::decide`](super::Attachment::decide), for wrappers that keep the way of all other
/// operations short: everything from here on can stand out of line.
#[must_use = "what becomes of the operation is not decided yet"]
pub struct Candidate<'a, Op: Operation> {
    point: &'a Point<Op>,
    able: Abilities,
    // The rule, what its dice were asked for, and the rules after it; without one, all rules are still to be asked.
    first: Option<(&'a Arc<Live<Op>>, u64)>,
    rest: Iter<'a, Arc<Live<Op>>>,
}

impl<'a, Op: Operation> Candidate<'a, Op> {
    /// The first rule that may hit. Rules under a cap count what they do not hit as well: they are all left to
    /// [`decide`](Candidate::decide).
    #[inline]
    pub(super) fn find(
        point: &'a Point<Op>,
        rules: &'a RuleList<Op>,
        operation: Op::View<'_>,
        able: Abilities,
    ) -> Option<Self> {
        point.inner.note_passed();
        let mut rest = rules.rules.iter();
        if rules.capped {
            return Some(Self { point, able, first: None, rest });
        }
        while let Some(live) = rest.next() {
            if live.matches(operation) {
                if let Some(ordinal) = live.choose() {
                    return Some(Self { point, able, first: Some((live, ordinal)), rest });
                }
            }
        }
        None
    }

    /// The point.
    pub fn point(&self) -> &'a Point<Op> {
        self.point
    }

    /// Decides: what limits leave of it, and what the other rules add. `operation` is the one it was found for.
    ///
    /// A hit that leaves the operation as it is, a delay of zero, is counted and not returned, unless a limit on
    /// operations at once must see it end.
    #[inline]
    pub fn decide(self, operation: Op::View<'_>) -> Option<Hit<Op>> {
        let inner = &*self.point.inner;
        let Some((live, ordinal)) = self.first else {
            return inner.decide_under_caps(self.rest, operation, self.able);
        };
        let mut hit = None;
        if live.enter(self.able) {
            let delay = live.delay(ordinal);
            inner.tell(live, ordinal, delay);
            if self.rest.as_slice().is_empty() {
                return if delay.is_zero() && live.leaves_at_zero() {
                    live.gate.leave();
                    None
                } else {
                    Some(Hit::new(Part::new(live, ordinal, delay)))
                };
            }
            hit = Some(Hit::new(Part::new(live, ordinal, delay)));
        }
        inner.decide_rest(hit, self.rest, operation, self.able)
    }
}

impl<Op: Operation> fmt::Debug for Candidate<'_, Op> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Candidate").field("point", &self.point.name()).finish_non_exhaustive()
    }
}

impl<Op: Operation> Inner<Op> {
    #[inline]
    fn note_passed(&self) {
        if !self.passed.load(Ordering::Relaxed) {
            self.passed.store(true, Ordering::Relaxed);
        }
    }

    #[inline(never)]
    fn decide_rest(
        &self,
        mut hit: Option<Hit<Op>>,
        rest: Iter<'_, Arc<Live<Op>>>,
        operation: Op::View<'_>,
        able: Abilities,
    ) -> Option<Hit<Op>> {
        for live in rest {
            if hit.as_ref().is_some_and(Hit::is_final) {
                break;
            }
            if !live.matches(operation) {
                continue;
            }
            if let Some(ordinal) = live.choose().filter(|_| live.enter(able)) {
                self.add(&mut hit, live, ordinal);
            }
        }
        hit
    }

    #[inline(never)]
    fn decide_under_caps(
        &self,
        rules: Iter<'_, Arc<Live<Op>>>,
        operation: Op::View<'_>,
        able: Abilities,
    ) -> Option<Hit<Op>> {
        let mut caps = CapScratch::default();
        let mut hit = None;
        for live in rules {
            if hit.as_ref().is_some_and(Hit::is_final) {
                break;
            }
            if !live.matches(operation) {
                continue;
            }
            if let Some(ordinal) = live.draw_under_cap(able, &mut caps) {
                self.add(&mut hit, live, ordinal);
            }
        }
        if let Some(hit) = &mut hit {
            hit.keep(caps);
        }
        hit
    }

    fn add(&self, hit: &mut Option<Hit<Op>>, live: &Arc<Live<Op>>, ordinal: u64) {
        let delay = live.delay(ordinal);
        let part = Part::new(live, ordinal, delay);
        self.tell(live, ordinal, delay);
        match hit {
            Some(hit) => hit.add(part),
            None => *hit = Some(Hit::new(part)),
        }
    }

    #[inline(never)]
    fn tell(&self, live: &Live<Op>, ordinal: u64, delay: Duration) {
        tracing::debug!(target: "chaos", point = %self.name, rule = %live.label, ordinal, ?delay, "hit");
        #[cfg(feature = "metrics")]
        count(&self.name, live, delay);
        if self.shared.hub.is_heard() {
            let (point, rule) = (self.name.clone(), live.label.clone());
            self.shared.hub.send(&Event::Hit { point, rule, ordinal, delay });
        }
    }
}

#[cfg(feature = "metrics")]
fn count<Op: Operation>(point: &Arc<str>, live: &Live<Op>, delay: Duration) {
    let labels = [("point", Arc::clone(point)), ("rule", Arc::clone(&live.label))]
        .map(|(key, value)| metrics::Label::new(key, value))
        .to_vec();
    if matches!(live.action, super::rule::Action::Delay(..)) {
        metrics::histogram!("chaos_delay_seconds", labels.clone()).record(delay.as_secs_f64());
    }
    metrics::counter!("chaos_hits_total", labels).increment(1);
}
