//! [`Occupancy`]: who is under fault now, so that the blast radius holds over all faults of a run at every moment.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::Target;
use super::approved::Approved;
use super::blast_radius::BlastRadius;
use super::mode::Mode;
use crate::dice::Dice;
use crate::error::{Error, Result};
use crate::point::Cap;

/// The approvals of one run.
#[derive(Debug)]
pub(crate) struct Occupancy {
    radius: BlastRadius,
    dice: Dice,
    units: Mutex<HashMap<&'static str, Unit>>,
    points: Mutex<BTreeMap<String, Arc<Cap>>>,
}

#[derive(Debug, Default)]
struct Unit {
    // How many faults each target is under.
    active: HashMap<String, usize>,
    populations: Vec<Population>,
}

/// The identities that a fault picked from.
pub(crate) type Population = Arc<HashSet<String>>;

/// Where a fault is in force already that picks more.
#[derive(Debug, Default)]
pub(crate) struct Beside {
    pub(crate) held: HashSet<String>,
    /// What it picked from the last time: what it picks from now takes its place.
    pub(crate) population: Option<Population>,
}

/// What mode and blast radius made of a selection.
#[derive(Debug)]
pub(crate) struct Selection<T> {
    pub(crate) population: u64,
    pub(crate) asked: u64,
    pub(crate) allowed: u64,
    pub(crate) picked: Vec<T>,
    pub(crate) protected: Vec<(T, String)>,
    pub(crate) ids: Population,
    instead_of: Option<Population>,
}

/// What was selected, told apart; the eligible in the order of the dice.
struct Sorted<T> {
    eligible: Vec<(String, T)>,
    protected: Vec<(T, String)>,
    ids: Population,
}

impl Occupancy {
    pub(crate) fn new(radius: BlastRadius, dice: Dice) -> Self {
        Self { radius, dice, units: Mutex::default(), points: Mutex::default() }
    }

