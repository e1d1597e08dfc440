//! [`Agent`]: puts its items in force, looks whether they stay so, says so, and ends when it must.

use std::cell::RefCell;
use std::convert::Infallible;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use chaos_core::units::duration::brief;
use chaos_core::{Injection, Result};
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::find::Networks;
use super::kept::{Kept, monotonic};
use super::ready::Ready;
use super::slot::Slots;
use super::tools::Tools;
use crate::agent::control::{Answer, Asked, Order};
use crate::agent::spec::Spec;
use crate::agent::status::{Beat, End, Ending, HEARTBEAT, ItemState, Said, Writer};

/// How many items are looked at, or put in force, at the same time.
const AT_ONCE: usize = 16;
/// How often it is said that an order was refused: whoever shares the network can cause it.
const REFUSALS: Duration = Duration::from_secs(1);

pub(super) struct Agent {
    pub(super) spec: Spec,
    pub(super) tools: Tools,
    pub(super) writer: Rc<Writer>,
    pub(super) slots: Slots,
    pub(super) kept: RefCell<Kept>,
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

/// The items under way: from the look at one to its being in force.
pub(super) type UnderWay<T> = JoinSet<(usize, Result<T>)>;

impl Agent {
    pub(super) async fn live(mut self) -> End {
        let mut signals = std::mem::take(&mut self.signals);
        let (_, none) = mpsc::channel(1);
        let mut orders = std::mem::replace(&mut self.orders, none);
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
                why = self.ends(&mut signals, &mut orders) => why,
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
    async fn ends(&self, signals: &mut Signals, orders: &mut mpsc::Receiver<Asked>) -> Why {
        let mut said = None;
        loop {
            tokio::select! {
                biased;
                () = signals.next() => return Ending::Signal.into(),
                () = sleep_until(self.until()) => return Ending::Over.into(),
                asked = orders.recv() => match asked {
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
                        if let Some(why) = self.heed(order, answers) {
                            return why;
                        }
                    }
                },
            }
        }
    }

    fn heed(&self, order: Order, answers: mpsc::Sender<Answer>) -> Option<Why> {
        let (order_text, answer) = match order {
            Order::Stop => ("stop".to_owned(), Answer::Stopping),
            Order::Status => ("status".to_owned(), Answer::Status(self.beat())),
            Order::Extend(lasting) => {
                let answer = match self.extend(lasting) {
                    Ok(()) => Answer::Status(self.beat()),
                    Err(why) => Answer::Refused(why),
                };
                (format!("extend {}", brief(lasting)), answer)
            }
        };
        let refused = match &answer {
            Answer::Refused(why) => Some(why.clone()),
            _ => None,
        };
        if order != Order::Status {
            self.writer.say(Said::Order { order: order_text, refused });
        }
        // There is room for all answers to an order; who does not listen any more has given it all the same.
        let _ = answers.try_send(answer);
        (order == Order::Stop).then_some(Why { ending: Ending::Order, answers: Some(answers) })
    }

    fn extend(&self, lasting: Duration) -> std::result::Result<(), String> {
        let mut kept = self.kept.borrow_mut();
        let now = monotonic().map_err(|error| error.chain())?;
        let (until, most) = (now.saturating_add(lasting), kept.begun() + self.spec.longest());
        if until > most {
            return Err(format!("the spec allows {} more", brief(most.saturating_sub(now))));
        }
        kept.extend(until).map_err(|error| error.chain())
    }

    async fn beat_for_ever(&self) -> Infallible {
        let mut next = Instant::now();
        loop {
            next = (next + HEARTBEAT).max(Instant::now());
            sleep_until(next).await;
            self.writer.say(Said::Beat(self.beat()));
        }
    }

    fn beat(&self) -> Beat {
        let left_ms = u64::try_from(self.left().as_millis()).unwrap_or(u64::MAX);
        Beat { left_ms, in_force: self.slots.in_force() }
    }

    pub(super) fn left(&self) -> Duration {
        let until = self.kept.borrow().until();
        monotonic().map_or(Duration::ZERO, |now| until.saturating_sub(now))
    }

    fn until(&self) -> Instant {
        Instant::now() + self.left()
    }

