//! [`Listed`]: a selection that was looked up anew, beside what a fault is in force at; the targets' kind erased.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use super::item::{BoxFuture, Item};
use super::work::{AT_ONCE, Looked, On};
use crate::error::{Error, Result};
use crate::fault::Fault;
use crate::target::{Beside, Occupancy, Population, Target};

/// The targets that are selected now.
pub(crate) trait Listed: Send {
    /// Whether the target with this identity is among them.
    fn has(&self, id: &str) -> bool;

    /// Picks, looks at and approves what mode and cap allow beside what is held, `most` at the most.
    fn approve<'a>(
        self: Box<Self>,
        occupancy: &'a Occupancy,
        lasting: Option<Duration>,
        beside: Beside,
        most: usize,
    ) -> BoxFuture<'a, Result<More>>
    where
        Self: 'a;
}

/// What a fault may be injected at beside what it is in force at.
pub(crate) struct More {
    pub(crate) looked: Looked,
    pub(crate) items: Vec<Arc<dyn Item>>,
    pub(crate) population: Population,
    /// Those that cannot be hit now, by their names, and why.
    pub(crate) refused: Vec<(String, Error)>,
}

pub(super) struct ListedOn<'a, F: Fault> {
    on: &'a On<F>,
    selected: Vec<F::Target>,
    ids: HashSet<String>,
}

impl<'a, F: Fault> ListedOn<'a, F> {
    pub(super) fn new(on: &'a On<F>, selected: Vec<F::Target>) -> Self {
        let ids = selected.iter().map(Target::id).collect();
        Self { on, selected, ids }
    }
}

impl<F: Fault> Listed for ListedOn<'_, F> {
    fn has(&self, id: &str) -> bool {
        self.ids.contains(id)
    }

    fn approve<'a>(
        self: Box<Self>,
        occupancy: &'a Occupancy,
        lasting: Option<Duration>,
        beside: Beside,
        most: usize,
    ) -> BoxFuture<'a, Result<More>>
    where
        Self: 'a,
    {
        Box::pin(async move {
            let Self { on, selected, .. } = *self;
            let (mut selection, room) = occupancy.choose_beside(selected, on.mode, &beside);
            let room = room.min(most);
            let mut others = std::mem::take(&mut selection.picked).into_iter();
            let (mut plans, mut refused) = (Vec::new(), Vec::new());
            // One that does not run yet leaves its place to the next; not all of a large selection is asked for that.
            while plans.len() < room && refused.len() < AT_ONCE {
                let next: Vec<F::Target> = others.by_ref().take(room - plans.len()).collect();
                if next.is_empty() {
                    break;
                }
                for (target, plan) in on.prepare_all(&next).await? {
                    match plan {
                        Ok(plan) => plans.push((target, plan)),
                        Err(error) => refused.push((target.name(), error)),
                    }
                }
            }
            selection.picked = plans.iter().map(|(target, _)| target.clone()).collect();
            let looked = on.looked(&selection, &plans, String::new(), None);
            let population = Arc::clone(&selection.ids);
            let items = on.items(occupancy, selection, plans, lasting);
            Ok(More { looked, items, population, refused })
        })
    }
}
