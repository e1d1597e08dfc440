//! [`Live`]: an agent as the process sees it that made it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chaos_core::ledger::RunId;
use chaos_core::units::duration::brief;
use chaos_core::{Error, Observed, Result};
use serde_json::{Value, json};
use tokio::sync::{OnceCell, watch};

use super::end::AgentEnd;
use super::facts::RawPod;
use super::hear::{Heard, hear};
use super::manifest;
use super::place::Place;
use super::plan::request;
use super::speaker::Speaker;
use crate::agent::control::{Order, Orders};
use crate::agent::status::{HEARTBEAT, ItemState};
use crate::cluster::Cluster;
use crate::cluster::api::Request;

/// How long an agent may take from its creation until its faults are in force: an image may have to be pulled.
pub(super) const STARTS_WITHIN: Duration = Duration::from_secs(80);

/// How long an order may take to be heeded: a kubelet brings an annotation to a file when it looks at the pod again.
const HEEDED_WITHIN: Duration = Duration::from_secs(100);
/// How often it is looked at a container that carries an order.
const LOOK_EVERY: Duration = Duration::from_millis(300);
/// How much later than asked an agent may end without being told to.
const SLACK: Duration = Duration::from_secs(3);
/// How many ephemeral containers carry orders to one agent.
const MOST_TELLERS: usize = 16;

/// The agents that this process has made and not ended yet.
#[derive(Debug, Default)]
pub(crate) struct AtWork {
    all: Mutex<HashMap<RunId, Arc<Live>>>,
}

impl AtWork {
    pub(super) fn find(&self, agent: RunId) -> Option<Arc<Live>> {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).get(&agent).cloned()
    }

    pub(super) fn add(&self, live: Live) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).insert(live.end.agent, Arc::new(live));
    }

    pub(super) fn forget(&self, agent: RunId) {
        self.all.lock().unwrap_or_else(PoisonError::into_inner).remove(&agent);
    }
}

/// An agent that this process makes.
pub(crate) struct Live {
    cluster: Cluster,
    end: AgentEnd,
    /// What the API server is asked to make, or why it cannot be written.
    body: Result<Value>,
    /// Which items of its spec are whose, by the targets' UIDs.
    items: BTreeMap<String, Vec<u32>>,
    addresses: BTreeMap<String, BTreeSet<IpAddr>>,
    /// The targets that were let go, while it went on with others.
    let_go: Mutex<BTreeSet<String>>,
    begun: OnceCell<Result<(), String>>,
    heard: watch::Sender<Heard>,
    given: tokio::sync::Mutex<Given>,
    ended: tokio::sync::Mutex<bool>,
}

/// Orders that were given.
#[derive(Debug, Default)]
struct Given {
    orders: Orders,
    tellers: usize,
}

impl Live {
    pub(super) fn new(
        cluster: &Cluster,
        end: AgentEnd,
        body: Result<Value>,
        items: BTreeMap<String, Vec<u32>>,
        addresses: BTreeMap<String, BTreeSet<IpAddr>>,
    ) -> Self {
        Self {
            cluster: cluster.clone(),
            end,
            body,
            items,
            addresses,
            let_go: Mutex::default(),
            begun: OnceCell::new(),
            heard: watch::Sender::new(Heard::default()),
            given: tokio::sync::Mutex::default(),
            ended: tokio::sync::Mutex::new(false),
        }
    }

    /// Makes it, unless another target of it has done so already.
    pub(super) async fn begin(self: &Arc<Self>) -> Result<()> {
        // In a task of its own: whoever waits may be cut off, and the answer to a request must not be lost with it.
        let this = Arc::clone(self);
        let begun = tokio::spawn(async move {
            this.begun
                .get_or_init(|| async {
                    this.make().await.map_err(|error| error.chain())?;
                    let speaker = Speaker::Agent(this.end.place.clone());
                    tokio::spawn(hear(this.cluster.clone(), speaker, this.heard.clone()));
                    Ok(())
                })
                .await
                .clone()
        });
        let begun =
            begun.await.map_err(|panic| Error::failed(format!("making the agent panicked: {panic}")))?;
        begun.map_err(Error::failed)
    }

