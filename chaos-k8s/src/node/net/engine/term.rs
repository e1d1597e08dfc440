//! [`Term`]: how long a rule is in force without another word of this process. The kernel's clock counts it: a process that is
//! stopped or hangs cannot.

use std::time::{Duration, Instant};

use chaos_core::units::secs;
use chaos_core::{Error, Result};

use super::space::Space;
use crate::node::net::kernel::{Batch, is_out};
use crate::node::net::plan::{Act, RuleId, in_force, in_force_key};

/// So long is a rule that is held without an end in force after the last word.
const HELD: Duration = secs(60);
/// How often there is such a word.
pub(super) const EVERY: Duration = secs(15);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Term {
    /// None for a rule that is held until it is taken back.
    lasting: Option<Duration>,
    until: Instant,
}

impl Term {
    /// From now on.
    pub(super) fn new(lasting: Option<Duration>) -> Self {
        let now = Instant::now();
        let left = lasting.unwrap_or(HELD);
        // What cannot be counted is longer than machines run.
        let until = now.checked_add(left).unwrap_or(now + secs(u64::from(u32::MAX)));
        Self { lasting, until }
    }

    /// The same once more.
    pub(super) fn begun(self) -> Self {
        Self::new(self.lasting)
    }

    /// Whether it goes on from one word to the next.
    pub(super) fn is_renewed(self) -> bool {
        self.lasting.is_none()
    }

    fn left(self) -> Option<Duration> {
        self.until.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())
    }
}

impl Space {
    /// How long the rule with this key has; none if its time is over.
    pub(super) fn time_left(&self, key: &[u8]) -> Option<Duration> {
        self.terms.iter().find(|(id, _)| in_force_key(**id) == *key)?.1.left()
    }

    /// The rule may last so long. One whose time is over stays so.
    pub(super) fn extend(&mut self, id: RuleId, term: Term) -> Result<()> {
        self.tell(&[(id, term)]).map_err(|error| match self.terms.get(&id) {
            None => Error::failed("no such rule is in force"),
            Some(before) if is_out(&error) || before.left().is_none() => Error::failed(self.why_over(id)),
            Some(_) => error,
        })
    }

    /// Another word for all that go on from one to the next. Whether there are any.
    pub(super) fn renew(&mut self) -> Result<bool> {
        let renewed = self.terms.iter().filter(|(_, term)| term.is_renewed());
        let told: Vec<_> = renewed.clone().filter(|(_, term)| term.left().is_some()).collect();
        let told: Vec<_> = told.into_iter().map(|(id, term)| (*id, term.begun())).collect();
        let any = renewed.count() > 0;
        self.tell(&told)?;
        Ok(any)
    }

    fn tell(&mut self, told: &[(RuleId, Term)]) -> Result<()> {
        let set = in_force()?;
        let mut batch = Batch::new();
        for (id, term) in told {
            let known = self.rules.iter().find(|rule| rule.id == *id);
            let rule = known.ok_or_else(|| Error::failed("no such rule is in force"))?;
            let table = if matches!(rule.act, Act::Refuse(_)) { &self.inet } else { &self.netdev };
            batch.renew(table, &set, &in_force_key(*id), term.left().unwrap_or_default());
        }
        self.kernel.commit(batch)?;
        self.terms.extend(told.iter().copied());
        Ok(())
    }

    /// Why a rule is not in force any more that was not taken back.
    pub(super) fn why_over(&self, id: RuleId) -> String {
        match self.terms.get(&id) {
            Some(term) if term.is_renewed() => {
                format!("this process stood still for {HELD:?}, and the kernel has ended the fault")
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
    use crate::node::net::engine::carrier::Choice;
    use crate::node::net::marks::Marks;
    use crate::node::net::rule::{Asked, IfName, NetRule};
    use crate::node::net::{self};
    use crate::node::netns;

    fn at_loopback() -> Asked {
        (&NetRule::from(net::drop().device(IfName::try_new("lo").unwrap()))).into()
    }

    #[test]
    fn a_rule_that_is_held_goes_on_from_word_to_word_and_not_after_a_gap() {
        const GAP: Duration = ms(400);
        netns::in_a_fresh_one(|| {
            let namespace = Node::new(&Chaos::seeded(7)).own_namespace()?;
            let mut space = Space::open(&namespace, &Marks::of(RunId::fresh()))?;
            let (first, second) = (RuleId(1), RuleId(2));
            let soon = || Term { lasting: None, until: Instant::now() + GAP };
            let choice = Choice { act: Act::Drop, words: String::new() };
            space.add(first, &at_loopback(), &choice, soon())?;
            assert!(space.renew()?, "one is held");
            space.add(second, &at_loopback(), &choice, soon())?;
            space.add(RuleId(3), &at_loopback(), &choice, Term::new(Some(secs(600))))?;
            sleep(GAP * 2);
            assert!(space.look(first)?.unwrap().in_force);
            let over = space.look(second)?.unwrap();
            assert!(!over.in_force && over.detail.contains("stood still"), "{over:?}");
            // It is over, and no word brings it back; the others are not disturbed.
            assert!(space.renew()?);
            assert!(!space.look(second)?.unwrap().in_force);
            let error = space.extend(second, Term::new(Some(secs(5)))).unwrap_err();
            assert!(error.to_string().contains("stood still"), "{error}");
            space.remove(second)?;
            assert!(space.look(first)?.unwrap().in_force);
            space.remove(first)?;
            assert!(!space.renew()?, "one is left, with an end of its own");
            assert!(space.look(RuleId(3))?.unwrap().in_force);
            assert!(space.extend(RuleId(9), Term::new(None)).is_err());
            space.remove(RuleId(3)).map(drop)
        });
    }
}
