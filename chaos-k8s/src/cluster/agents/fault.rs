//! [`PodFault`]: a fault on pods, by agents.

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use chaos_core::ledger::RunId;
use chaos_core::units::secs;
use chaos_core::{Approved, Error, Fault, Observed, Owner, Plan, Result, Undo};

use super::delivery::Delivery;
use super::end::AgentEnd;
use super::facts::{Facts, RawPod};
use super::follow::follow;
use super::live::STARTS_WITHIN;
use super::peers::Peers;
use super::plan::{State, uncovered};
use super::settings::Agents;
use crate::agent::spec::FaultData;
use crate::cluster::rights::{Needs, Place as Where, Rights};
use crate::cluster::{Cluster, Pod};
use crate::node::net::{Direction, NetRule, Traffic};

/// The name of the fault in the spec of its agents.
pub(super) const NAMED: &str = "fault";

/// A fault on pods by agents; made by [`Agents::net`] and [`Agents::fault`].
#[derive(Debug, Clone)]
#[must_use = "a fault does nothing until it is injected"]
pub struct PodFault<F> {
    pub(super) agents: Agents,
    pub(super) asked: F,
    pub(super) peers: Option<Peers>,
    pub(super) state: Arc<State>,
}

impl<F> PodFault<F> {
    pub(super) fn new(agents: &Agents, asked: F) -> Self {
        Self { agents: agents.clone(), asked, peers: None, state: Arc::default() }
    }
}

impl PodFault<NetRule> {
    /// Traffic to these peers, on its way out of the pod.
    pub fn to(self, peers: impl Into<Peers>) -> Self {
        self.towards(Direction::Egress, peers)
    }

    /// Traffic from these peers, on its way into the pod.
    pub fn from(self, peers: impl Into<Peers>) -> Self {
        self.towards(Direction::Ingress, peers)
    }

    /// Traffic to and from these peers.
    pub fn between(self, peers: impl Into<Peers>) -> Self {
        self.towards(Direction::Both, peers)
    }

    fn towards(mut self, direction: Direction, peers: impl Into<Peers>) -> Self {
        self.asked.direction = direction;
        self.peers = Some(peers.into());
        self
    }
}

/// What a [`PodFault`] can be of; not to be implemented elsewhere.
pub trait Carried: Clone + fmt::Debug + Send + Sync + 'static {
    #[doc(hidden)]
    fn data(&self, traffic: Option<Traffic>) -> FaultData;

    #[doc(hidden)]
    fn describe(&self, peers: Option<&Peers>) -> String {
        let _ = peers;
        self.data(None).to_string()
    }
}

impl Carried for NetRule {
    fn data(&self, traffic: Option<Traffic>) -> FaultData {
        let mut rule = self.clone();
        if let Some(traffic) = traffic {
            rule.traffic = traffic;
        }
        rule.into()
    }

    fn describe(&self, peers: Option<&Peers>) -> String {
        let Some(peers) = peers else { return self.to_string() };
        let way = match self.direction {
            Direction::Egress => "to",
            Direction::Ingress => "from",
            Direction::Both => "to and from",
        };
        format!("{} {way} {peers}", self.effect)
    }
}

impl Carried for FaultData {
    fn data(&self, _: Option<Traffic>) -> FaultData {
        self.clone()
    }
}

impl<F: Carried> PodFault<F> {
    pub(super) fn cluster(&self) -> &Cluster {
        self.agents.cluster()
    }
}

impl<F: Carried> Needs for PodFault<F> {
    fn needs(&self, place: Where<'_>) -> Rights {
        let mut rights = self.peers.as_ref().map(Peers::rights).unwrap_or_default();
        // Whatever the peers are, the ways are the same; without an answer each target's plan says what is missing.
        let (ways, _) = self.ways(&self.asked.data(None), false).unwrap_or_default();
        for delivery in ways {
            rights = rights.and(self.needs_of(delivery, &place));
        }
        rights
    }
}

impl<F: Carried> Fault for PodFault<F> {
    type Target = Pod;
    type Undo = AgentEnd;

    fn describe(&self) -> String {
        self.asked.describe(self.peers.as_ref())
    }

    fn via<'a>(&'a self, _: &'a Pod) -> &'a Cluster {
        self.cluster()
    }

    fn takes_at_most(&self) -> Duration {
        STARTS_WITHIN + secs(40)
    }

