//! One look of a fault at the selection that it follows: what is gone is let go, and what came is hit in its place.

use std::collections::HashSet;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::Instant;

use super::item::Item;
use super::listed::More;
use super::put_back::Begun;
use super::work::{AT_ONCE, Work};
use super::{Following, Injection};
use crate::error::{Error, Result};
use crate::experiment::Stop;
use crate::fault::Observed;
use crate::target::Beside;

/// What is known from look to look.
#[derive(Debug)]
pub(crate) struct Followed {
    /// Where the fault was absent at the last look.
    absent: HashSet<String>,
    /// What could not be let go: tried again when all is taken back.
    stuck: HashSet<String>,
    injected: u64,
    in_all: u64,
}

/// What one look has come to.
#[derive(Default)]
pub(crate) struct Turn {
    pub(crate) went: Vec<Went>,
    pub(crate) came: Vec<Came>,
    /// Those that could not be hit now, and why.
    pub(crate) refused: Vec<(String, Error)>,
    /// What is wrong, and does not end the experiment.
    pub(crate) troubles: Vec<String>,
}

/// A target that was let go.
pub(crate) struct Went {
    pub(crate) item: Arc<dyn Item>,
    /// Whether it is still selected, and has only lost the fault.
    pub(crate) is_selected: bool,
    pub(crate) detail: String,
}

/// A target that was injected.
pub(crate) struct Came {
    pub(crate) item: Arc<dyn Item>,
    /// What was seen then, or what failed.
    pub(crate) seen: Result<Observed>,
    /// Whether the inject did not come to its end: it is taken back.
    pub(crate) failed: bool,
}

impl Followed {
    /// # Errors
    /// A bound that is below what the fault has begun with.
    pub(crate) fn new(following: Following, injection: &Injection) -> Result<Self> {
        let injected = injection.begun.len() as u64;
        let in_all = following.in_all(injected)?;
        Ok(Self { absent: HashSet::new(), stuck: HashSet::new(), injected, in_all })
    }

    /// Whether nothing may come any more.
    pub(crate) fn is_used_up(&self) -> bool {
        self.injected >= self.in_all
    }

    pub(crate) fn injected(&self) -> u64 {
        self.injected
    }
}

impl Injection {
    /// Looks once, for a fault that ends `until` then. Nothing once `over` is set: what is under way then is cut off, and left
    /// to who takes it all back.
    ///
    /// # Errors
    /// A selection that could not be looked up, or undos that could not be written: nothing was changed.
    pub(crate) async fn turn(
        &mut self,
        work: &dyn Work,
        followed: &mut Followed,
        until: Instant,
        over: &Stop,
    ) -> Result<Option<Turn>> {
        let Some(listed) = unless(over, work.list()).await else { return Ok(None) };
        let listed = listed?;
        let Some(seen) = unless(over, self.observe()).await else { return Ok(None) };
        let mut turn = Turn::default();
        let mut absent = HashSet::new();
        let mut going = Vec::new();
        for (begun, (_, seen)) in self.begun.iter().zip(seen) {
            let id = begun.item.id();
            // What could not be read says nothing.
            let Ok(seen) = seen else { continue };
            let (is_selected, is_absent) = (listed.has(&id), !seen.is_in_force());
            let goes = match is_selected {
                // What cannot be undone ends with its target.
                false => is_absent || !begun.item.is_reversible(),
                // Once may be an agent that is not heard for a moment.
                true => is_absent && begun.item.is_reversible() && followed.absent.contains(&id),
            };
            if is_absent {
                absent.insert(id.clone());
            }
            if goes && !followed.stuck.contains(&id) {
                going.push((begun.clone(), is_selected, seen.detail().to_owned()));
            }
        }
        let left =
            self.let_go(followed, going.iter().map(|(begun, ..)| begun.clone()).collect(), &mut turn).await;
        for (Begun { item, .. }, is_selected, detail) in going {
            absent.remove(&item.id());
            if !left.contains(&item.id()) {
                turn.went.push(Went { item, is_selected, detail });
            }
        }
        followed.absent = absent;
        if followed.is_used_up() || over.is_set() {
            return Ok(Some(turn));
        }
        let Some(lasting) = self.lasting_until(until) else { return Ok(Some(turn)) };
        let way = super::Way { lasting: Some(lasting), ..self.way.clone() };
        let held = self.items().map(|item| item.id()).collect();
        let beside = Beside { held, population: self.population.clone() };
        let most = usize::try_from(followed.in_all - followed.injected).unwrap_or(usize::MAX);
        let more = unless(over, listed.approve(&way.occupancy, way.at_most(), beside, most)).await;
        match more {
            Some(Ok(more)) => self.add(more, followed, until, over, &mut turn).await,
            Some(Err(error)) => turn.troubles.push(error.chain()),
            None => {}
        }
        Ok(Some(turn))
    }

    fn lasting_until(&self, until: Instant) -> Option<Duration> {
        Some(until.saturating_duration_since(self.way.clock.now())).filter(|lasting| !lasting.is_zero())
    }

