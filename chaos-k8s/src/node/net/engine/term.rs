//! [`Term`]: how long a rule is in force without another word of this process. The kernel's clock counts it: a process that is
//! stopped or hangs cannot.

use std::time::{Duration, Instant};

use chaos_core::units::secs;
use chaos_core::{Error, Result};

use super::space::Space;
use crate::node::net::kernel::{Batch, is_out};
use crate::node::net::plan::{Act, Picker, RuleId, Way, in_force, in_force_key};

/// So long after the last word a rule is in force that is held without an end.
const HELD: Duration = secs(60);
/// The same for one whose packets pass this process, end or no end: while that is stopped, they do not pass.
const PASSING: Duration = secs(10);
/// How often is looked who needs a word.
pub(super) const EVERY: Duration = secs(2);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Term {
    /// None for a rule that is held until it is taken back.
    ends: Option<Instant>,
    /// How long it is in force after each word; none for one that needs no word.
    word: Option<Duration>,
    /// What the kernel was told.
    until: Instant,
}

impl Term {
    /// From now on.
    pub(super) fn new(lasting: Option<Duration>, act: Act) -> Self {
        let now = Instant::now();
        let ends = lasting.map(|lasting| after(now, lasting));
        let word = match (act, lasting) {
            (Act::Process, _) => Some(PASSING),
            (_, None) => Some(HELD),
            (_, Some(_)) => None,
        };
        Self { ends, word, until: now }.renewed(now)
    }

    /// With one more word.
    fn renewed(self, now: Instant) -> Self {
        let word = self.word.map(|word| now + word);
        let until = self.ends.into_iter().chain(word).min().unwrap_or(now);
        Self { until, ..self }
    }

    /// Whether a word now puts off its end; not when that has come.
    fn wants_word(self, now: Instant) -> bool {
        let Some(word) = self.word else { return false };
        let left = self.until.saturating_duration_since(now);
        !left.is_zero() && left <= word * 3 / 4 && self.renewed(now).until > self.until
    }

    fn left(self) -> Option<Duration> {
        self.until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }
}

/// What cannot be counted is longer than machines run.
fn after(now: Instant, lasting: Duration) -> Instant {
    now.checked_add(lasting).unwrap_or(now + secs(u64::from(u32::MAX)))
}

impl Space {
    /// How long the rule with this key has; none if its time is over.
    pub(super) fn time_left(&self, key: &[u8]) -> Option<Duration> {
        self.terms.iter().find(|(id, _)| in_force_key(**id) == *key)?.1.left()
    }

    /// The rule may last so long. One whose time is over stays so.
    pub(super) fn extend(&mut self, id: RuleId, lasting: Option<Duration>) -> Result<()> {
        let act = self.rules.iter().find(|rule| rule.id == id).map_or(Act::Drop, |rule| rule.act);
        self.tell(&[(id, Term::new(lasting, act))]).map_err(|error| match self.terms.get(&id) {
            None => Error::failed("no such rule is in force"),
            Some(before) if is_out(&error) || before.left().is_none() => Error::failed(self.why_over(id)),
            Some(_) => error,
        })
    }

    /// A word for all that need one.
    pub(super) fn renew(&mut self) -> Result<()> {
        let now = Instant::now();
        let told = self.terms.iter().filter(|(_, term)| term.wants_word(now));
        let told: Vec<_> = told.map(|(id, term)| (*id, term.renewed(now))).collect();
        self.tell(&told)
    }

    fn tell(&mut self, told: &[(RuleId, Term)]) -> Result<()> {
        let set = in_force()?;
        let (mut batch, mut filtered) = (Batch::new(), Vec::new());
        for (id, term) in told {
            let known = self.rules.iter().find(|rule| rule.id == *id);
            let rule = known.ok_or_else(|| Error::failed("no such rule is in force"))?;
            let refuses = matches!(rule.act, Act::Refuse(_));
            let by_filter = |way: &Way| !refuses && self.abilities.picked.by(*way) == Picker::Filter;
            let ways = rule.ways();
            if ways.iter().any(by_filter) {
                if self.terms.get(id).is_none_or(|before| before.left().is_none()) {
                    return Err(Error::failed(self.why_over(*id)));
                }
                filtered.push((*id, term.left()));
            }
            if !ways.iter().all(by_filter) {
                let table = if refuses { &self.inet } else { &self.netdev };
                batch.renew(table, &set, &in_force_key(*id), term.left().unwrap_or_default());
            }
        }
        self.kernel.commit(batch)?;
        if let Some(filters) = &self.filters {
            for (id, left) in filtered {
                filters.renew(id, left)?;
            }
        }
        self.terms.extend(told.iter().copied());
        Ok(())
    }

