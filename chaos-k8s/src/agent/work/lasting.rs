//! How long the items last, told to those that end by themselves and to the guardian.

use std::time::Duration;

use chaos_core::units::duration::brief;
use chaos_core::{Injection, Result};

use super::hold::{Agent, left_until};
use super::kept::monotonic;

impl Agent {
    /// All items have come to their turn: their time counts from now on, if it did not before.
    pub(super) async fn count_from_here(&self) {
        let before = self.kept.borrow().until();
        let noted = self.kept.borrow_mut().in_force(&self.spec);
        if let Err(error) = noted {
            // A restart would count from when it has all in force, which the spec bounds.
            tracing::warn!(target: "chaos", error = %error.chain(), "it is not noted from when on the time counts");
        }
        if self.kept.borrow().until() != before {
            self.until_is_new.notify_one();
            // One that could not be told ends by itself, which is seen.
            let _ = self.tell_all().await;
        }
    }

    /// Does what an order says: it lasts so long from now on.
    pub(super) async fn extend(&self, lasting: Duration) -> Result<(), String> {
        {
            let mut kept = self.kept.borrow_mut();
            let now = monotonic().map_err(|error| error.chain())?;
            let (until, most) = (now.saturating_add(lasting), kept.until_at_most(&self.spec, now));
            if until > most {
                return Err(format!("the spec allows {} more", brief(most.saturating_sub(now))));
            }
            kept.extend(until).map_err(|error| error.chain())?;
        }
        self.until_is_new.notify_one();
        self.tell_all().await.map_err(|ended| format!("it lasts so long, but not {ended}"))
    }

    /// Tells each item how long there is left; those that could not be told, and why.
    async fn tell_all(&self) -> Result<(), String> {
        let mut ended = Vec::new();
        for number in 0..self.slots.count() {
            let Some(injection) = self.slots.injection(number) else { continue };
            if let Err(error) = self.tell_left(&injection).await {
                ended.push(format!("item {number}: {}", error.chain()));
            }
        }
        if ended.is_empty() { Ok(()) } else { Err(ended.join("; ")) }
    }

    /// Tells an item how long there is left, also when that changes meanwhile.
    pub(super) async fn tell_left(&self, injection: &Injection) -> Result<()> {
        loop {
            let until = self.kept.borrow().until();
            injection.extend(left_until(until)).await?;
            if self.kept.borrow().until() == until {
                return Ok(());
            }
        }
    }
}