    async fn make(&self) -> Result<()> {
        let api = self.cluster.api();
        let body = self.body.as_ref().map_err(|error| Error::refused(error.chain()))?;
        let request = request(&self.end.place, body);
        let made: Result<Value, _> = api.send(request).await;
        match made {
            // Ours, whose answer was lost: nobody else knows its name.
            Err(trouble) if trouble.is_there_already() => Ok(()),
            Err(trouble) => Err(trouble.into()),
            Ok(_) => Ok(()),
        }
    }

    /// Waits until the items of this target are in force.
    pub(super) async fn in_force(&self, target: &str) -> Result<()> {
        let numbers = self.items.get(target).cloned().unwrap_or_default();
        let mut heard = self.heard.subscribe();
        let waiting = async {
            loop {
                if let Some(settled) = heard.borrow_and_update().settled(&numbers) {
                    return settled;
                }
                if heard.changed().await.is_err() {
                    return Err(Error::failed("nobody listens to the agent"));
                }
            }
        };
        let clock = self.cluster.api().clock().clone();
        match clock.timeout(STARTS_WITHIN, waiting).await {
            Ok(settled) => settled,
            Err(_) => Err(Error::timeout(format!(
                "nothing was in force after {}: {}",
                brief(STARTS_WITHIN),
                self.heard.borrow().state
            ))),
        }
    }

    /// What is seen of this target's items.
    ///
    /// # Errors
    /// Where nothing is heard, and so nothing is known.
    pub(super) fn observed(&self, target: &str) -> Result<Observed> {
        let (states, over) = self.look(target)?;
        let mut in_force = over.is_none() && !states.is_empty();
        let mut details = Vec::from_iter(over);
        for state in states {
            let (is, detail) = match state {
                Some(ItemState::InForce { detail }) => (true, detail),
                Some(ItemState::Absent { detail } | ItemState::Reverted { detail }) => (false, detail),
                Some(ItemState::Failed { error } | ItemState::Left { error }) => (false, error),
                Some(ItemState::Skipped { why }) => (false, why),
                Some(ItemState::Prepared { .. }) | None => (false, "not injected yet".to_owned()),
            };
            in_force &= is;
            details.push(detail);
        }
        let detail = details.join("; ");
        Ok(if in_force { Observed::in_force(detail) } else { Observed::absent(detail) })
    }

    /// The last that was heard of this target's items, and why it is over with the agent, if it is.
    ///
    /// # Errors
    /// Where nothing is heard, and so nothing is known.
    fn look(&self, target: &str) -> Result<(Vec<Option<ItemState>>, Option<String>)> {
        let heard = self.heard.borrow();
        if let Some(silence) = heard.silence(Instant::now()) {
            return Err(Error::timeout(silence));
        }
        let states =
            self.items.get(target).into_iter().flatten().map(|number| heard.items.get(number).cloned());
        Ok((states.collect(), heard.over().map(str::to_owned)))
    }

    /// Whether nothing is heard of it.
    pub(super) fn is_silent(&self) -> bool {
        self.heard.borrow().silence(Instant::now()).is_some()
    }

    /// The addresses that a target had when it was looked at.
    pub(super) fn addresses(&self, target: &str) -> Option<&BTreeSet<IpAddr>> {
        self.addresses.get(target)
    }

    /// Lets a target go; whether there are others that it goes on with.
    pub(super) fn serves_others(&self, target: &str) -> bool {
        let mut let_go = self.let_go.lock().unwrap_or_else(PoisonError::into_inner);
        let_go.insert(target.to_owned());
        self.items.keys().any(|other| !let_go.contains(other))
    }

    /// Whether it was in a sandbox that is no more: the kernel has taken back what was in its network.
    async fn is_without_sandbox(&self) -> Result<bool> {
        let Place::Container { pod, .. } = &self.end.place else { return Ok(false) };
        let Some(now) = RawPod::read(&self.cluster, pod).await? else { return Ok(true) };
        let ended =
            now.container(self.end.place.container()).is_some_and(|one| one.state.terminated.is_some());
        let is_new = self.addresses(&pod.uid).is_some_and(|known| *known != now.addresses());
        Ok(ended && is_new && !now.addresses().is_empty())
    }

    /// Whether it is known to have ended.
    pub(super) fn is_over(&self) -> bool {
        self.heard.borrow().is_over()
    }

