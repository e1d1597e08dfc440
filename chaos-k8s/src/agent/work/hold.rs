//! [`Agent`]: an agent at work, until what ends it first.

use std::cell::{Cell, RefCell};
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::kept::{Kept, monotonic};
use super::signals::Signals;
use super::slot::Slots;
use super::tools::Tools;
use crate::agent::control::{Answer, Asked};
use crate::agent::spec::Spec;
use crate::agent::status::{Beat, End, Ending, HEARTBEAT, Said, Writer};

/// How often it is said that an order was refused: whoever shares the network can cause it.
const REFUSALS: Duration = Duration::from_secs(1);

/// What is the same for all that an agent does at the same time.
pub(super) struct Agent {
    pub(super) spec: Spec,
    pub(super) tools: Tools,
    pub(super) writer: Rc<Writer>,
    pub(super) slots: Slots,
    pub(super) kept: RefCell<Kept>,
    /// Whether an order has changed when its time is over.
    pub(super) is_told: Cell<bool>,
}

/// Where what ends it comes from.
pub(super) struct Ends {
    pub(super) signals: Signals,
    pub(super) orders: mpsc::Receiver<Asked>,
}

/// Why it ends, and who waits to hear how.
pub(super) struct Why {
    pub(super) ending: Ending,
    pub(super) answers: Option<mpsc::Sender<Answer>>,
}

impl From<Ending> for Why {
    fn from(ending: Ending) -> Self {
        Self { ending, answers: None }
    }
}

impl Agent {
    pub(super) async fn live(self, mut ends: Ends) -> End {
        let mut under_way = JoinSet::new();
        let why = {
            let under_way = &mut under_way;
            let this = &self;
            let work = async move {
                this.inject_all(under_way).await;
                match this.slots.held().is_empty() {
                    true if this.slots.has_failed() => Why::from(Ending::Nothing),
                    true => Why::from(Ending::Over),
                    false => match this.look_for_ever().await {},
                }
            };
            tokio::select! {
                biased;
                why = self.ends(&mut ends) => why,
                never = self.beat_for_ever() => match never {},
                why = work => why,
            }
        };
        tokio::select! {
            end = self.revert(why, under_way) => end,
            never = self.beat_for_ever() => match never {},
        }
    }

    /// Its time, a signal, or an order.
    async fn ends(&self, ends: &mut Ends) -> Why {
        let mut said = None;
        loop {
            tokio::select! {
                biased;
                () = ends.signals.next() => return Ending::Signal.into(),
                () = sleep_until(Instant::now() + self.left()) => return Ending::Over.into(),
                asked = ends.orders.recv() => match asked {
                    // Its task lives as long as the runtime.
                    None => return Ending::Unable.into(),
                    Some(Asked::Refused(why)) => {
                        let now = Instant::now();
                        if said.is_none_or(|before| now - before >= REFUSALS) {
                            said = Some(now);
                            let refused = Some(why);
                            self.writer.say(Said::Order { order: "unknown".to_owned(), refused });
                        }
                    }
                    Some(Asked::Order { order, answers }) => {
                        if let Some(why) = self.heed(order, answers).await {
                            return why;
                        }
                    }
                },
            }
        }
    }

    async fn beat_for_ever(&self) -> Infallible {
        let mut next = Instant::now();
        loop {
            next = (next + HEARTBEAT).max(Instant::now());
            sleep_until(next).await;
            self.writer.say(Said::Beat(self.beat()));
        }
    }

    pub(super) fn beat(&self) -> Beat {
        let left_ms = u64::try_from(self.left().as_millis()).unwrap_or(u64::MAX);
        Beat { left_ms, in_force: self.slots.in_force() }
    }

    /// In how long its time is over.
    pub(super) fn left(&self) -> Duration {
        left_until(self.kept.borrow().until())
    }
}

/// How long it is until a moment of the monotonic clock.
pub(super) fn left_until(until: Duration) -> Duration {
    // A clock that cannot be read is no reason to go on.
    monotonic().map_or(Duration::ZERO, |now| until.saturating_sub(now))
}
