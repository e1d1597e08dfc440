//! [`Work`]: a fault with its targets, its kind erased; what an experiment's step holds.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::task::JoinSet;

use super::item::{BoxFuture, FaultItem, Item, RuleItem};
use crate::error::{Error, Result};
use crate::fault::{Fault, Owner, Plan};
use crate::point::{At, Operation};
use crate::target::{Approved, Mode, Occupancy, Select, Selection, Target};

/// How many targets are looked at, injected or reverted at the same time.
pub(crate) const AT_ONCE: usize = 32;

/// A stateful fault, the targets it acts on and how many of them; made by [`Fault::on`].
#[must_use = "give it to an experiment or to `Chaos::inject`"]
pub struct On<F: Fault> {
    fault: Arc<F>,
    targets: Arc<dyn DynSelect<F::Target>>,
    mode: Mode,
}

impl<F: Fault> On<F> {
    pub(crate) fn new(fault: F, targets: impl Select<F::Target>, mode: Mode) -> Self {
        Self { fault: Arc::new(fault), targets: Arc::new(targets), mode }
    }
}

impl<F: Fault> fmt::Debug for On<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("On")
            .field("fault", &self.fault)
            .field("targets", &self.targets.describe())
            .field("mode", &self.mode)
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
pub(crate) type Ready = (Looked, Vec<Arc<dyn Item>>);

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
}

impl<F: Fault> On<F> {
    async fn plan(
        &self,
        occupancy: &Occupancy,
    ) -> Result<(Looked, Selection<F::Target>, Vec<(F::Target, Plan<F::Undo>)>)> {
        let selected = self.targets.select().await?;
        let selection = occupancy.choose(selected, self.mode)?;
        let mut plans = prepare_all(&self.fault, &selection.picked).await?;
        plans.sort_by_key(|(index, ..)| *index);
        let plans: Vec<_> = plans.into_iter().map(|(_, target, plan)| (target, plan)).collect();
        let unit = F::Target::UNIT;
        let looked = Looked {
            title: self.fault.describe(),
            unit,
            targets: self.targets.describe(),
            population: selection.population,
            asked: format!("{} of {} {unit}s = {}", self.mode, selection.population, selection.asked),
            allowed: format!("{} of {} {unit}s", selection.allowed, selection.population),
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
        };
        Ok((looked, selection, plans))
    }
}

type Prepared<F> = (usize, <F as Fault>::Target, Plan<<F as Fault>::Undo>);

async fn prepare_all<F: Fault>(fault: &Arc<F>, targets: &[F::Target]) -> Result<Vec<Prepared<F>>> {
    let mut plans = Vec::with_capacity(targets.len());
    let mut looking = JoinSet::new();
    for (index, target) in targets.iter().cloned().enumerate() {
        if looking.len() == AT_ONCE {
            if let Some(plan) = looking.join_next().await {
                plans.push(joined(plan)?);
            }
        }
        let fault = Arc::clone(fault);
        looking.spawn(async move {
            let plan = fault.prepare(&target).await.map_err(|error| error.context(target.name()))?;
            Ok((index, target, plan))
        });
    }
    while let Some(plan) = looking.join_next().await {
        plans.push(joined(plan)?);
    }
    Ok(plans)
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
            let approved = occupancy.approve(selection);
            let mut approved = approved.into_iter().peekable();
            let mut items = Vec::new();
            // Both are in the order of the dice; what was not approved any more has no partner.
            for (target, plan) in plans {
                if let Some(target) = approved.next_if(|next| next.id() == target.id()) {
                    let target = target.lasting_at_most(lasting);
                    items.push(FaultItem { fault: Arc::clone(&self.fault), target, plan });
                }
            }
            let all: Vec<_> = items.iter().map(|item| (&item.target, item.plan.undo())).collect();
            self.fault.gather(&all);
            Ok((looked, items.into_iter().map(|item| Arc::new(item) as Arc<dyn Item>).collect()))
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
            Ok((looked, vec![item]))
        })
    }
}