    /// Gives it an order, and waits until it is heeded.
    pub(super) async fn order(&self, order: Order) -> Result<()> {
        let mut given = self.given.lock().await;
        let clock = self.cluster.api().clock().clone();
        let done = match &self.end.place {
            Place::Pod { .. } => {
                clock.timeout(HEEDED_WITHIN, self.by_annotation(&mut given.orders, order)).await
            }
            Place::Container { .. } => {
                if given.tellers == MOST_TELLERS {
                    return Err(Error::refused(format!(
                        "{MOST_TELLERS} ephemeral containers have told the agent something, and none can be taken away"
                    )));
                }
                given.tellers += 1;
                clock.timeout(HEEDED_WITHIN, self.by_container(given.tellers, order)).await
            }
        };
        done.and_then(|done| done).map_err(|error| error.context(manifest::describe(&self.end.place)))
    }

    async fn by_annotation(&self, orders: &mut Orders, order: Order) -> Result<()> {
        let n = orders.push(order);
        let body = json!({"metadata": {"annotations": {manifest::ORDERS: orders.to_text()?}}});
        let patched: Result<Value, _> =
            self.cluster.api().send(Request::patch(&self.end.place.pod(), &body)).await;
        patched?;
        let mut heard = self.heard.subscribe();
        loop {
            let (answer, over) = {
                let heard = heard.borrow_and_update();
                (heard.orders.get(&n).cloned(), heard.over().map(str::to_owned))
            };
            match (answer, over) {
                (Some(refused), _) => {
                    orders.forget(n);
                    return refused.map_or(Ok(()), |why| Err(Error::refused(why)));
                }
                (None, Some(why)) => return Err(Error::failed(why)),
                (None, None) if heard.changed().await.is_err() => {
                    return Err(Error::failed("nobody listens to the agent"));
                }
                (None, None) => {}
            }
        }
    }

    async fn by_container(&self, number: usize, order: Order) -> Result<()> {
        let gone = || Error::failed("its pod is gone");
        let pod = RawPod::read(&self.cluster, &self.end.place.pod()).await?.ok_or_else(gone)?;
        let name = self.end.order(&self.cluster, &pod, number, &order).await?;
        loop {
            self.cluster.api().clock().sleep(LOOK_EVERY).await;
            let pod = RawPod::read(&self.cluster, &self.end.place.pod()).await?.ok_or_else(gone)?;
            match pod.container(&name).and_then(|status| status.state.terminated.as_ref()) {
                Some(how) if how.exit_code == 0 => return Ok(()),
                Some(_) => {
                    let agent = pod.container(self.end.place.container());
                    return Err(match agent.and_then(|agent| agent.state.terminated.as_ref()) {
                        Some(how) => Error::failed(format!(
                            "the agent has ended ({}, {}), and heeds no order any more",
                            how.exit_code, how.reason
                        )),
                        None => Error::failed(format!("the order was not heeded: see the log of {name}")),
                    });
                }
                None => {}
            }
        }
    }

    /// Its faults last so long from now on: it is told, unless they do.
    pub(super) async fn lasts(&self, wanted: Duration) -> Result<()> {
        if self.left_once_heard().await.is_some_and(|left| left + SLACK >= wanted) {
            return Ok(());
        }
        self.order(Order::Extend(wanted)).await
    }

    /// How long its faults last from now on: an agent that has just put them in force is about to say it.
    async fn left_once_heard(&self) -> Option<Duration> {
        let mut heard = self.heard.subscribe();
        let saying = heard.wait_for(|heard| heard.left(Instant::now()).is_some() || heard.is_over());
        let _ = self.cluster.api().clock().timeout(HEARTBEAT * 2, saying).await;
        self.left()
    }

    /// How long its faults last from now on, as far as it was heard.
    pub(super) fn left(&self) -> Option<Duration> {
        self.heard.borrow().left(Instant::now())
    }

    /// Ends it, once for all of its targets.
    pub(super) async fn end(&self) -> Result<()> {
        let mut ended = self.ended.lock().await;
        if *ended {
            return Ok(());
        }
        // A request that is under way makes it after all.
        if self.begun.get().is_none() {
            let _ = self.begun.get_or_init(|| async { Err("it was ended before it began".to_owned()) }).await;
        }
        match self.end.end(&self.cluster).await {
            Err(error) if !self.is_without_sandbox().await? => return Err(error),
            _ => {}
        }
        *ended = true;
        self.cluster.agents_at_work().forget(self.end.agent);
        Ok(())
    }
}

impl std::fmt::Debug for Live {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Live").field("end", &self.end).field("items", &self.items).finish_non_exhaustive()
    }
}
