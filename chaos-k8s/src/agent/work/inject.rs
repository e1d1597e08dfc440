//! Putting items in force: all are looked at before the first is touched, and none comes later than the spec allows.

use std::sync::Arc;
use std::time::Duration;

use chaos_core::units::duration::brief;
use chaos_core::{Error, Injection, Result};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};
use tokio::time::timeout;

use super::find::Networks;
use super::hold::{Agent, left_until};
use super::look::look_at;
use super::ready::Ready;
use super::replace::take_back;
use crate::agent::status::ItemState;

/// How many items are looked at, or put in force, at the same time.
pub(super) const AT_ONCE: usize = 16;

/// Items under way, by their numbers.
pub(super) type UnderWay<T> = JoinSet<(usize, Result<T>)>;

/// What became of one.
pub(super) enum Came {
    InForce(Injection),
    /// Its old one is gone, for which it has a new one.
    TakenBack,
    NotTakenBack(Error),
}

impl Agent {
    /// Puts all items in force, as far as there is time for that; whether there was.
    pub(super) async fn inject_all(&self, under_way: &mut UnderWay<Came>) -> bool {
        let within = left_until(self.kept.borrow().started() + self.spec.starting);
        if timeout(within, self.begin_all(under_way)).await.is_ok() {
            return true;
        }
        under_way.abort_all();
        while let Some(done) = under_way.join_next().await {
            // What one that is given up had was taken back by its drop.
            if !matches!(&done, Err(error) if error.is_cancelled()) {
                self.begun(done).await;
            }
        }
        self.skip_the_rest(self.spec.starting).await;
        false
    }

    async fn begin_all(&self, under_way: &mut UnderWay<Came>) {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        for (number, ready) in self.ready_all(&places).await {
            if !self.is_to_be_done(number) {
                continue;
            }
            let (tools, places) = (self.tools.clone(), Arc::clone(&places));
            let until = self.kept.borrow().until();
            under_way.spawn(async move {
                let _place = places.acquire_owned().await;
                (number, ready.begin(tools, left_until(until)).await.map(Came::InForce))
            });
        }
        while let Some(done) = under_way.join_next().await {
            self.begun(done).await;
        }
    }

    /// Items that are not in force by now will not be.
    async fn skip_the_rest(&self, after: Duration) {
        let why = format!("not in force {} after the start", brief(after));
        for number in 0..self.slots.count() {
            let state = match (self.slots.injection(number), self.slots.state(number)) {
                (Some(_), Some(ItemState::InForce { .. } | ItemState::Absent { .. })) => continue,
                // The time was over between its inject and the look at it.
                (Some(injection), _) => look_at(&injection).await,
                (None, Some(state)) if state.is_final() => continue,
                (None, _) => ItemState::Skipped { why: why.clone() },
            };
            self.slots.set(number, state);
        }
    }

    /// What happens once is noted before it does, and not done again.
    fn is_to_be_done(&self, number: usize) -> bool {
        let fault = self.spec.items.get(number).and_then(|item| self.spec.fault_of(item).ok());
        if !fault.is_some_and(|fault| fault.is_once()) {
            return true;
        }
        let (mut kept, short) = (self.kept.borrow_mut(), u32::try_from(number).unwrap_or(u32::MAX));
        let state = match kept.was_done(short) {
            true => ItemState::Skipped { why: "done before the restart".to_owned() },
            false => match kept.done(short) {
                Ok(()) => return true,
                Err(error) => ItemState::Failed { error: error.chain() },
            },
        };
        self.slots.set(number, state);
        false
    }

    async fn ready_all(&self, places: &Arc<Semaphore>) -> Vec<(usize, Ready)> {
        let networks = Arc::new(Networks::default());
        let mut looking: UnderWay<Ready> = JoinSet::new();
        for (number, item) in self.spec.items.iter().cloned().enumerate() {
            let fault = self.spec.fault_of(&item).cloned();
            let (tools, networks, places) = (self.tools.clone(), Arc::clone(&networks), Arc::clone(places));
            looking.spawn(async move {
                let _place = places.acquire_owned().await;
                let ready = async { Ready::of(&item, &fault?, &tools, &networks).await };
                (number, ready.await)
            });
        }
        let mut all = Vec::new();
        while let Some(looked) = looking.join_next().await {
            match looked {
                Ok((number, Ok(ready))) => {
                    let (target, plan, owner) = (ready.target.clone(), ready.plan.clone(), ready.owner);
                    self.slots.set(number, ItemState::Prepared { target, plan, owner });
                    all.push((number, ready));
                }
                Ok((number, Err(error))) => {
                    self.slots.set(number, ItemState::Failed { error: error.chain() })
                }
                Err(panic) => tracing::error!(target: "chaos", %panic, "looking at an item"),
            }
        }
        // In the order of the spec, whatever took longer to look at.
        all.sort_by_key(|(number, _)| *number);
        all
    }

    /// Takes note of an item that came to its turn.
    pub(super) async fn begun(&self, done: Result<(usize, Result<Came>), JoinError>) {
        match done {
            Ok((number, Ok(Came::InForce(injection)))) => {
                // Held before anything is waited for: whoever gives this up leaves it to the end.
                if let Some(old) = self.slots.hold(number, injection) {
                    // What could not be taken back is in the ledger.
                    let _ = take_back(old).await;
                }
                let Some(injection) = self.slots.injection(number) else { return };
                if self.kept.borrow().is_told() {
                    // One that could not be told ends by itself, which is seen.
                    let _ = self.tell_left(&injection).await;
                }
                self.slots.set(number, look_at(&injection).await);
            }
            // What could not be taken back is in the ledger.
            Ok((_, Ok(Came::TakenBack | Came::NotTakenBack(_)))) => {}
            // An old one is there, whose state is another.
            Ok((number, Err(_))) if self.slots.injection(number).is_some() => {}
            Ok((number, Err(error))) => {
                let left = error.is_leftover();
                let error = error.chain();
                self.slots
                    .set(number, if left { ItemState::Left { error } } else { ItemState::Failed { error } });
            }
            // It was taken back by the drop of what it had; what was not is in the ledger.
            Err(panic) => tracing::error!(target: "chaos", %panic, "putting an item in force"),
        }
    }
}