    /// Records what was approved, and injects it.
    async fn add(
        &mut self,
        more: More,
        followed: &mut Followed,
        until: Instant,
        over: &Stop,
        turn: &mut Turn,
    ) {
        let More { looked, items, population, refused } = more;
        self.population = Some(population);
        turn.refused = refused;
        if items.is_empty() {
            return;
        }
        let mut journal = self.way.journal.clone();
        journal.guard_for(self.lasting_until(until).unwrap_or_default());
        let written = journal.must_do_for(&looked).and_then(|()| journal.record(&items));
        let written = match written {
            Ok(written) => written,
            Err(error) => {
                for item in &items {
                    self.way.occupancy.release(item.unit(), &item.id());
                }
                turn.troubles.push(error.chain());
                return;
            }
        };
        followed.injected += items.len() as u64;
        let first = self.begun.len();
        // As for the first ones: from here on the guard owns the undo of each.
        self.begun.extend(items.into_iter().zip(written).map(|(item, written)| Begun { item, written }));
        let new: Vec<Begun> = self.begun[first..].to_vec();
        let outcomes = self.inject_each(&new, over).await;
        let told = journal
            .lasts(new.iter().map(|begun| &begun.written), self.lasting_until(until).unwrap_or_default());
        if let Err(error) = told {
            turn.troubles.push(error.chain());
        }
        let (mut failed, mut injected, mut cut_off) = (Vec::new(), Vec::new(), Vec::new());
        for (begun, outcome) in new.into_iter().zip(outcomes) {
            match outcome {
                Some(Ok(())) => injected.push(begun),
                Some(Err(error)) => failed.push((begun, error)),
                None => cut_off.push(begun.item),
            }
        }
        let seen = self.look(&injected).await;
        let came = injected.into_iter().zip(seen).map(|(begun, (_, seen))| Came {
            item: begun.item,
            seen,
            failed: false,
        });
        turn.came.extend(came);
        // All of it is taken back now, and these with it.
        turn.came.extend(cut_off.into_iter().map(|item| {
            let seen = Err(Error::failed("cut off by the end of the fault"));
            Came { item, seen, failed: true }
        }));
        let going = failed.iter().map(|(begun, _)| begun.clone()).collect();
        self.let_go(followed, going, turn).await;
        let failed = failed.into_iter().map(|(begun, error)| Came {
            item: begun.item,
            seen: Err(error),
            failed: true,
        });
        turn.came.extend(failed);
    }

    /// Lets these go; the identities of those that could not be.
    async fn let_go(
        &mut self,
        followed: &mut Followed,
        going: Vec<Begun>,
        turn: &mut Turn,
    ) -> HashSet<String> {
        let gone: HashSet<String> = going.iter().map(|begun| begun.item.id()).collect();
        // Not taken out before the await: a dropped future of this leaves the guard with everything it had.
        let leftovers = self.way.let_go(going).await;
        let left: HashSet<String> = leftovers.iter().map(|leftover| leftover.begun.item.id()).collect();
        self.begun.retain(|begun| {
            let id = begun.item.id();
            !gone.contains(&id) || left.contains(&id)
        });
        turn.troubles.extend(leftovers.iter().map(|leftover| leftover.error.chain()));
        followed.stuck.extend(left.iter().cloned());
        left
    }

    /// Injects each, some at the same time; what came of it, and nothing where it was cut off by `over`.
    async fn inject_each(&self, new: &[Begun], over: &Stop) -> Vec<Option<Result<()>>> {
        let mut outcomes: Vec<Option<Result<()>>> = new.iter().map(|_| None).collect();
        let mut injecting = JoinSet::new();
        let mut next = new.iter().enumerate();
        loop {
            while injecting.len() < AT_ONCE && !over.is_set() {
                let Some((number, begun)) = next.next() else { break };
                let (item, clock) = (Arc::clone(&begun.item), self.way.clock.clone());
                injecting.spawn(async move {
                    let done = clock.timeout(item.takes_at_most(), item.inject()).await;
                    (number, done.and_then(|done| done))
                });
            }
            match unless(over, injecting.join_next()).await {
                Some(Some(Ok((number, outcome)))) => outcomes[number] = Some(outcome),
                // Which one panicked is seen by who has no outcome in the end.
                Some(Some(Err(_))) => {}
                Some(None) => break,
                None => {
                    // They are waited for until they stand still: what takes them back comes after.
                    injecting.shutdown().await;
                    return outcomes;
                }
            }
        }
        if over.is_set() {
            return outcomes;
        }
        let panicked = || Err(Error::failed("the fault's code panicked"));
        outcomes.into_iter().map(|outcome| Some(outcome.unwrap_or_else(panicked))).collect()
    }
}

/// What `act` comes to, unless `over` is set before.
async fn unless<T>(over: &Stop, act: impl Future<Output = T>) -> Option<T> {
    let (mut over, mut act) = (pin!(over.wait()), pin!(act));
    poll_fn(|context| {
        if over.as_mut().poll(context).is_ready() {
            return Poll::Ready(None);
        }
        act.as_mut().poll(context).map(Some)
    })
    .await
}
