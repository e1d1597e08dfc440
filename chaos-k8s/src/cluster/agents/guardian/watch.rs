//! [`Watch`]: a guardian at work: it looks at the marks, and takes back what is over.

use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use chaos_core::units::secs;
use chaos_core::{Error, Result};
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior, interval};

use super::duty::{Duty, Task};
use crate::agent::status::{Beat, HEARTBEAT, ItemState, ItemStatus, Said, Writer};
use crate::cluster::Cluster;
use crate::cluster::mark::Deadline;

/// How long after the deadline that is marked: whoever made the fault may be at its revert.
const GRACE: Duration = secs(3);
/// How often a mark is looked at that is not over; at most one each second.
const LOOK_EVERY: Duration = secs(5);
/// How long a look or a revert may take.
const BOUND: Duration = secs(60);
/// How long after a failure it is tried again.
const AGAIN: Duration = secs(2);
/// How many reverts are under way at the same time.
const AT_ONCE: usize = 32;

/// A guardian at work.
pub(super) struct Watch {
    cluster: Cluster,
    duty: Arc<Duty>,
    writer: Rc<Writer>,
    watched: Vec<Watched>,
}

/// What it knows of one undo.
struct Watched {
    /// The deadline that was last read from the object; none as long as the fault was not seen.
    until: Option<Deadline>,
    looked: Instant,
    /// Not before then.
    after: Instant,
    is_busy: bool,
    is_done: bool,
}

/// What came of a look.
enum Came {
    /// It is in force until then.
    InForce(Deadline),
    /// Nothing is to be done yet.
    NotYet,
    /// It is over: taken back by this guardian, or by somebody else.
    Done(String),
}

/// What a look is to do.
#[derive(Debug, Clone, Copy)]
struct Asked {
    /// How far the clock that writes deadlines is ahead of this machine's, in seconds.
    ahead: i64,
    was_seen: bool,
    /// It did not come in its time.
    is_late: bool,
}

impl Watch {
    pub(super) fn new(cluster: Cluster, duty: Arc<Duty>, writer: Rc<Writer>) -> Self {
        let now = Instant::now();
        let fresh =
            |_: &Task| Watched { until: None, looked: now, after: now, is_busy: false, is_done: false };
        let watched = duty.undos.iter().map(fresh).collect();
        Self { cluster, duty, writer, watched }
    }

    /// Until all is over.
    pub(super) async fn until_all_is_over(mut self) {
        let mut under_way: JoinSet<(usize, Result<Came>)> = JoinSet::new();
        let mut ticks = interval(HEARTBEAT);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        while !self.watched.iter().all(|watched| watched.is_done) {
            tokio::select! {
                _ = ticks.tick() => {
                    self.beat();
                    for number in self.next(AT_ONCE.saturating_sub(under_way.len())) {
                        self.begin(number, &mut under_way);
                    }
                }
                Some(done) = under_way.join_next() => match done {
                    Ok((number, came)) => self.take_note(number, came),
                    // It runs in tasks of its own, and a task that panics has said so on the other output.
                    Err(_) => self.watched.iter_mut().for_each(|watched| watched.is_busy = false),
                },
            }
        }
    }

    fn ahead(&self) -> i64 {
        self.cluster.api().server_ahead() - self.duty.server_ahead
    }

    fn is_over(&self, watched: &Watched) -> bool {
        match watched.until {
            Some(until) => until.is_over_by(self.ahead(), GRACE),
            None => self.is_late(),
        }
    }

    /// Whether a fault that was not seen is not to come any more.
    fn is_late(&self) -> bool {
        self.duty.by.is_over_by(self.ahead(), Duration::ZERO)
    }

