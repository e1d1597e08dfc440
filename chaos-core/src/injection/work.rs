//! [`Work`]: a fault with its targets, its kind erased; what an experiment's step holds.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::task::JoinSet;

use super::following::Following;
use super::item::{BoxFuture, FaultItem, Item, RuleItem};
use super::listed::{Listed, ListedOn};
use crate::error::{Error, Result};
use crate::fault::{Fault, Owner, Plan};
use crate::point::{At, Operation};
use crate::target::{Approved, Mode, Occupancy, Population, Select, Selection, Target};

/// How many targets are looked at, injected or reverted at the same time.
pub(crate) const AT_ONCE: usize = 32;

/// A stateful fault, the targets it acts on and how many of them; made by [`Fault::on`].
#[must_use = "give it to an experiment or to `Chaos::inject`"]
pub struct On<F: Fault> {
    pub(super) fault: Arc<F>,
    targets: Arc<dyn DynSelect<F::Target>>,
    pub(super) mode: Mode,
    following: Option<Following>,
}

impl<F: Fault> On<F> {
    pub(crate) fn new(fault: F, targets: impl Select<F::Target>, mode: Mode) -> Self {
        Self { fault: Arc::new(fault), targets: Arc::new(targets), mode, following: None }
    }

    /// Follows the selection while the fault is in force: it is looked up again, what went is let go, and what came is hit in
    /// its place, within the same mode and the same cap. A target that has lost the fault by itself (a container that was
    /// started anew) is hit again. Without it, a fault stays with the targets that it began with.
    ///
    /// The blast radius then is what it always is, the most that is under fault *at once*; how many are hit one after the other
    /// is bounded by [`Following::at_most`], and the plan says both.
    ///
    /// - Gone is what the selection no longer has and where the fault is [seen absent](crate::Observed::absent). What is only
    ///   selected no longer stays under fault, and keeps its place.
    /// - Lost is a fault that is seen absent at two looks in a row at a target that is still selected.
    /// - What comes is approved, recorded and injected as the first targets were: what is hit by name alone never is. A target
    ///   that cannot be hit now is tried again at the next look, and one at which the fault fails is taken back and reported;
    ///   the others go on.
    ///
    /// For experiments: an injection that is held by hand has nobody who looks, and is refused.
    pub fn following(mut self, how: Following) -> Self {
        self.following = Some(how);
        self
    }
}

impl<F: Fault> fmt::Debug for On<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("On")
            .field("fault", &self.fault)
            .field("targets", &self.targets.describe())
            .field("mode", &self.mode)
            .field("following", &self.following)
            .finish()
    }
}

trait DynSelect<T>: Send + Sync {
    fn select(&self) -> BoxFuture<'_, Result<Vec<T>>>;
    fn describe(&self) -> String;
}

impl<T: Target, S: Select<T>> DynSelect<T> for S {
    fn select(&self) -> BoxFuture<'_, Result<Vec<T>>> {
        Box::pin(Select::select(self))
    }
    fn describe(&self) -> String {
        Select::describe(self)
    }
}

/// What a look at the world says that a fault would do.
#[derive(Debug, Clone)]
pub(crate) struct Looked {
    pub(crate) title: String,
    pub(crate) unit: &'static str,
    pub(crate) targets: String,
    pub(crate) population: u64,
    pub(crate) asked: String,
    pub(crate) allowed: String,
    pub(crate) picked: Vec<Picked>,
    pub(crate) protected: Vec<(String, String, String)>,
    /// How the selection is followed, if it is.
    pub(crate) follows: Option<String>,
}

/// One target of it.
#[derive(Debug, Clone)]
pub(crate) struct Picked {
    pub(crate) name: String,
    pub(crate) id: String,
    pub(crate) change: String,
    pub(crate) owner: Owner,
    pub(crate) reversible: bool,
}

impl Looked {
    pub(crate) fn owner(&self) -> Owner {
        self.picked.first().map_or(Owner::Process, |picked| picked.owner)
    }

    pub(crate) fn is_reversible(&self) -> bool {
        self.picked.iter().all(|picked| picked.reversible)
    }

    pub(crate) fn needs_ledger(&self) -> bool {
        self.picked.iter().any(|picked| picked.owner.is_journaled())
    }

    pub(crate) fn needs_guardian(&self) -> bool {
        self.picked.iter().any(|picked| picked.owner == Owner::Guardian)
    }
}

