//! [`Follower`]: the task in which a fault follows its selection, and what it tells the report.

use std::sync::Arc;

use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::record::Record;
use super::run::tell;
use super::stop::{Reason, Stop};
use crate::clock::Clock;
use crate::error::Result;
use crate::injection::{Came, Followed, Following, Injection, Turn, Went, Work};

/// How many targets one mark names.
const MOST_NAMED: usize = 5;

/// A fault that follows its selection, in a task of its own: what it waits for keeps no other fault from its time.
pub(super) struct Follower {
    task: JoinHandle<Injection>,
    over: OverWhenDropped,
}

impl Follower {
    /// # Errors
    /// As [`Followed::new`]; the injection is taken back.
    pub(super) fn start(
        work: &Arc<dyn Work>,
        following: Following,
        mut injection: Injection,
        record: &Record,
        step: usize,
        until: Instant,
        clock: &Clock,
    ) -> Result<Self> {
        let mut followed = Followed::new(following, &injection)?;
        let over = Stop::default();
        let (work, clock, stop) = (Arc::clone(work), clock.clone(), over.clone());
        let told = Told { record: record.clone(), step, title: work.title() };
        let task = tokio::spawn(async move {
            let mut refused = Vec::new();
            while clock.timeout(following.every, stop.wait()).await.is_err() {
                match injection.turn(&*work, &mut followed, until, &stop).await {
                    Ok(Some(turn)) => refused = told.tell(turn, &followed),
                    Ok(None) => break,
                    Err(error) => {
                        told.note(format!("its selection could not be followed: {}", error.chain()))
                    }
                }
            }
            for (name, error) in refused {
                told.note(format!("{name} was not hit: {error}"));
            }
            injection
        });
        Ok(Self { task, over: OverWhenDropped(over) })
    }

    /// Ends the following, and gives back what is in force.
    pub(super) async fn end(self) -> Injection {
        drop(self.over);
        match self.task.await {
            Ok(injection) => injection,
            // As everywhere in a run: the injection is reverted while the panic passes it.
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
}

/// Without who waits for it, nobody would end it.
struct OverWhenDropped(Stop);

impl Drop for OverWhenDropped {
    fn drop(&mut self) {
        self.0.set(Reason::Aborted("the fault is over".to_owned()));
    }
}

struct Told {
    record: Record,
    step: usize,
    title: String,
}

impl Told {
    fn note(&self, text: String) {
        self.record.note(format!("{}: {text}", self.title));
    }

    /// Tells what a look has come to; gives back who could not be hit.
    fn tell(&self, turn: Turn, followed: &Followed) -> Vec<(String, String)> {
        let Turn { went, came, refused, troubles } = turn;
        for is_selected in [false, true] {
            let names: Vec<String> =
                went.iter().filter(|one| one.is_selected == is_selected).map(|one| one.item.name()).collect();
            let what = if is_selected { "lost by" } else { "gone with" };
            self.mark(what, &names);
        }
        for Went { item, detail, .. } in went {
            self.record.went(self.step, &item.id(), detail);
        }
        let (mut items, mut seen) = (Vec::new(), Vec::new());
        for Came { item, seen: look, failed } in came {
            let (in_force, detail) = tell(look);
            if !in_force {
                let what = if failed { "could not be injected" } else { "injected, but not seen in force" };
                self.note(format!("{}: {what}: {detail}", item.name()));
            }
            seen.push((in_force, detail));
            items.push(item);
        }
        let in_force = items.iter().zip(&seen).filter(|(_, (in_force, _))| *in_force);
        self.mark("injected at", &in_force.map(|(item, _)| item.name()).collect::<Vec<_>>());
        let came = !items.is_empty();
        self.record.came(self.step, items, &seen);
        for trouble in troubles {
            self.note(trouble);
        }
        if came && followed.is_used_up() {
            self.note(format!(
                "injected {} times in all, which is the most that was allowed: what comes now is left alone",
                followed.injected()
            ));
        }
        refused.into_iter().map(|(name, error)| (name, error.chain())).collect()
    }

    fn mark(&self, what: &str, names: &[String]) {
        if names.is_empty() {
            return;
        }
        let named = names.iter().take(MOST_NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
        let more = match names.len().saturating_sub(MOST_NAMED) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        self.record.mark(format!("{}: {what} {named}{more}", self.title));
    }
}