    async fn prepare(&self, pod: &Pod) -> Result<Plan<AgentEnd>> {
        let wanted: BTreeSet<&str> = pod.named_containers().collect();
        let facts = Facts::of(self.cluster(), &pod.object(), &wanted).await?;
        let data = self.data().await?;
        let chosen = self.choose(pod, &facts, &data).await?;
        let end = self.note(pod, &facts, &chosen);
        let rights: Vec<String> = chosen.rights.iter().map(|(right, _)| right.to_string()).collect();
        let rights = if rights.is_empty() { "no rights".to_owned() } else { rights.join(", ") };
        let why = if chosen.why.is_empty() { "the least rights".to_owned() } else { chosen.why.join("; ") };
        let on = match chosen.delivery {
            Delivery::NodePod => format!(" {}", facts.node),
            Delivery::EphemeralContainer => String::new(),
        };
        let (fault, by, uncovered) = (&chosen.data, chosen.delivery, uncovered(&chosen.data));
        let change = format!("{fault}, by {by}{on} with {rights} ({why}){uncovered}");
        Ok(Plan::reversible(change, end).owned_by(Owner::Deadline))
    }

    fn gather(&self, targets: &[(&Approved<Pod>, &AgentEnd)]) {
        let mut planned =
            std::mem::take(&mut *self.state.planned.lock().unwrap_or_else(PoisonError::into_inner));
        let mut by_agent: HashMap<RunId, Vec<&Approved<Pod>>> = HashMap::new();
        for (target, end) in targets {
            by_agent.entry(end.agent).or_default().push(target);
        }
        let agents: Vec<RunId> = by_agent.keys().copied().collect();
        let known =
            agents.first().and_then(|agent| planned.agents.get(agent)?.spec.faults.get(NAMED).cloned());
        if let (Some(peers), Some(known)) = (self.peers.clone().filter(Peers::may_change), known) {
            let (cluster, asked) = (self.cluster().clone(), self.asked.clone());
            let data = move |traffic| asked.data(Some(traffic));
            // Without a runtime there is no inject either.
            if let Ok(runtime) = tokio::runtime::Handle::try_current() {
                runtime.spawn(follow(cluster, agents, peers, data, known));
            }
        }
        for (agent, targets) in by_agent {
            if let Some(blueprint) = planned.agents.remove(&agent) {
                self.cluster().agents_at_work().add(self.live(blueprint, &targets));
            }
        }
    }

    async fn inject(&self, pod: &Approved<Pod>, end: &AgentEnd) -> Result<()> {
        let Some(live) = self.cluster().agents_at_work().find(end.agent) else {
            return Err(Error::failed("its agent was not planned by this fault: plan and inject it anew"));
        };
        live.begin().await?;
        live.in_force(&pod.object().uid).await
    }

    async fn extend(&self, pod: &Approved<Pod>, end: &AgentEnd) -> Result<()> {
        let wanted = pod.lasting().unwrap_or_else(|| self.cluster().longest());
        let Some(live) = self.cluster().agents_at_work().find(end.agent) else {
            return Err(Error::failed("its agent has ended"));
        };
        live.lasts(wanted).await
    }

    /// An agent that serves others as well goes on; it is ended with the last of its targets.
    async fn let_go(&self, pod: &Pod, end: &AgentEnd) -> Result<()> {
        let live = self.cluster().agents_at_work().find(end.agent);
        if live.is_some_and(|live| live.serves_others(&pod.object().uid)) {
            return Ok(());
        }
        end.revert(self.cluster()).await?;
        match end.is_gone(self.cluster()).await? {
            true => Ok(()),
            false => Err(Error::failed("its agent was ended, and is still there")),
        }
    }

    async fn observe(&self, pod: &Pod, end: &AgentEnd) -> Result<Observed> {
        let Some(live) = self.cluster().agents_at_work().find(end.agent) else {
            return Ok(Observed::absent("its agent has ended"));
        };
        let Some(now) = RawPod::read(self.cluster(), &pod.object()).await? else {
            return Ok(Observed::absent("it is gone"));
        };
        if let Some(known) = live.addresses(&pod.object().uid) {
            if *known != now.addresses() {
                return Ok(Observed::absent(
                    "its sandbox was made anew, and what was in the old one is gone",
                ));
            }
        }
        live.observed(&pod.object().uid)
    }
}