/// The plan as it is now, and what was approved of it.
pub(crate) struct Ready {
    pub(crate) looked: Looked,
    pub(crate) items: Vec<Arc<dyn Item>>,
    /// What was picked from, where that may be followed.
    pub(crate) population: Option<Population>,
}

/// A fault with its targets.
pub(crate) trait Work: Send + Sync {
    fn title(&self) -> String;

    /// Looks at the world and touches nothing.
    fn look<'a>(&'a self, occupancy: &'a Occupancy) -> BoxFuture<'a, Result<Looked>>;

    /// Looks again and approves, for so long: the items are counted as under fault from here on, and are to be released.
    fn approve<'a>(
        &'a self,
        occupancy: &'a Occupancy,
        lasting: Option<Duration>,
    ) -> BoxFuture<'a, Result<Ready>>;

    /// How the selection is followed while the fault is in force, if it is.
    fn following(&self) -> Option<Following> {
        None
    }

    /// Looks up the selection anew, for a fault that follows it.
    fn list(&self) -> BoxFuture<'_, Result<Box<dyn Listed + '_>>> {
        Box::pin(std::future::ready(Err(Error::invalid("a rule follows no selection"))))
    }
}

/// A target with its plan.
pub(super) type Planned<F> = (<F as Fault>::Target, Plan<<F as Fault>::Undo>);

impl<F: Fault> On<F> {
    async fn plan(&self, occupancy: &Occupancy) -> Result<(Looked, Selection<F::Target>, Vec<Planned<F>>)> {
        let selected = self.targets.select().await?;
        let selection = occupancy.choose(selected, self.mode)?;
        let mut plans = Vec::with_capacity(selection.picked.len());
        for (target, plan) in self.prepare_all(&selection.picked).await? {
            let plan = plan.map_err(|error| error.context(target.name()))?;
            plans.push((target, plan));
        }
        let unit = F::Target::UNIT;
        let (mut allowed, mut follows) =
            (format!("{} of {} {unit}s", selection.allowed, selection.population), None);
        if let Some(following) = self.following {
            let in_all = following.in_all(selection.allowed)?;
            let bound = format!("at once, injected {in_all} times in all at the most");
            follows = Some(format!("{following}: {} {unit}s {bound}", selection.allowed));
            allowed = format!("{allowed} {bound}");
        }
        let looked = self.looked(&selection, &plans, allowed, follows);
        Ok((looked, selection, plans))
    }

    pub(super) fn looked(
        &self,
        selection: &Selection<F::Target>,
        plans: &[Planned<F>],
        allowed: String,
        follows: Option<String>,
    ) -> Looked {
        let unit = F::Target::UNIT;
        Looked {
            title: self.fault.describe(),
            unit,
            targets: self.targets.describe(),
            population: selection.population,
            asked: format!("{} of {} {unit}s = {}", self.mode, selection.population, selection.asked),
            allowed,
            picked: plans
                .iter()
                .map(|(target, plan)| Picked {
                    name: target.name(),
                    id: target.id(),
                    change: plan.change().to_owned(),
                    owner: plan.owner(),
                    reversible: plan.is_reversible(),
                })
                .collect(),
            protected: selection
                .protected
                .iter()
                .map(|(target, reason)| (target.name(), target.id(), reason.clone()))
                .collect(),
            follows,
        }
    }

    /// Looks at each of them, some at the same time; in their order.
    pub(super) async fn prepare_all(
        &self,
        targets: &[F::Target],
    ) -> Result<Vec<(F::Target, Result<Plan<F::Undo>>)>> {
        let mut plans = Vec::with_capacity(targets.len());
        let mut looking = JoinSet::new();
        for (index, target) in targets.iter().cloned().enumerate() {
            if looking.len() == AT_ONCE {
                if let Some(plan) = looking.join_next().await {
                    plans.push(joined(plan)?);
                }
            }
            let fault = Arc::clone(&self.fault);
            looking.spawn(async move {
                let plan = fault.prepare(&target).await;
                Ok((index, target, plan))
            });
        }
        while let Some(plan) = looking.join_next().await {
            plans.push(joined(plan)?);
        }
        plans.sort_by_key(|(index, ..)| *index);
        Ok(plans.into_iter().map(|(_, target, plan)| (target, plan)).collect())
    }

