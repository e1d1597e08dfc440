//! The engine: what is in force in each namespace, and the changes to it.
//!
//! One [`Space`] for each namespace with faults, behind its own lock: changes to one namespace come one after the other, those
//! to different ones at the same time, on a few threads.

mod beat;
mod carrier;
mod change;
mod drain;
mod hook;
mod look;
mod place;
mod process;
mod resolve;
mod space;
mod term;
mod threads;

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use chaos_core::ledger::RunId;
use chaos_core::{Clock, Error, Result};

use beat::Beat;
pub(crate) use look::Seen;
pub(crate) use space::Preview;
use space::Space;
use term::Term;
use threads::Threads;

use super::marks::Marks;
use super::plan::RuleId;
use super::rule::Asked;
use super::trial::{Piece, Tried};
use crate::node::Namespace;
use crate::node::netns::NetnsId;

/// The network faults of one [`Node`](crate::Node).
#[derive(Debug)]
pub(crate) struct Engine {
    marks: Marks,
    spaces: Arc<Spaces>,
    rules: AtomicU64,
    /// Reverted before they were injected: an inject that was given up may still come to its turn.
    taken_back: Arc<Mutex<HashSet<RuleId>>>,
    threads: Threads,
    beat: Beat,
    tried: Arc<OnceLock<Tried>>,
    /// What is not used, though the kernel has it.
    without: Vec<Piece>,
}

type Spaces = Mutex<HashMap<NetnsId, Arc<Mutex<Space>>>>;

impl Engine {
    pub(crate) fn new(run: RunId, without: Vec<Piece>) -> Self {
        Self {
            without,
            marks: Marks::of(run),
            spaces: Arc::default(),
            rules: AtomicU64::new(1),
            taken_back: Arc::default(),
            threads: Threads::new(),
            beat: Beat::default(),
            tried: Arc::default(),
        }
    }

    /// A number that no rule had.
    pub(crate) fn fresh_rule(&self) -> RuleId {
        RuleId(self.rules.fetch_add(1, Ordering::Relaxed))
    }

    /// Looks whether the rule could act there, and touches nothing; what it would do, in words.
    pub(crate) async fn preview(&self, namespace: &Namespace, rule: &Asked) -> Result<Preview> {
        let (namespace, rule) = (namespace.clone(), rule.clone());
        let (marks, spaces) = (self.marks.clone(), Arc::clone(&self.spaces));
        let (tried, without) = (Arc::clone(&self.tried), self.without.clone());
        self.threads
            .run(move || {
                carrier::check_rights()?;
                let tried = tried.get_or_init(|| carrier::this_kernel().without(&without));
                let choice = carrier::choose(tried, &rule)?;
                let rule = resolve::resolve(&namespace, &rule)?;
                let known = lock(&spaces).get(&namespace.netns()).cloned();
                match known {
                    Some(space) => lock(&space).preview(&rule, &choice),
                    None => {
                        Space::open(&namespace, &marks, carrier::abilities(tried))?.preview(&rule, &choice)
                    }
                }
            })
            .await
    }

    /// Puts a rule in force, for so long at most. When the future is dropped before that began, nothing happens.
    pub(crate) async fn add(
        &self,
        namespace: &Namespace,
        id: RuleId,
        rule: &Asked,
        lasting: Option<Duration>,
    ) -> Result<()> {
        self.beat.start(&self.spaces)?;
        let dropped = Dropped::default();
        let (given_up, taken_back) = (Arc::clone(&dropped.0), Arc::clone(&self.taken_back));
        let (namespace, rule) = (namespace.clone(), rule.clone());
        let (marks, spaces) = (self.marks.clone(), Arc::clone(&self.spaces));
        let (tried, without) = (Arc::clone(&self.tried), self.without.clone());
        self.threads
            .run(move || {
                let tried = tried.get_or_init(|| carrier::this_kernel().without(&without));
                let choice = carrier::choose(tried, &rule)?;
                let rule = resolve::resolve(&namespace, &rule)?;
                let open = || Space::open(&namespace, &marks, carrier::abilities(tried));
                in_space(&spaces, &namespace, open, |space| {
                    // Under the lock that a revert must wait for.
                    if given_up.load(Ordering::SeqCst) || lock(&taken_back).contains(&id) {
                        return Err(Error::failed("the inject was given up before it began"));
                    }
                    space.add(id, &rule, &choice, Term::new(lasting, choice.act))
                })
            })
            .await
    }

