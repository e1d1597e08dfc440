//! Which rules can meet one packet together: the combinations of rules, and the steps from one to the next.
//!
//! A packet goes past the rules in their order. What met it so far is its combination, and the next rule that meets it takes it
//! from there to a larger one. A rule that comes later adds combinations and steps; it changes none that are there.

use std::collections::{BTreeMap, BTreeSet};

use chaos_core::{Error, Result};

use super::{Active, Cell, RuleId};

/// The rules of a combination.
pub(crate) type Members = BTreeSet<RuleId>;

/// More is no experiment any more, but a mistake in its rules: ten rules that all overlap.
pub(crate) const MOST: usize = 1_024;

/// All combinations with the places where they can come about, and for each rule the steps that it takes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Combinations {
    pub(crate) cells: BTreeMap<Members, BTreeSet<Cell>>,
    /// From each combination without the rule to the one with it.
    pub(crate) steps: BTreeMap<RuleId, Vec<(Members, Members)>>,
}

impl Combinations {
    /// Of these rules, in their order.
    pub(crate) fn of(rules: &[&Active]) -> Result<Self> {
        let mut all = Self::default();
        // Each combination with its members' places in `rules`.
        let mut known: Vec<(Members, Vec<usize>, BTreeSet<Cell>)> = Vec::new();
        for (place, rule) in rules.iter().enumerate() {
            let meets: Vec<bool> = rules[..place].iter().map(|other| rule.overlaps(other)).collect();
            let mut larger = Vec::new();
            let mut steps = Vec::new();
            for (members, places, cells) in &known {
                if !places.iter().all(|&place| meets[place]) {
                    continue;
                }
                let shared: BTreeSet<Cell> = cells.intersection(&rule.cells).cloned().collect();
                if shared.is_empty() {
                    continue;
                }
                let mut with = members.clone();
                with.insert(rule.id);
                steps.push((members.clone(), with.clone()));
                larger.push((with, [&places[..], &[place]].concat(), shared));
            }
            larger.push((BTreeSet::from([rule.id]), vec![place], rule.cells.clone()));
            known.append(&mut larger);
            if known.len() > MOST {
                return Err(Error::refused(format!(
                    "more than {MOST} combinations of network faults overlap here: narrow their traffic, or take some back"
                )));
            }
            all.steps.insert(rule.id, steps);
        }
        all.cells = known.into_iter().map(|(members, _, cells)| (members, cells)).collect();
        Ok(all)
    }
}