    /// Looks at all items first, then puts in force those that can be.
    async fn inject_all(&self, under_way: &mut UnderWay<Injection>) {
        let places = Arc::new(Semaphore::new(AT_ONCE));
        for (number, ready) in self.ready_all(&places).await {
            let item = &self.spec.items[number];
            let once = self.spec.fault_of(item).is_ok_and(|fault| fault.is_once());
            let short = u32::try_from(number).unwrap_or(u32::MAX);
            if once && self.kept.borrow().was_done(short) {
                self.slots.set(number, ItemState::Skipped { why: "done before the restart".to_owned() });
                continue;
            }
            if once {
                if let Err(error) = self.kept.borrow_mut().done(short) {
                    self.slots.set(number, ItemState::Failed { error: error.chain() });
                    continue;
                }
            }
            let (tools, lasting, places) = (self.tools.clone(), self.longest_left(), Arc::clone(&places));
            under_way.spawn(async move {
                let _place = places.acquire_owned().await;
                (number, ready.begin(tools, lasting).await)
            });
        }
        while let Some(done) = under_way.join_next().await {
            self.begun(done).await;
        }
    }

    /// How long it may be at most until what is in force is taken back.
    fn longest_left(&self) -> Duration {
        let most = self.kept.borrow().begun() + self.spec.longest();
        monotonic().map_or(Duration::ZERO, |now| most.saturating_sub(now))
    }

    async fn ready_all(&self, places: &Arc<Semaphore>) -> Vec<(usize, Ready)> {
        let networks = Arc::new(Networks::default());
        let mut looking: UnderWay<Ready> = JoinSet::new();
        for (number, item) in self.spec.items.iter().cloned().enumerate() {
            let fault = self.spec.fault_of(&item).cloned();
            let (tools, networks, places) = (self.tools.clone(), Arc::clone(&networks), Arc::clone(places));
            let longest = self.longest_left();
            looking.spawn(async move {
                let _place = places.acquire_owned().await;
                let ready = async { Ready::of(&item, &fault?, &tools, &networks, longest).await };
                (number, ready.await)
            });
        }
        let mut all = Vec::new();
        while let Some(looked) = looking.join_next().await {
            match looked {
                Ok((number, Ok(ready))) => {
                    let (target, plan, owner) = (ready.target.clone(), ready.plan.clone(), ready.owner);
                    self.slots.set(number, ItemState::Prepared { target, plan, owner });
                    all.push((number, ready));
                }
                Ok((number, Err(error))) => {
                    self.slots.set(number, ItemState::Failed { error: error.chain() })
                }
                Err(panic) => tracing::error!(target: "chaos", %panic, "looking at an item"),
            }
        }
        // In the order of the spec, whatever took longer to look at.
        all.sort_by_key(|(number, _)| *number);
        all
    }

    /// Takes note of an item that came to its turn.
    pub(super) async fn begun(
        &self,
        done: std::result::Result<(usize, Result<Injection>), tokio::task::JoinError>,
    ) {
        match done {
            Ok((number, Ok(injection))) => {
                let state = look_at(&injection).await;
                self.slots.hold(number, injection);
                self.slots.set(number, state);
            }
            Ok((number, Err(error))) => {
                let left = error.is_leftover();
                let error = error.chain();
                self.slots
                    .set(number, if left { ItemState::Left { error } } else { ItemState::Failed { error } });
            }
            // It was taken back by the drop of what it had; what was not is in the ledger.
            Err(panic) => tracing::error!(target: "chaos", %panic, "putting an item in force"),
        }
    }

    /// Says when an item is not in force any more, or is again.
    async fn look_for_ever(&self) -> Infallible {
        let mut next = Instant::now();
        loop {
            next = (next + self.spec.look_every).max(Instant::now());
            sleep_until(next).await;
            for (number, injection) in self.slots.held() {
                let now = look_at(&injection).await;
                let before = self.slots.state(number);
                let is_same = before
                    .as_ref()
                    .is_some_and(|before| std::mem::discriminant(before) == std::mem::discriminant(&now));
                if !is_same {
                    self.slots.set(number, now);
                }
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

/// What asks a process to end.
#[derive(Default)]
pub(super) struct Signals(Vec<Signal>);

impl Signals {
    /// From here on such a signal does not end the process by itself.
    pub(super) fn listen() -> Result<Self> {
        let kinds = [SignalKind::terminate(), SignalKind::interrupt()];
        Ok(Self(kinds.into_iter().map(signal).collect::<std::io::Result<_>>()?))
    }

    async fn next(&mut self) {
        std::future::poll_fn(|context| {
            match self.0.iter_mut().any(|signal| signal.poll_recv(context).is_ready()) {
                true => std::task::Poll::Ready(()),
                false => std::task::Poll::Pending,
            }
        })
        .await;
    }
}
