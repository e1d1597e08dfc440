//! What a guardian does when it must: revert, look, try again, and strike off the dead run's ledger.

use std::collections::BTreeMap;
use std::process::ExitCode;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::log::Log;
use super::wire::LedgerFile;
use crate::error::Result;
use crate::ledger::{Entry, Sweep, Undos};
use crate::units::{ms, secs};

/// How often what could not be put back is tried again.
const TRIES: u32 = 5;
/// How many reverts run at the same time.
const AT_ONCE: usize = 32;
/// How long a dead run's ledger may stay locked: by the kernel, which is still ending the run, by a sweep that does the
/// same as we, or by a child of the run that was forked and lives on, which must not keep the fault in force.
const LOCKED: Duration = secs(1);

/// How a guardian ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    /// There was nothing to revert.
    Nothing,
    PutBack,
    Leftover,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> Self {
        match outcome {
            Outcome::Nothing | Outcome::PutBack => Self::SUCCESS,
            Outcome::Leftover => Self::FAILURE,
        }
    }
}

/// What a guardian is there for.
pub(super) struct Held {
    pub(super) undos: Undos,
    /// By the number that the injector gave them.
    pub(super) entries: BTreeMap<usize, Entry>,
    pub(super) limit: Duration,
    pub(super) ledger: Option<LedgerFile>,
    pub(super) log: Log,
}

impl Held {
    /// The injector is dead and no longer holds its ledger, so the sweep's path can be taken.
    pub(super) async fn after_death(mut self) -> Outcome {
        let Some(file) = self.ledger.clone() else { return self.put_back().await };
        match self.swept(&file).await {
            Ok(Some(outcome)) => outcome,
            Ok(None) => self.put_back().await,
            Err(err) => {
                self.log.tell(&format!("the ledger cannot be swept: {}", err.chain()));
                self.put_back().await
            }
        }
    }

    /// What the sweep of the run's ledger came to; nothing, when it stays locked or cannot be read.
    async fn swept(&self, file: &LedgerFile) -> Result<Option<Outcome>> {
        let sweep = Sweep::of(&file.dir).only(file.run).limit(self.limit);
        let locked_until = Instant::now() + LOCKED;
        let mut tries = 0;
        loop {
            let swept = sweep.run(&self.undos).await?;
            self.log.tell(&format!("swept run {}: {swept}", file.run));
            if swept.is_clean() && swept.live().is_empty() {
                return Ok(Some(Outcome::PutBack));
            }
            if !swept.live().is_empty() {
                if Instant::now() > locked_until {
                    return Ok(None);
                }
                wait(ms(10)).await;
            } else if swept.failed().is_empty() {
                // Lines that cannot be read: what they said is held here as well.
                return Ok(None);
            } else {
                tries += 1;
                if tries == TRIES {
                    // Not once more past the sweep: it knows what must wait for a newer change of a run that lives.
                    return Ok(Some(Outcome::Leftover));
                }
                wait(pause(tries)).await;
            }
        }
    }

    /// Reverts what is open, the newest first, and looks whether it is gone.
    pub(super) async fn put_back(&mut self) -> Outcome {
        let mut open = self.entries.clone();
        if open.is_empty() {
            return Outcome::Nothing;
        }
        for tries in 1..=TRIES {
            self.try_all(&mut open).await;
            if open.is_empty() {
                return Outcome::PutBack;
            }
            if tries < TRIES {
                wait(pause(tries)).await;
            }
        }
        open.values().for_each(|entry| self.log.tell(&format!("left behind: {entry}")));
        Outcome::Leftover
    }

    async fn try_all(&self, open: &mut BTreeMap<usize, Entry>) {
        let mut reverting = JoinSet::new();
        let mut waiting: Vec<_> = open.iter().map(|(nth, entry)| (*nth, entry.clone())).collect();
        loop {
            while reverting.len() < AT_ONCE {
                let Some((nth, entry)) = waiting.pop() else { break };
                let (undos, limit) = (self.undos.clone(), self.limit);
                reverting.spawn(async move { (nth, undos.put_back(&entry, limit).await) });
            }
            match reverting.join_next().await {
                None => return,
                Some(Ok((nth, Ok(())))) => {
                    if let Some(entry) = open.remove(&nth) {
                        self.log.tell(&format!("put back: {entry}"));
                    }
                }
                Some(Ok((nth, Err(err)))) => {
                    if let Some(entry) = open.get(&nth) {
                        self.log.tell(&format!("not put back: {entry}: {}", err.chain()));
                    }
                }
                // A panic of an undo is an error already; a lost task stays open and is tried again.
                Some(Err(_)) => {}
            }
        }
    }
}

fn pause(tries: u32) -> Duration {
    ms(100) * 3u32.pow(tries - 1)
}

async fn wait(pause: Duration) {
    sleep_until(Instant::now() + pause).await;
}
