//! Putting items in force: all are looked at before the first is touched.

use std::sync::Arc;

use chaos_core::{Injection, Result};
use tokio::sync::Semaphore;
use tokio::task::{JoinError, JoinSet};

use super::find::Networks;
use super::hold::{Agent, left_until};
use super::look::look_at;
use super::ready::Ready;
use crate::agent::status::ItemState;

/// How many items are looked at, or put in force, at the same time.
const AT_ONCE: usize = 16;

/// Items under way: from the look at one to its being in force.
pub(super) type UnderWay<T> = JoinSet<(usize, Result<T>)>;

impl Agent {
    pub(super) async fn inject_all(&self, under_way: &mut UnderWay<Injection>) {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        for (number, ready) in self.ready_all(&places).await {
            if !self.is_to_be_done(number) {
                continue;
            }
            let (tools, places) = (self.tools.clone(), Arc::clone(&places));
            let until = self.kept.borrow().until();
            under_way.spawn(async move {
                let _place = places.acquire_owned().await;
                (number, ready.begin(tools, left_until(until)).await)
            });
        }
        while let Some(done) = under_way.join_next().await {
            self.begun(done).await;
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
    pub(super) async fn begun(&self, done: Result<(usize, Result<Injection>), JoinError>) {
        match done {
            Ok((number, Ok(injection))) => {
                if self.is_told.get() {
                    // One that could not be told ends by itself, which is seen.
                    let _ = injection.extend(self.left()).await;
                }
                let state = look_at(&injection).await;
                self.slots.hold(number, injection);
                self.slots.set(number, state);
            }
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
