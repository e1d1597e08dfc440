//! [`Agent`]: an agent at work, until what ends it first.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::convert::Infallible;
use std::rc::Rc;
use std::time::Duration;

use tokio::sync::{Notify, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::kept::{Kept, monotonic};
use super::order_file::{Found, OrderFile};
use super::replace::Replacement;
use super::reply::Reply;
use super::signals::Signals;
use super::slot::Slots;
use super::tools::Tools;
use crate::agent::control::{Answer, Asked};
use crate::agent::spec::{FaultData, Spec};
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
    /// When its time is over has changed.
    pub(super) until_is_new: Notify,
    /// Faults that came into force in place of the spec's.
    pub(super) replaced: RefCell<BTreeMap<String, FaultData>>,
    pub(super) replacing: mpsc::UnboundedSender<Replacement>,
}

/// Where what ends it comes from.
pub(super) struct Ends {
    pub(super) signals: Signals,
    pub(super) orders: mpsc::Receiver<Asked>,
    pub(super) file: OrderFile,
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
    pub(super) async fn live(
        self,
        mut ends: Ends,
        mut replacements: mpsc::UnboundedReceiver<Replacement>,
    ) -> End {
        let mut under_way = JoinSet::new();
        let why = {
            let (under_way, replacements) = (&mut under_way, &mut replacements);
            let this = &self;
            let work = async move {
                let in_time = this.inject_all(under_way).await;
                match this.slots.is_empty() {
                    true if !in_time || this.slots.has_failed() => Why::from(Ending::Nothing),
                    true => Why::from(Ending::Over),
                    false => {
                        this.count_from_here().await;
                        match this.stay(under_way, replacements).await {}
                    }
                }
            };
            tokio::select! {
                biased;
                why = self.ends(&mut ends) => why,
                never = self.beat_for_ever() => match never {},
                why = work => why,
            }
        };
        // What was not heeded is answered by that.
        drop(replacements);
        tokio::select! {
            end = self.revert(why, under_way) => end,
            never = self.beat_for_ever() => match never {},
        }
    }

    /// Its time, a signal, or an order; whatever an order takes, the others come through.
    async fn ends(&self, ends: &mut Ends) -> Why {
        tokio::select! {
            biased;
            () = ends.signals.next() => Ending::Signal.into(),
            () = self.over() => Ending::Over.into(),
            why = self.hear(&mut ends.orders, &mut ends.file) => why,
        }
    }

    async fn over(&self) {
        loop {
            let left = self.left();
            if left.is_zero() {
                return;
            }
            tokio::select! {
                () = sleep_until(Instant::now() + left) => {}
                () = self.until_is_new.notified() => {}
            }
        }
    }

    async fn hear(&self, orders: &mut mpsc::Receiver<Asked>, file: &mut OrderFile) -> Why {
        let mut said = None;
        loop {
            tokio::select! {
                asked = orders.recv() => match asked {
                    // Its task lives as long as the runtime.
                    None => return Ending::Unable.into(),
                    Some(Asked::Refused(why)) => {
                        let now = Instant::now();
                        if said.is_none_or(|before| now - before >= REFUSALS) {
                            said = Some(now);
                            self.refuse(None, why);
                        }
                    }
                    Some(Asked::Order { order, answers }) => {
                        let reply = Reply::to(answers, &order, &self.writer);
                        if let Some(why) = self.heed(order, reply).await {
                            return why;
                        }
                    }
                },
                found = file.next() => match found {
                    Found::Wrong(why) => self.refuse(None, why),
                    Found::Order { n, order } => {
                        if let Some(why) = self.heed_once(n, order).await {
                            return why;
                        }
                    }
                },
            }
        }
    }

    pub(super) fn refuse(&self, n: Option<u64>, why: String) {
        self.writer.say(Said::Order { n, order: "unknown".to_owned(), refused: Some(why) });
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
