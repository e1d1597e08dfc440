//! [`Point`]: a named place where operations pass, and the rules armed there.

use std::fmt;

use super::armed::Armed;
use super::candidate::Candidate;
use super::gate::Cap;
use super::hit::Hit;
use super::live::Live;
use super::operation::{Abilities, Operation};
use super::rule::{Action, Rule};
use super::stats::RuleStats;
use crate::chaos::Shared;
use crate::dice::Dice;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::sync::{Arc, AtomicBool, AtomicU64, AtomicUsize, Mutex, Ordering, Swap};
use crate::target::Target;

/// The rules armed at a point, in arming order.
pub(crate) struct RuleList<Op: Operation> {
    pub(crate) rules: Vec<Arc<Live<Op>>>,
    // Whether one of them is under a cap.
    pub(super) capped: bool,
}

impl<Op: Operation> RuleList<Op> {
    fn new(rules: Vec<Arc<Live<Op>>>) -> Self {
        Self { capped: rules.iter().any(|live| live.cap.is_some()), rules }
    }
}

/// A named place in a process where operations of one kind pass: a client, a reader, a commit.
///
/// Made by [`Chaos::point`](crate::Chaos::point); clones are the same point. Nothing happens to operations until a
/// rule is armed, and a point without rules costs one relaxed load.
pub struct Point<Op: Operation> {
    pub(crate) inner: Arc<Inner<Op>>,
}

pub(crate) struct Inner<Op: Operation> {
    pub(crate) name: Arc<str>,
    armed: AtomicBool,
    pub(crate) rules: Swap<RuleList<Op>>,
    // Held by arm and revert, never on the way of an operation.
    changing: Mutex<()>,
    next_id: AtomicU64,
    attached: AtomicUsize,
    abilities: AtomicUsize,
    pub(super) passed: AtomicBool,
    pub(super) shared: Arc<Shared>,
}

impl<Op: Operation> Point<Op> {
    pub(crate) fn new(name: &str, shared: Arc<Shared>) -> Self {
        let inner = Inner {
            name: name.into(),
            armed: AtomicBool::new(false),
            rules: Swap::from_pointee(RuleList::new(Vec::new())),
            changing: Mutex::new(()),
            next_id: AtomicU64::new(1),
            attached: AtomicUsize::new(0),
            abilities: AtomicUsize::new(0),
            passed: AtomicBool::new(false),
            shared,
        };
        Self { inner: Arc::new(inner) }
    }

    /// The name.
    pub fn name(&self) -> &str {
        &self.inner.name
    }

    /// The dice of its handle, for draws of a wrapper of one's own.
    pub fn dice(&self) -> Dice {
        self.inner.shared.dice
    }

    /// Arms a rule. It acts until the guard is reverted or dropped.
    ///
    /// # Errors
    /// An effect that nothing attached here can carry out.
    pub fn arm(&self, rule: Rule<Op>) -> Result<Armed<Op>> {
        let live = self.arm_as(&rule, self.new_id(), None)?;
        Ok(Armed::new(self.clone(), live))
    }

    /// Whether no rule is armed.
    #[inline]
    pub fn is_off(&self) -> bool {
        !self.inner.armed.load(Ordering::Relaxed)
    }

    /// Decides what happens to an operation, at the moment it is called: `None` lets it pass.
    ///
    /// `able` says what the caller can carry out beyond delays.
    #[inline]
    pub fn decide(&self, operation: Op::View<'_>, able: Abilities) -> Option<Hit<Op>> {
        if self.is_off() {
            return None;
        }
        let rules = self.inner.rules.load();
        Candidate::find(self, &rules, operation, able)?.decide(operation)
    }

    /// Says that something is attached here, for as long as the attachment lives; a wrapper holds one.
    ///
    /// `able` says what it can carry out beyond delays.
    pub fn attach(&self, able: Abilities) -> super::Attachment<Op> {
        super::Attachment::new(self.clone(), able)
    }

    /// Whether something is attached, or an operation passed while a rule was armed.
    pub fn is_attached(&self) -> bool {
        self.inner.attached.load(Ordering::Relaxed) > 0 || self.inner.passed.load(Ordering::Relaxed)
    }

    /// The counters of the rules that are armed now, in arming order.
    pub fn stats(&self) -> Vec<RuleStats> {
        self.inner.rules.load().rules.iter().map(|live| live.stats()).collect()
    }

    /// Reverts every rule here, whoever armed it.
    pub fn revert_all(&self) {
        let ids: Vec<u64> = self.inner.rules.load().rules.iter().map(|live| live.id).collect();
        for id in ids {
            self.disarm(id);
        }
    }