    /// Why a rule is not in force any more that was not taken back.
    pub(super) fn why_over(&self, id: RuleId) -> String {
        match self.terms.get(&id).map(|term| (term.word, term.ends)) {
            Some((Some(word), ends)) if ends.is_none_or(|ends| ends > Instant::now()) => {
                format!("this process stood still for {word:?}, and the kernel has ended the fault")
            }
            _ => "its deadline has passed, and the kernel has ended it".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::thread::sleep;

    use chaos_core::Chaos;
    use chaos_core::ledger::RunId;
    use chaos_core::units::ms;

    use super::*;
    use crate::Node;
    use crate::node::net::engine::carrier::{self, Choice};
    use crate::node::net::marks::Marks;
    use crate::node::net::rule::{Asked, IfName, NetRule};
    use crate::node::net::trial::Tried;
    use crate::node::net::{self};
    use crate::node::netns;

    fn at_loopback() -> Asked {
        (&NetRule::from(net::drop().device(IfName::try_new("lo").unwrap()))).into()
    }

    #[test]
    fn words_come_in_time_and_never_past_the_end() {
        let now = Instant::now();
        let ends = Term::new(Some(secs(600)), Act::Drop);
        assert!(!ends.wants_word(now + secs(500)), "the kernel knows it all");
        let held = Term::new(None, Act::Drop);
        assert!(!held.wants_word(now + secs(10)) && held.wants_word(now + secs(16)));
        assert!(!held.wants_word(now + HELD + secs(1)), "it is over");
        let passing = Term::new(Some(secs(12)), Act::Process);
        assert!(passing.left().unwrap() <= PASSING && passing.wants_word(now + secs(4)));
        let last = passing.renewed(now + secs(9));
        assert_eq!(last.until, last.ends.unwrap());
        assert!(!last.wants_word(now + secs(10)), "no word puts off its end");
        assert!(Term::new(Some(Duration::MAX), Act::Drop).left().unwrap() > HELD);
    }

    #[test]
    fn a_rule_that_is_held_goes_on_from_word_to_word_and_not_after_a_gap() {
        const GAP: Duration = ms(400);
        netns::in_a_fresh_one(|| {
            let namespace = Node::new(&Chaos::seeded(7)).own_namespace()?;
            let abilities = carrier::abilities(&Tried::lacking(&[]));
            let mut space = Space::open(&namespace, &Marks::of(RunId::fresh()), abilities)?;
            let (first, second) = (RuleId(1), RuleId(2));
            let soon = || Term { ends: None, word: Some(HELD), until: Instant::now() + GAP };
            let choice = Choice { act: Act::Drop, words: String::new(), owner: chaos_core::Owner::Kernel };
            space.add(first, &at_loopback(), &choice, soon())?;
            space.renew()?;
            space.add(second, &at_loopback(), &choice, soon())?;
            space.add(RuleId(3), &at_loopback(), &choice, Term::new(Some(secs(600)), Act::Drop))?;
            sleep(GAP * 2);
            assert!(space.look(first)?.unwrap().in_force);
            let over = space.look(second)?.unwrap();
            assert!(!over.in_force && over.detail.contains("stood still"), "{over:?}");
            // It is over, and no word brings it back; the others are not disturbed.
            space.renew()?;
            assert!(!space.look(second)?.unwrap().in_force);
            let error = space.extend(second, Some(secs(5))).unwrap_err();
            assert!(error.to_string().contains("stood still"), "{error}");
            space.remove(second)?;
            assert!(space.look(first)?.unwrap().in_force);
            space.remove(first)?;
            space.renew()?;
            assert!(space.look(RuleId(3))?.unwrap().in_force);
            assert!(space.extend(RuleId(9), None).is_err());
            space.remove(RuleId(3)).map(drop)
        });
    }
}