    fn units(&self) -> MutexGuard<'_, HashMap<&'static str, Unit>> {
        self.units.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The cap on operations at a point, one for all rules of this run there.
    pub(crate) fn cap(&self, point: &str) -> Arc<Cap> {
        let mut points = self.points.lock().unwrap_or_else(PoisonError::into_inner);
        let cap = points
            .entry(point.to_owned())
            .or_insert_with(|| Arc::new(Cap::new(self.radius.percent, self.radius.count)));
        Arc::clone(cap)
    }

    /// What the blast radius makes of operations, in words.
    pub(crate) fn allowed_of_operations(&self) -> String {
        match (self.radius.percent, self.radius.count) {
            (Some(percent), Some(count)) => {
                format!("at most {percent} of matching operations, {count} at once")
            }
            (Some(percent), None) => format!("at most {percent} of matching operations"),
            (None, Some(count)) => format!("at most {count} operations at once"),
            (None, None) => "no cap".to_owned(),
        }
    }

    /// Picks from what was selected, and touches nothing. The order is by the dice over identities, so it does not
    /// depend on how the targets were listed, and a tighter cap picks a subset.
    pub(crate) fn choose<T: Target>(&self, selected: Vec<T>, mode: Mode) -> Result<Selection<T>> {
        let Sorted { eligible, protected, ids } = self.sort(selected);
        if let ([(first, reason), more @ ..], true) = (protected.as_slice(), eligible.is_empty()) {
            let name = first.name();
            return Err(Error::refused(match more.len() {
                0 => format!("the one selected {}, {name}, is protected: {reason}", T::UNIT),
                more => format!("all {} selected {}s are protected: {name}: {reason}", more + 1, T::UNIT),
            }));
        }
        if eligible.is_empty() {
            return Err(Error::refused(format!("the selection has no {} in it", T::UNIT)));
        }
        let population = eligible.len() as u64;
        let asked = mode.asks(population, self.dice);
        if asked == 0 {
            return Err(Error::refused(format!(
                "mode {mode} of {population} {}s rounds down to nobody: ask for more",
                T::UNIT
            )));
        }
        let allowed = self.radius.allows(population).min(asked);
        if allowed == 0 {
            return Err(Error::refused(format!(
                "the blast radius ({}) of {population} {}s rounds down to nobody: widen it or select more",
                self.radius,
                T::UNIT
            )));
        }
        let mut units = self.units();
        let unit = units.entry(T::UNIT).or_default();
        let mut taken = Taken::of(unit, &ids, None);
        let mut picked = Vec::new();
        for (id, target) in eligible {
            if picked.len() as u64 == allowed {
                break;
            }
            if taken.take(&id, &self.radius) {
                picked.push(target);
            }
        }
        if picked.is_empty() {
            return Err(Error::refused(format!(
                "the blast radius ({}) is used up by faults that are in force",
                self.radius
            )));
        }
        let allowed = picked.len() as u64;
        Ok(Selection { population, asked, allowed, picked, protected, ids, instead_of: None })
    }

    /// What may be picked beside what is held: all that could be, in the order of the dice, and how many of them mode and cap
    /// leave room for. Nobody is no error.
    pub(crate) fn choose_beside<T: Target>(
        &self,
        selected: Vec<T>,
        mode: Mode,
        beside: &Beside,
    ) -> (Selection<T>, usize) {
        let Sorted { eligible, protected, ids } = self.sort(selected);
        let population = eligible.len() as u64;
        let asked = mode.asks(population, self.dice);
        let allowed = self.radius.allows(population).min(asked);
        let room = allowed.saturating_sub(beside.held.len() as u64);
        let instead_of = beside.population.clone();
        let mut units = self.units();
        let unit = units.entry(T::UNIT).or_default();
        let taken = Taken::of(unit, &ids, instead_of.as_ref());
        let may = |id: &String| !beside.held.contains(id) && taken.may(id, &self.radius);
        let picked = eligible.into_iter().filter(|(id, _)| may(id)).map(|(_, target)| target).collect();
        drop(units);
        let selection = Selection { population, asked, allowed, picked, protected, ids, instead_of };
        (selection, usize::try_from(room).unwrap_or(usize::MAX))
    }

    fn sort<T: Target>(&self, selected: Vec<T>) -> Sorted<T> {
        let mut ids = HashSet::new();
        let (mut protected, mut eligible) = (Vec::new(), Vec::new());
        for target in selected {
            let id = target.id();
            if !ids.insert(id.clone()) {
                continue;
            }
            match self.radius.protects(&target) {
                Some(reason) => {
                    ids.remove(&id);
                    protected.push((target, reason));
                }
                None => eligible.push((self.dice.stream(&["target", T::UNIT, &id]).draw(0), id, target)),
            }
        }
        eligible.sort_by(|(a, a_id, _), (b, b_id, _)| a.cmp(b).then_with(|| a_id.cmp(b_id)));
        let eligible = eligible.into_iter().map(|(_, id, target)| (id, target)).collect();
        Sorted { eligible, protected, ids: Arc::new(ids) }
    }

    /// Puts what was chosen under fault, if the blast radius still allows it: what is in force may have changed since.
    pub(crate) fn approve<T: Target>(&self, selection: Selection<T>) -> Vec<Approved<T>> {
        let mut units = self.units();
        let unit = units.entry(T::UNIT).or_default();
        let instead_of = selection.instead_of.as_ref();
        let mut taken = Taken::of(unit, &selection.ids, instead_of);
        let picked: Vec<T> =
            selection.picked.into_iter().filter(|target| taken.take(&target.id(), &self.radius)).collect();
        drop(taken);
        unit.populations.retain(|other| !is(other, instead_of));
        for target in &picked {
            *unit.active.entry(target.id()).or_insert(0) += 1;
        }
        if !unit.active.is_empty() {
            unit.populations.push(selection.ids);
        }
        picked.into_iter().map(|target| Approved::new(target, None)).collect()
    }

    /// A target is no longer under one fault.
    pub(crate) fn release(&self, unit: &'static str, id: &str) {
        let mut units = self.units();
        let Some(unit) = units.get_mut(unit) else { return };
        if let Some(faults) = unit.active.get_mut(id) {
            *faults -= 1;
            if *faults == 0 {
                unit.active.remove(id);
            }
        }
        if unit.active.is_empty() {
            unit.populations.clear();
        }
    }
}

fn is(this: &Population, that: Option<&Population>) -> bool {
    that.is_some_and(|that| Arc::ptr_eq(this, that))
}

/// The counts while targets are picked one by one: in all, and for each population that a fault in force came from.
struct Taken<'a> {
    active: &'a HashMap<String, usize>,
    all: u64,
    populations: Vec<(&'a HashSet<String>, u64)>,
}

impl<'a> Taken<'a> {
    fn of(unit: &'a Unit, ids: &'a HashSet<String>, instead_of: Option<&Population>) -> Self {
        let populations = unit
            .populations
            .iter()
            .filter(|other| !is(other, instead_of))
            .map(|population| &**population)
            .chain([ids])
            .map(|population| {
                (population, unit.active.keys().filter(|id| population.contains(*id)).count() as u64)
            })
            .collect();
        Self { active: &unit.active, all: unit.active.len() as u64, populations }
    }

    /// Takes `id` if no cap is exceeded by it; one that is under fault already adds nothing. What faults in force have
    /// done to the population that is picked from may be too much already.
    fn take(&mut self, id: &str, radius: &BlastRadius) -> bool {
        if !self.may(id, radius) {
            return false;
        }
        if self.active.contains_key(id) {
            return true;
        }
        self.all += 1;
        for (population, taken) in &mut self.populations {
            if population.contains(id) {
                *taken += 1;
            }
        }
        true
    }

    /// Whether no cap is exceeded by `id` alone.
    fn may(&self, id: &str, radius: &BlastRadius) -> bool {
        let over =
            |(population, taken): &(&HashSet<String>, u64)| *taken > radius.allows(population.len() as u64);
        if self.populations.last().is_some_and(over) {
            return false;
        }
        if self.active.contains_key(id) {
            return true;
        }
        if radius.count.is_some_and(|count| self.all + 1 > u64::from(count)) {
            return false;
        }
        let exceeds = |(population, taken): &(&HashSet<String>, u64)| {
            population.contains(id) && *taken + 1 > radius.allows(population.len() as u64)
        };
        !self.populations.iter().any(exceeds)
    }
}