    /// A rule in force may last so long from now on.
    pub(crate) async fn extend(&self, netns: NetnsId, id: RuleId, lasting: Option<Duration>) -> Result<()> {
        let over = || Error::failed("no such rule is in force");
        let space = self.space(netns).ok_or_else(over)?;
        self.threads.run(move || lock(&space).extend(id, lasting)).await
    }

    /// Takes a rule back, and what only it needed, when what waits there has gone on. A namespace without faults is fine.
    pub(crate) async fn remove(&self, netns: NetnsId, id: RuleId, clock: &Clock) -> Result<()> {
        // First, so that an inject which has not looked yet does nothing; one that has is in its space.
        lock(&self.taken_back).insert(id);
        let Some(space) = self.space(netns) else { return Ok(()) };
        let changed = Arc::clone(&space);
        let (was_in_force, deadline) = self.threads.run(move || lock(&changed).remove(id)).await?;
        if was_in_force {
            lock(&self.taken_back).remove(&id);
        }
        loop {
            let draining = Arc::clone(&space);
            if self.threads.run(move || lock(&draining).drain(deadline)).await? {
                break;
            }
            clock.sleep(drain::EVERY).await;
        }
        let spaces = Arc::clone(&self.spaces);
        self.threads
            .run(move || {
                let mut spaces = lock(&spaces);
                let mut space = lock(&space);
                if space.is_idle() {
                    space.close();
                    spaces.remove(&netns);
                }
                Ok(())
            })
            .await
    }

    /// What the kernel holds of a rule. Devices that came up since are taken in where the rule is for all.
    pub(crate) async fn look(&self, namespace: &Namespace, id: RuleId) -> Result<Option<Seen>> {
        let Some(space) = self.space(namespace.netns()) else { return Ok(None) };
        self.threads.run(move || lock(&space).look(id)).await
    }

    /// Whether nothing of a rule is left.
    pub(crate) async fn is_gone(&self, netns: NetnsId, id: RuleId) -> Result<bool> {
        let Some(space) = self.space(netns) else { return Ok(true) };
        self.threads.run(move || lock(&space).is_gone(id)).await
    }

    /// Runs blocking work of this engine on one of its threads.
    pub(crate) async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        self.threads.run(work).await
    }

    fn space(&self, netns: NetnsId) -> Option<Arc<Mutex<Space>>> {
        lock(&self.spaces).get(&netns).cloned()
    }
}

/// Runs `work` in the space of a namespace, which is made if there is none.
fn in_space<T>(
    spaces: &Spaces,
    namespace: &Namespace,
    open: impl Fn() -> Result<Space>,
    work: impl FnOnce(&mut Space) -> Result<T>,
) -> Result<T> {
    loop {
        let known = lock(spaces).get(&namespace.netns()).cloned();
        let space = match known {
            Some(space) => space,
            None => {
                let opened = Arc::new(Mutex::new(open()?));
                Arc::clone(lock(spaces).entry(namespace.netns()).or_insert(opened))
            }
        };
        let mut space = lock(&space);
        // Closed between the two locks: it is not in the map any more.
        if !space.is_closed() {
            return work(&mut space);
        }
    }
}

/// What a panic left is compared with the kernel at the next change.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Tells its flag when it is dropped.
#[derive(Debug, Default)]
struct Dropped(Arc<AtomicBool>);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.store(true, Ordering::SeqCst);
    }
}