    pub(crate) fn new_id(&self) -> u64 {
        self.inner.next_id.fetch_add(1, Ordering::Relaxed)
    }

    pub(crate) fn cannot_carry_out(&self, rule: &Rule<Op>) -> Option<Error> {
        let Action::Effect(effect) = &rule.action else { return None };
        let able = Abilities::from_bits(self.inner.abilities.load(Ordering::Relaxed) as u8);
        let attached = self.inner.attached.load(Ordering::Relaxed) > 0;
        let needs = Op::needs(effect.effect());
        (attached && !able.cover(needs)).then(|| {
            let lacking = if needs.cover(Abilities::ERROR) && !able.cover(Abilities::ERROR) {
                "needs a way to make the caller's error: give the wrapper there one"
            } else {
                "is more than what stands there can do: choose another effect, or another point"
            };
            let effect = Op::describe(effect.effect());
            Error::refused(format!("{effect} at point {:?} {lacking}", self.name()))
        })
    }

    pub(crate) fn arm_as(&self, rule: &Rule<Op>, id: u64, cap: Option<Arc<Cap>>) -> Result<Arc<Live<Op>>> {
        if let Some(error) = self.cannot_carry_out(rule) {
            return Err(error);
        }
        let inner = &*self.inner;
        // The label may be written by code of the operation's author, which may look at this point: not under the lock.
        let label = rule.label();
        let live = {
            let _changing = lock(&inner.changing);
            let rules = inner.rules.load_full();
            let label = unique_label(label, &rules.rules);
            let stream = inner.shared.dice.stream(&["point", &inner.name, "rule", &label]);
            let live = Arc::new(Live::new(id, label, stream, rule, cap, &inner.shared.clock));
            let mut next = rules.rules.clone();
            next.push(Arc::clone(&live));
            inner.rules.store(Arc::new(RuleList::new(next)));
            inner.armed.store(true, Ordering::Release);
            live
        };
        tracing::info!(target: "chaos", point = %inner.name, rule = %live.label, "armed");
        inner.shared.hub.send(&Event::Armed { point: inner.name.clone(), rule: live.label.clone() });
        Ok(live)
    }

    /// Off at once; true if it was armed.
    pub(crate) fn disarm(&self, id: u64) -> bool {
        let Some(live) = self.find(id) else { return false };
        let inner = &*self.inner;
        let first = live.close();
        {
            let _changing = lock(&inner.changing);
            let rules = inner.rules.load_full();
            let next: Vec<_> = rules.rules.iter().filter(|other| other.id != id).cloned().collect();
            let armed = !next.is_empty();
            inner.rules.store(Arc::new(RuleList::new(next)));
            inner.armed.store(armed, Ordering::Release);
        }
        if first {
            let hits = live.gate.hits();
            tracing::info!(target: "chaos", point = %inner.name, rule = %live.label, hits, "reverted");
            inner.shared.hub.send(&Event::Reverted {
                point: inner.name.clone(),
                rule: live.label.clone(),
                hits,
            });
        }
        first
    }

    pub(crate) fn find(&self, id: u64) -> Option<Arc<Live<Op>>> {
        self.inner.rules.load().rules.iter().find(|live| live.id == id).cloned()
    }

    pub(crate) fn count_attachment(&self, able: Abilities) {
        self.inner.abilities.fetch_or(usize::from(able.bits()), Ordering::Relaxed);
        self.inner.attached.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn uncount_attachment(&self) {
        self.inner.attached.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<Op: Operation> Inner<Op> {
    #[inline]
    pub(crate) fn is_off(&self) -> bool {
        !self.armed.load(Ordering::Relaxed)
    }
}

fn lock(mutex: &Mutex<()>) -> impl Sized + '_ {
    // Nothing is behind the lock that a panic could leave half-done.
    mutex.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
}

/// Two rules of one name at one point draw from different dice: the second is "name #2".
fn unique_label<Op: Operation>(label: String, rules: &[Arc<Live<Op>>]) -> String {
    let taken = |label: &str| rules.iter().any(|live| *live.label == *label);
    if !taken(&label) {
        return label;
    }
    (2..).map(|n| format!("{label} #{n}")).find(|label| !taken(label)).unwrap_or(label)
}

impl<Op: Operation + 'static> Target for Point<Op> {
    const UNIT: &'static str = "operation";
    fn id(&self) -> String {
        self.name().to_owned()
    }
}

impl<Op: Operation> Clone for Point<Op> {
    fn clone(&self) -> Self {
        Self { inner: Arc::clone(&self.inner) }
    }
}

impl<Op: Operation> fmt::Debug for Point<Op> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Point").field("name", &self.name()).field("rules", &self.stats()).finish()
    }
}
