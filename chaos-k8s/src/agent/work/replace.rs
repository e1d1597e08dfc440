//! Replacing a fault while it is in force: at each item the new one comes first, and then the old one goes.

use std::sync::Arc;
use std::time::Duration;

use chaos_core::units::{ms, secs};
use chaos_core::{Error, Injection, Result};
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};

use super::find::Networks;
use super::hold::{Agent, left_until};
use super::inject::{AT_ONCE, Came, UnderWay};
use super::look::look_at;
use super::ready::Ready;
use super::reply::Reply;
use crate::agent::control::Answer;
use crate::agent::spec::FaultData;
use crate::agent::status::ItemState;

/// How many items' errors an answer names; it says how many more there are.
const NAMED: usize = 8;
/// How long an old one may still be held by who tells it how long it lasts.
const STILL_HELD: Duration = secs(40);

/// A replacement that was found to be possible, and is noted.
pub(super) struct Replacement {
    pub(super) fault: String,
    pub(super) with: FaultData,
    pub(super) reply: Reply,
}

/// How it went at the items.
#[derive(Default)]
struct Outcome {
    /// Those that were to be replaced.
    all: usize,
    replaced: usize,
    /// Where the old one stays, or is there beside the new one.
    failed: Vec<String>,
}

impl Agent {
    /// Looks whether the fault can be replaced by this one, and notes it, so that a restart injects it.
    pub(super) fn accept(&self, fault: &str, with: &FaultData) -> Result<()> {
        let mut kept = self.kept.borrow_mut();
        drop(kept.as_replaced(&self.spec).replaced(fault, with.clone())?);
        kept.replace(fault, with.clone())
    }

    /// Does it at all items of the fault that are in force, and answers.
    pub(super) async fn replace(&self, under_way: &mut UnderWay<Came>, asked: Replacement) {
        let Replacement { fault, with, reply } = asked;
        self.begin_anew(under_way, &fault, &with);
        let mut outcome = Outcome::default();
        while let Some(done) = under_way.join_next().await {
            match done {
                Ok((number, Ok(Came::InForce(new)))) => {
                    outcome.all += 1;
                    outcome.replaced += 1;
                    self.swap(under_way, number, new).await;
                }
                Ok((_, Ok(Came::TakenBack))) => {}
                Ok((number, Ok(Came::NotTakenBack(error)))) => {
                    let error = error.chain();
                    outcome.failed.push(format!("item {number}: it is in force beside the old one: {error}"));
                }
                Ok((number, Err(error))) => {
                    if let Some(why) = self.stays(number, &error).await {
                        outcome.all += 1;
                        outcome.failed.push(why);
                    }
                }
                Err(panic) => outcome.failed.push(format!("an item: {panic}")),
            }
        }
        if outcome.replaced > 0 || outcome.failed.is_empty() {
            self.replaced.borrow_mut().insert(fault, with);
        } else if let Err(error) = self.stay_with_the_old(&fault, &with) {
            outcome.failed.push(error.chain());
        }
        reply.give(match outcome.failed.is_empty() {
            true => Answer::Status(self.beat()),
            false => Answer::Refused(outcome.in_words()),
        });
    }

    /// It came into force nowhere, so a restart does not inject it, unless another was accepted meanwhile.
    fn stay_with_the_old(&self, fault: &str, with: &FaultData) -> Result<()> {
        let mut kept = self.kept.borrow_mut();
        let in_force = self.replaced.borrow().get(fault).or(self.spec.faults.get(fault)).cloned();
        match in_force {
            Some(in_force) if kept.replaced(fault) == Some(with) => kept.replace(fault, in_force),
            _ => Ok(()),
        }
    }

    /// Puts the new one in force at each item, the old one being there.
    fn begin_anew(&self, under_way: &mut UnderWay<Came>, fault: &str, with: &FaultData) {
        let (places, networks) = (Arc::new(Semaphore::new(AT_ONCE)), Arc::new(Networks::default()));
        let until = self.kept.borrow().until();
        for (number, item) in self.spec.items.iter().enumerate() {
            if item.fault != fault || self.slots.injection(number).is_none() {
                continue;
            }
            let (item, with, tools) = (item.clone(), with.clone(), self.tools.clone());
            let (places, networks) = (Arc::clone(&places), Arc::clone(&networks));
            under_way.spawn(async move {
                let _place = places.acquire_owned().await;
                let begun = async {
                    let ready = Ready::of(&item, &with, &tools, &networks).await?;
                    ready.begin(tools, left_until(until)).await.map(Came::InForce)
                };
                (number, begun.await)
            });
        }
    }

    async fn swap(&self, under_way: &mut UnderWay<Came>, number: usize, new: Injection) {
        if let Some(old) = self.slots.hold(number, new) {
            under_way.spawn(async move {
                let came = match take_back(old).await {
                    Ok(()) => Came::TakenBack,
                    Err(error) => Came::NotTakenBack(error),
                };
                (number, Ok(came))
            });
        }
        let Some(new) = self.slots.injection(number) else { return };
        // How long there is left may have changed. One that could not be told ends by itself, which is seen.
        let _ = self.tell_left(&new).await;
        self.slots.set(number, look_at(&new).await);
    }

    /// Why the old one stays; where it is not in force either, there was nothing to replace.
    async fn stays(&self, number: usize, error: &Error) -> Option<String> {
        let old = self.slots.injection(number)?;
        let seen = look_at(&old).await;
        let is_absent = matches!(seen, ItemState::Absent { .. });
        if is_absent && !error.is_leftover() {
            self.slots.set(number, seen);
            return None;
        }
        Some(format!("item {number}: the old one stays: {}", error.chain()))
    }
}

/// Takes an old one back, when nobody else holds it.
pub(super) async fn take_back(mut old: Arc<Injection>) -> Result<()> {
    let until = Instant::now() + STILL_HELD;
    loop {
        match Arc::try_unwrap(old) {
            Ok(old) => return old.revert().await,
            Err(held) if Instant::now() > until => {
                // The last who holds it takes it back.
                drop(held);
                return Err(Error::leftover("the old one is still held"));
            }
            Err(held) => old = held,
        }
        sleep_until(Instant::now() + ms(5)).await;
    }
}

impl Outcome {
    fn in_words(&self) -> String {
        let named = self.failed.iter().take(NAMED).cloned().collect::<Vec<_>>().join("; ");
        let more = match self.failed.len().saturating_sub(NAMED) {
            0 => String::new(),
            more => format!("; and {more} more"),
        };
        format!("replaced at {} of {} items: {named}{more}", self.replaced, self.all)
    }
}
