//! [`Crew`]: the stressors of one injection at one target, and [`Crews`]: all that a node handle has.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chaos_core::{Clock, Result};

use super::hand::Hand;
use super::wire::Orders;
use crate::node::cgroup::{Held, Own, oom_kills};

#[derive(Debug)]
pub(super) struct Crew {
    cgroup: Own,
    _held: Held,
    hands: Vec<Hand>,
    /// What the kernel had counted before them.
    oom_kills: Option<u64>,
    /// The target's cgroup had processes of its own.
    pub(super) target_was_used: bool,
}

impl Crew {
    pub(super) fn hands(&self) -> &[Hand] {
        &self.hands
    }

    /// How often the out-of-memory killer struck since they began, where the kernel counts it.
    pub(super) fn oom_kills(&self) -> u64 {
        let now = oom_kills(self.cgroup.dirs());
        now.unwrap_or_default().saturating_sub(self.oom_kills.unwrap_or_default())
    }

    /// Why the first that has ended did, with the killer's count.
    pub(super) fn blame(&self, why: &str) -> String {
        match self.oom_kills() {
            0 => why.to_owned(),
            kills => format!("{why}; the out-of-memory killer struck {kills} times in its cgroup"),
        }
    }
}

/// Every crew of this handle, by the directory of its cgroup.
#[derive(Debug, Default)]
pub(crate) struct Crews {
    by_cgroup: Mutex<BTreeMap<PathBuf, Arc<Crew>>>,
    made: AtomicU64,
}

impl Crews {
    /// A number that no other crew of this handle has.
    pub(super) fn next(&self) -> u64 {
        self.made.fetch_add(1, Ordering::Relaxed)
    }

    /// Starts one process per order.
    ///
    /// # Errors
    /// When a thread could not be made; those before it are in the crew, and are ended with it.
    pub(super) fn start(
        &self,
        cgroup: &Own,
        held: Held,
        orders: Vec<Orders>,
        target_was_used: bool,
    ) -> Result<Arc<Crew>> {
        let mut hands = Vec::with_capacity(orders.len());
        let mut started = Ok(());
        for orders in orders {
            match Hand::start(orders) {
                Ok(hand) => hands.push(hand),
                Err(error) => {
                    started = Err(error);
                    break;
                }
            }
        }
        let oom_kills = oom_kills(cgroup.dirs());
        let crew = Arc::new(Crew { cgroup: cgroup.clone(), _held: held, hands, oom_kills, target_was_used });
        self.all().insert(key(cgroup), Arc::clone(&crew));
        started.map(|()| crew)
    }

    pub(super) fn of(&self, cgroup: &Own) -> Option<Arc<Crew>> {
        self.all().get(&key(cgroup)).cloned()
    }

    /// Kills the crew and waits for its end; none is fine.
    pub(super) async fn end(&self, cgroup: &Own, clock: &Clock) -> Result<()> {
        let Some(crew) = self.of(cgroup) else { return Ok(()) };
        crew.hands.iter().for_each(Hand::kill);
        for hand in &crew.hands {
            hand.ended(clock).await?;
        }
        self.all().remove(&key(cgroup));
        Ok(())
    }

    fn all(&self) -> MutexGuard<'_, BTreeMap<PathBuf, Arc<Crew>>> {
        self.by_cgroup.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(cgroup: &Own) -> PathBuf {
    Path::to_owned(cgroup.dirs().main())
}
