//! The one way back: normal end, abort, error, panic and drop all come here.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::item::Item;
use super::journal::{Journal, Written};
use super::work::{AT_ONCE, joined};
use crate::clock::Clock;
use crate::error::{Error, Result};
use crate::target::Occupancy;
use crate::units::{ms, secs};

/// How often a revert is tried.
const TRIES: u32 = 3;
/// How long one try of a revert, and one look after it, may take.
const TRY_TIMEOUT: Duration = secs(30);

/// A fault at one target that was begun.
#[derive(Clone)]
pub(crate) struct Begun {
    pub(crate) item: Arc<dyn Item>,
    pub(crate) written: Written,
}

/// What is needed to put things back.
#[derive(Clone)]
pub(crate) struct Way {
    pub(crate) journal: Journal,
    pub(crate) occupancy: Arc<Occupancy>,
    pub(crate) clock: Clock,
    /// How long the fault is to last; `None` when it is held until it is taken back.
    pub(crate) lasting: Option<Duration>,
}

/// Whether the fault ends at all of its targets, or at some.
#[derive(Debug, Clone, Copy)]
enum Ended {
    Whole,
    Partly,
}

/// What could not be put back, and why.
pub(crate) struct Leftover {
    pub(crate) begun: Begun,
    pub(crate) error: Error,
}

impl Way {
    /// For how long targets are approved.
    pub(crate) fn at_most(&self) -> Option<Duration> {
        Some(self.lasting?.saturating_add(self.journal.margin()))
    }

    /// Reverts all, the last begun first, and strikes what is gone off the ledger.
    pub(crate) async fn put_back(&self, begun: Vec<Begun>) -> Vec<Leftover> {
        self.end(begun, Ended::Whole).await
    }

    /// The same for some of the targets, while the fault stays in force at others.
    pub(crate) async fn let_go(&self, begun: Vec<Begun>) -> Vec<Leftover> {
        self.end(begun, Ended::Partly).await
    }

    async fn end(&self, begun: Vec<Begun>, ended: Ended) -> Vec<Leftover> {
        let mut leftovers = Vec::new();
        let mut reverting = JoinSet::new();
        let mut done = |outcome: Result<(Begun, Result<()>), tokio::task::JoinError>| {
            if let Ok((begun, Err(error))) = outcome {
                leftovers.push(Leftover { begun, error });
            }
        };
        for begun in begun.into_iter().rev() {
            if reverting.len() == AT_ONCE {
                if let Some(outcome) = reverting.join_next().await {
                    done(outcome);
                }
            }
            let way = self.clone();
            reverting.spawn(async move {
                let outcome = way.put_one_back(&begun, ended).await;
                (begun, outcome)
            });
        }
        while let Some(outcome) = reverting.join_next().await {
            done(outcome);
        }
        leftovers
    }

    async fn put_one_back(&self, begun: &Begun, ended: Ended) -> Result<()> {
        let mut last = None;
        for attempt in 0..TRIES {
            if attempt > 0 {
                self.clock.sleep(ms(100) * 4u32.pow(attempt - 1)).await;
            }
            match self.try_one(begun, ended).await {
                Ok(()) => {
                    self.occupancy.release(begun.item.unit(), &begun.item.id());
                    return self.journal.strike(&begun.written);
                }
                Err(error) => last = Some(error),
            }
        }
        let cause = last.map_or_else(String::new, |error| error.chain());
        Err(Error::leftover(format!("{} could not be put back in {TRIES} tries: {cause}", begun.item.name())))
    }

    async fn try_one(&self, begun: &Begun, ended: Ended) -> Result<()> {
        // In a task, so that a panic in a third party's undo is one more failed try and not the end of the others.
        let item = Arc::clone(&begun.item);
        let mut task = JoinSet::new();
        task.spawn(async move {
            if let Ended::Partly = ended {
                return item.let_go().await;
            }
            item.revert().await?;
            if item.is_gone().await? {
                return Ok(());
            }
            Err(Error::failed("reverted, but still seen to be in force"))
        });
        match self.clock.timeout(TRY_TIMEOUT, task.join_next()).await? {
            Some(outcome) => joined(outcome),
            None => Err(Error::failed("the task of the revert was lost")),
        }
    }
}
