//! The end: everything is taken back, and what is left is said.

use std::sync::Arc;
use std::time::Duration;

use chaos_core::units::secs;
use chaos_core::{Injection, Ledger, Result};
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::hold::{Agent, Why};
use super::inject::{Came, UnderWay};
use super::kept::Kept;
use super::look::look_at;
use super::slot::Slots;
use crate::agent::control::Answer;
use crate::agent::status::{End, Ending, ItemState};

/// How long items under way may take to come to their end; then they are taken back as they are.
const GRACE: Duration = secs(3);
/// How long the last look at an item may take.
const LAST_LOOK: Duration = secs(2);
/// How long one more try at what could not be taken back may take.
const ONCE_MORE: Duration = secs(10);
/// How long the last answer to an order may take to be taken.
const LAST_ANSWER: Duration = secs(2);

impl Agent {
    pub(super) async fn revert(&self, why: Why, mut under_way: UnderWay<Came>) -> End {
        let settle = async {
            while let Some(done) = under_way.join_next().await {
                self.begun(done).await;
            }
        };
        if timeout(GRACE, settle).await.is_err() {
            // What a dropped injection had is taken back before this goes on.
            under_way.shutdown().await;
        }
        revert_all(&self.slots).await;
        let left = left(&self.tools.ledger).await;
        settle_the_rest(&self.slots, &left);
        let ending = if left.is_empty() { why.ending } else { Ending::Left };
        let detail = if ending == why.ending { String::new() } else { why.ending.to_string() };
        if ending != Ending::Left {
            end(&mut self.kept.borrow_mut(), ending);
        }
        let end = End { why: ending, code: ending.code(), detail, left };
        if let Some(answers) = why.answers {
            let _ = answers.try_send(Answer::Stopped(end.clone()));
            // The connection's task ends with the runtime, and so with us.
            let _ = timeout(LAST_ANSWER, answers.closed()).await;
        }
        end
    }
}

async fn revert_all(slots: &Slots) {
    let mut reverting = JoinSet::new();
    for (number, injection) in slots.take() {
        let last = slots.state(number);
        reverting.spawn(async move { (number, revert_one(injection, last).await) });
    }
    while let Some(done) = reverting.join_next().await {
        match done {
            Ok((number, state)) => slots.set(number, state),
            Err(panic) => tracing::error!(target: "chaos", %panic, "taking an item back"),
        }
    }
}

async fn revert_one(injection: Arc<Injection>, last: Option<ItemState>) -> ItemState {
    let seen = timeout(LAST_LOOK, look_at(&injection)).await.ok().or(last);
    let detail = match seen {
        Some(ItemState::InForce { detail }) => detail,
        Some(ItemState::Absent { detail }) => format!("absent: {detail}"),
        _ => "not looked at".to_owned(),
    };
    // A look that still holds it would be a mistake of ours; dropped, it is taken back as well.
    let Some(injection) = Arc::into_inner(injection) else {
        return ItemState::Left { error: "it is still held".to_owned() };
    };
    match injection.revert().await {
        Ok(()) => ItemState::Reverted { detail },
        Err(error) => ItemState::Left { error: error.chain() },
    }
}

/// What is still in the ledger, each tried once more.
async fn left(ledger: &Ledger) -> Vec<String> {
    let mut left = Vec::new();
    for (id, entry) in ledger.open_entries().into_iter().rev() {
        if let Err(error) = ledger.put_back(id, ONCE_MORE).await {
            left.push(format!("{entry}: {}", error.chain()));
        }
    }
    left
}

/// Items that did not come to their turn, and those that could be taken back in the end.
fn settle_the_rest(slots: &Slots, left: &[String]) {
    for number in 0..slots.count() {
        let state = match slots.state(number) {
            Some(ItemState::Left { .. }) if left.is_empty() => {
                ItemState::Reverted { detail: "at the last try".to_owned() }
            }
            Some(state) if state.is_final() => continue,
            _ => ItemState::Skipped { why: "the end came first".to_owned() },
        };
        slots.set(number, state);
    }
}

fn end(kept: &mut Kept, ending: Ending) {
    // A start after this one finds an empty ledger, and nothing to do for what is over.
    let noted: Result<()> = kept.end(ending);
    if let Err(error) = noted {
        tracing::warn!(target: "chaos", error = %error.chain(), "the end is not noted");
    }
}
