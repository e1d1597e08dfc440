//! Looking whether items stay in force, while nothing ends them, and replacing their faults in between.

use std::convert::Infallible;
use std::mem::discriminant;

use chaos_core::Injection;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::time::{Instant, sleep_until};

use super::hold::Agent;
use super::inject::{Came, UnderWay};
use super::replace::Replacement;
use crate::agent::status::ItemState;

impl Agent {
    /// One after the other, so that what is looked at is not being replaced.
    pub(super) async fn stay(
        &self,
        under_way: &mut UnderWay<Came>,
        replacements: &mut UnboundedReceiver<Replacement>,
    ) -> Infallible {
        let mut next = Instant::now() + self.spec.look_every;
        loop {
            tokio::select! {
                Some(asked) = replacements.recv() => self.replace(under_way, asked).await,
                () = sleep_until(next) => {
                    self.look_at_all().await;
                    next = (next + self.spec.look_every).max(Instant::now());
                }
            }
        }
    }

    /// Says when an item is not in force any more, or is again.
    async fn look_at_all(&self) {
        for number in 0..self.slots.count() {
            let Some(injection) = self.slots.injection(number) else { continue };
            let now = look_at(&injection).await;
            let before = self.slots.state(number);
            if before.as_ref().map(discriminant) != Some(discriminant(&now)) {
                self.slots.set(number, now);
            }
        }
    }
}

/// What is seen of an item: in force at all of its targets, or not.
pub(super) async fn look_at(injection: &Injection) -> ItemState {
    let seen = injection.observe().await;
    let several = seen.len() > 1;
    let mut in_force = !seen.is_empty();
    let details: Vec<String> = seen
        .into_iter()
        .map(|(name, seen)| {
            in_force &= seen.as_ref().is_ok_and(|seen| seen.is_in_force());
            let detail = seen.map_or_else(|error| error.chain(), |seen| seen.detail().to_owned());
            if several { format!("{name}: {detail}") } else { detail }
        })
        .collect();
    let detail = details.join("; ");
    if in_force { ItemState::InForce { detail } } else { ItemState::Absent { detail } }
}