    /// Whom to look at now: all that are over, and of the others the one whose last look was longest ago, if it was long ago.
    fn next(&self, most: usize) -> Vec<usize> {
        let now = Instant::now();
        let is_free = |watched: &Watched| !watched.is_busy && !watched.is_done && watched.after <= now;
        let free = self.watched.iter().enumerate().filter(|(_, watched)| is_free(watched));
        let (over, others): (Vec<_>, Vec<_>) = free.partition(|(_, watched)| self.is_over(watched));
        let is_due = |watched: &Watched| watched.until.is_none() || watched.looked + LOOK_EVERY <= now;
        let due = others.into_iter().filter(|(_, watched)| is_due(watched));
        let oldest = due.min_by_key(|(_, watched)| watched.looked);
        over.into_iter().chain(oldest).map(|(number, _)| number).take(most).collect()
    }

    fn begin(&mut self, number: usize, under_way: &mut JoinSet<(usize, Result<Came>)>) {
        let asked = Asked {
            ahead: self.ahead(),
            was_seen: self.watched[number].until.is_some(),
            is_late: self.is_late(),
        };
        let watched = &mut self.watched[number];
        watched.is_busy = true;
        watched.looked = Instant::now();
        let (cluster, duty) = (self.cluster.clone(), Arc::clone(&self.duty));
        under_way.spawn(async move {
            let clock = cluster.api().clock().clone();
            let came = clock.timeout(BOUND, look(&cluster, &duty.undos[number], asked)).await;
            (number, came.and_then(|came| came))
        });
    }

    fn take_note(&mut self, number: usize, came: Result<Came>) {
        let watched = &mut self.watched[number];
        watched.is_busy = false;
        let said = match came {
            Ok(Came::InForce(until)) if watched.until != Some(until) => {
                watched.until = Some(until);
                ItemState::InForce { detail: format!("until {until}") }
            }
            Ok(Came::InForce(_) | Came::NotYet) => return,
            Ok(Came::Done(detail)) => {
                watched.is_done = true;
                ItemState::Reverted { detail }
            }
            Err(error) => {
                watched.after = Instant::now() + AGAIN;
                ItemState::Left { error: error.chain() }
            }
        };
        self.writer.say(status(number, said));
    }

    fn beat(&self) {
        let left =
            self.watched.iter().filter(|watched| !watched.is_done).map(|watched| match watched.until {
                Some(until) => until.left_by(self.ahead()) + GRACE,
                None => self.duty.by.left_by(self.ahead()),
            });
        let left = left.max().unwrap_or_default();
        let in_force = self.watched.iter().filter(|watched| watched.until.is_some() && !watched.is_done);
        self.writer.say(Said::Beat(Beat {
            left_ms: u64::try_from(left.as_millis()).unwrap_or(u64::MAX),
            in_force: u32::try_from(in_force.count()).unwrap_or(u32::MAX),
        }));
    }
}

pub(super) fn status(number: usize, state: ItemState) -> Said {
    Said::Item(ItemStatus { number: u32::try_from(number).unwrap_or(u32::MAX), state })
}

/// Looks at the mark, and takes the fault back if it is over.
async fn look(cluster: &Cluster, task: &Task, asked: Asked) -> Result<Came> {
    let (undo, target) = (&task.undo, &task.target);
    let release = undo.marked();
    let seen = release.grip(cluster).look().await?;
    let claim = seen.as_ref().and_then(|(_, held)| held.claim(undo.claim()));
    match claim {
        Some(claim) if !claim.until.is_over_by(asked.ahead, GRACE) => return Ok(Came::InForce(claim.until)),
        Some(_) => {}
        // The fault may still be on its way.
        None if !asked.was_seen && !asked.is_late => return Ok(Came::NotYet),
        None if asked.was_seen && undo.is_gone(cluster).await? => {
            return Ok(Came::Done(format!("{target}: somebody else has taken it back")));
        }
        None => {}
    }
    undo.revert(cluster).await?;
    if undo.is_gone(cluster).await? {
        return Ok(Came::Done(format!("{target}: its time was over, and it is taken back")));
    }
    Err(Error::leftover(format!("{target} is reverted and still changed: look at it")))
}