    /// What was planned, as far as it is approved: it counts as under fault from here on.
    pub(super) fn items(
        &self,
        occupancy: &Occupancy,
        selection: Selection<F::Target>,
        plans: Vec<Planned<F>>,
        lasting: Option<Duration>,
    ) -> Vec<Arc<dyn Item>> {
        let mut approved = occupancy.approve(selection).into_iter().peekable();
        let mut items = Vec::new();
        // Both are in the order of the dice; what was not approved any more has no partner.
        for (target, plan) in plans {
            if let Some(target) = approved.next_if(|next| next.id() == target.id()) {
                let target = target.lasting_at_most(lasting);
                items.push(FaultItem { fault: Arc::clone(&self.fault), target, plan });
            }
        }
        let all: Vec<_> = items.iter().map(|item| (&item.target, item.plan.undo())).collect();
        if !all.is_empty() {
            self.fault.gather(&all);
        }
        items.into_iter().map(|item| Arc::new(item) as Arc<dyn Item>).collect()
    }
}

/// The result of a task; a panic in it is an error.
pub(crate) fn joined<T>(task: Result<Result<T>, tokio::task::JoinError>) -> Result<T> {
    task.unwrap_or_else(|panic| Err(Error::failed(format!("the fault's code panicked: {panic}"))))
}

impl<F: Fault> Work for On<F> {
    fn title(&self) -> String {
        self.fault.describe()
    }

    fn look<'a>(&'a self, occupancy: &'a Occupancy) -> BoxFuture<'a, Result<Looked>> {
        Box::pin(async move { self.plan(occupancy).await.map(|(looked, ..)| looked) })
    }

    fn approve<'a>(
        &'a self,
        occupancy: &'a Occupancy,
        lasting: Option<Duration>,
    ) -> BoxFuture<'a, Result<Ready>> {
        Box::pin(async move {
            let (looked, selection, plans) = self.plan(occupancy).await?;
            let population = Some(Arc::clone(&selection.ids));
            let items = self.items(occupancy, selection, plans, lasting);
            Ok(Ready { looked, items, population })
        })
    }

    fn following(&self) -> Option<Following> {
        self.following
    }

    fn list(&self) -> BoxFuture<'_, Result<Box<dyn Listed + '_>>> {
        Box::pin(async move {
            let listed = ListedOn::new(self, self.targets.select().await?);
            Ok(Box::new(listed) as Box<dyn Listed + '_>)
        })
    }
}

impl<Op: Operation + 'static> At<Op> {
    async fn plan(&self, occupancy: &Occupancy) -> Result<(Looked, FaultItem<crate::point::Rule<Op>>)> {
        let plan = self.rule.prepare(&self.point).await?;
        let looked = Looked {
            title: self.rule.label(),
            unit: crate::point::Point::<Op>::UNIT,
            targets: format!("{}s at point {:?}", Op::NAME, self.point.name()),
            population: 0,
            asked: self.rule.occurrence_text(),
            allowed: occupancy.allowed_of_operations(),
            picked: vec![Picked {
                name: self.point.name().to_owned(),
                id: self.point.id(),
                change: plan.change().to_owned(),
                owner: plan.owner(),
                reversible: true,
            }],
            protected: Vec::new(),
            follows: None,
        };
        let cap = occupancy.cap(self.point.name());
        let target = Approved::new(self.point.clone(), Some(cap));
        Ok((looked, FaultItem { fault: Arc::new(self.rule.clone()), target, plan }))
    }
}

impl<Op: Operation + 'static> Work for At<Op> {
    fn title(&self) -> String {
        self.rule.label()
    }

    fn look<'a>(&'a self, occupancy: &'a Occupancy) -> BoxFuture<'a, Result<Looked>> {
        Box::pin(async move { self.plan(occupancy).await.map(|(looked, _)| looked) })
    }

    fn approve<'a>(
        &'a self,
        occupancy: &'a Occupancy,
        lasting: Option<Duration>,
    ) -> BoxFuture<'a, Result<Ready>> {
        Box::pin(async move {
            let (looked, mut inner) = self.plan(occupancy).await?;
            inner.target = inner.target.lasting_at_most(lasting);
            let item: Arc<dyn Item> = Arc::new(RuleItem { inner, live: OnceLock::new() });
            Ok(Ready { looked, items: vec![item], population: None })
        })
    }
}
