//! [`PodFault`]: a fault on pods, by agents.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chaos_core::ledger::RunId;
use chaos_core::units::secs;
use chaos_core::{Approved, Error, Fault, Observed, Owner, Plan, Result};
use serde_json::Value;
use tokio::time::Instant;

use super::delivery::{Delivery, ways};
use super::end::AgentEnd;
use super::facts::{Facts, RawPod};
use super::follow::follow;
use super::live::{Live, STARTS_WITHIN};
use super::manifest::{KEPT_IN, Made, orders_file};
use super::peers::Peers;
use super::place::Place;
use super::settings::Agents;
use crate::agent::control::Order;
use crate::agent::rights::Rights as AgentRights;
use crate::agent::spec::{FaultData, Item, Restart, Spec};
use crate::agent::status::ItemState;
use crate::cluster::api::{Kind, Request};
use crate::cluster::mark::Deadline;
use crate::cluster::rights::{Needs, Place as Where, Right, Rights};
use crate::cluster::{Cluster, Pod};
use crate::node::net::{Direction, DnsFault, NetRule, Traffic};

/// The name of the fault in the spec of its agents.
pub(super) const NAMED: &str = "fault";
/// The service of the cluster's DNS, whatever serves it.
const DNS: (&str, &str) = ("kube-system", "kube-dns");
/// How long what was looked up for one target is believed for the next.
const BELIEVED: Duration = secs(5);
/// How long after its plan an agent in an ephemeral container may still begin.
const BEGINS_WITHIN: Duration = secs(180);
/// How much later than asked an agent may end without being told to.
const SLACK: Duration = secs(3);

/// A fault on pods by agents; made by [`Agents::net`] and [`Agents::fault`].
#[derive(Debug, Clone)]
#[must_use = "a fault does nothing until it is injected"]
pub struct PodFault<F> {
    agents: Agents,
    asked: F,
    peers: Option<Peers>,
    state: Arc<State>,
}

/// What one fault keeps between the looks at its targets and their injection.
#[derive(Debug, Default)]
struct State {
    planned: Mutex<Planned>,
    looked_up: tokio::sync::Mutex<LookedUp>,
}

/// Agents that are planned, and not approved yet.
#[derive(Debug, Default)]
struct Planned {
    on_nodes: HashMap<String, RunId>,
    agents: HashMap<RunId, Blueprint>,
}

#[derive(Debug)]
struct Blueprint {
    end: AgentEnd,
    spec: Spec,
    /// By the targets' UIDs.
    items: BTreeMap<String, Vec<Item>>,
    addresses: BTreeMap<String, BTreeSet<IpAddr>>,
}

#[derive(Debug, Default)]
struct LookedUp {
    data: Option<(Instant, FaultData)>,
    on_nodes: HashMap<String, (Instant, Result<(), String>)>,
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

/// A way that was found, and why no better one.
struct Chosen {
    data: FaultData,
    delivery: Delivery,
    rights: AgentRights,
    items: Vec<Item>,
    why: Vec<String>,
}

impl<F: Carried> PodFault<F> {
    fn cluster(&self) -> &Cluster {
        self.agents.cluster()
    }

    /// The fault as agents get it, its peers looked up.
    async fn data(&self) -> Result<FaultData> {
        let mut looked_up = self.state.looked_up.lock().await;
        if let Some((then, data)) = &looked_up.data {
            if then.elapsed() < BELIEVED {
                return Ok(data.clone());
            }
        }
        let traffic = match &self.peers {
            Some(peers) => Some(peers.traffic(self.cluster()).await?),
            None => None,
        };
        let data = self.asked.data(traffic);
        looked_up.data = Some((Instant::now(), data.clone()));
        Ok(data)
    }

    /// The same for this delivery: an agent on a node does not know which DNS servers a pod asks.
    async fn data_for(&self, delivery: Delivery, data: &FaultData) -> Result<FaultData> {
        match data {
            FaultData::Dns(dns) if delivery == Delivery::NodePod && dns.servers().is_empty() => {
                let servers = self.dns_of_the_cluster().await?;
                Ok(servers.into_iter().fold(dns.clone(), DnsFault::server).into())
            }
            data => Ok(data.clone()),
        }
    }

    /// The addresses of the service that kubelets write into pods' resolv.conf, by the name that it has everywhere
    /// (Kubernetes' documentation, "DNS for Services and Pods").
    async fn dns_of_the_cluster(&self) -> Result<Vec<IpAddr>> {
        let (namespace, name) = DNS;
        let found: Option<Value> =
            self.cluster().api().find(Request::get(Kind::SERVICE, Some(namespace), name)).await?;
        let addresses = found.as_ref().and_then(|service| service["spec"]["clusterIPs"].as_array());
        let addresses = addresses.into_iter().flatten().filter_map(Value::as_str);
        let addresses: Vec<IpAddr> = addresses.filter_map(|address| address.parse().ok()).collect();
        match addresses.is_empty() {
            false => Ok(addresses),
            true => Err(Error::refused(format!(
                "service {namespace}/{name} has no address: name the pods' DNS servers by `server`"
            ))),
        }
    }

    fn asks_for_dns(&self) -> bool {
        matches!(self.asked.data(None), FaultData::Dns(dns) if dns.servers().is_empty())
    }

    /// What a delivery takes from the API server.
    fn needs_of(&self, delivery: Delivery, place: &Where<'_>) -> Rights {
        let own = Some(self.agents.namespace());
        let mut rights = Rights::default();
        rights.insert(place.right("get"));
        match delivery {
            Delivery::EphemeralContainer => {
                rights.insert(place.right("patch").on("ephemeralcontainers"));
                rights.insert(place.right("get").on("log"));
            }
            Delivery::NodePod => {
                for verb in ["create", "get", "patch", "delete"] {
                    rights.insert(Right::new(verb, Kind::POD, own));
                }
                rights.insert(Right::new("get", Kind::POD, own).on("log"));
                if self.asks_for_dns() {
                    rights.insert(Right::new("get", Kind::SERVICE, Some(DNS.0)));
                }
            }
        }
        rights
    }

    fn ways(&self, data: &FaultData, named: bool) -> Result<(Vec<Delivery>, Vec<String>)> {
        let (mut ways, why) = ways(data, named);
        let mut whys: Vec<String> = why.into_iter().map(str::to_owned).collect();
        if let Some(only) = self.agents.delivery() {
            if !ways.contains(&only) {
                return Err(Error::refused(format!("by {only} it cannot be: {}", whys.join("; "))));
            }
            ways.retain(|way| *way == only);
            whys = vec!["as asked".to_owned()];
        }
        Ok((ways, whys))
    }

    /// The way with the least rights that is open: nothing is touched.
    async fn choose(&self, pod: &Pod, facts: &Facts, data: &FaultData) -> Result<Chosen> {
        let (ways, mut why) = self.ways(data, facts.named)?;
        for delivery in ways {
            let place = Where::new(Kind::POD, Some(pod.namespace()));
            let missing = self.cluster().lacks(&self.needs_of(delivery, &place)).await?;
            if !missing.is_empty() {
                why.push(format!("{delivery}: missing rights: {missing}"));
                continue;
            }
            let data = &match self.data_for(delivery, data).await {
                Ok(data) => data,
                Err(error) if error.is_refused() => {
                    why.push(format!("{delivery}: {}", error.chain()));
                    continue;
                }
                Err(error) => return Err(error),
            };
            let items = match facts.items(data, NAMED, delivery) {
                Ok(items) => items,
                Err(error) => {
                    why.push(format!("{delivery}: {}", error.chain()));
                    continue;
                }
            };
            let ground = self.agents.ground_of_nodes();
            let rights = items
                .iter()
                .fold(AgentRights::none(), |rights, item| rights.and(data.rights_on(&item.target, ground)));
            match self.try_out(pod, facts, data, delivery, &items, &rights).await {
                Ok(()) => return Ok(Chosen { data: data.clone(), delivery, rights, items, why }),
                Err(error) if error.is_refused() => why.push(format!("{delivery}: {}", error.chain())),
                Err(error) => return Err(error),
            }
        }
        Err(Error::refused(format!("no agent can be brought to it: {}", why.join("; "))))
    }

    /// Asks the API server whether it would take the agent.
    async fn try_out(
        &self,
        pod: &Pod,
        facts: &Facts,
        data: &FaultData,
        delivery: Delivery,
        items: &[Item],
        rights: &AgentRights,
    ) -> Result<()> {
        if delivery == Delivery::NodePod {
            let looked_up = self.state.looked_up.lock().await;
            if let Some((then, result)) = looked_up.on_nodes.get(&facts.node) {
                if then.elapsed() < BELIEVED {
                    return result.clone().map_err(Error::refused);
                }
            }
        }
        let mut spec = spec(data, secs(60), delivery);
        spec.items = items.to_vec();
        let end = self.end_of(pod, facts, delivery, &spec);
        let request =
            request(&end.place, &self.body(&end, &spec, rights, self.cluster().deadline(None)?)?).dry_run();
        let answer: Result<Value, _> = self.cluster().api().send(request).await;
        let result = match answer {
            Ok(_) => Ok(()),
            Err(trouble) if trouble.is_not_found() && delivery == Delivery::NodePod => Err(format!(
                "namespace {} is not there: make it for agents, or say `in_namespace`",
                self.agents.namespace()
            )),
            Err(trouble) => {
                let error = Error::from(trouble);
                if !error.is_refused() {
                    return Err(error);
                }
                Err(error.chain())
            }
        };
        if delivery == Delivery::NodePod {
            let now = (Instant::now(), result.clone());
            self.state.looked_up.lock().await.on_nodes.insert(facts.node.clone(), now);
        }
        result.map_err(Error::refused)
    }

    fn end_of(&self, pod: &Pod, facts: &Facts, delivery: Delivery, spec: &Spec) -> AgentEnd {
        let place = match delivery {
            Delivery::NodePod => Place::of_pod(self.agents.namespace(), spec.run, &facts.node),
            Delivery::EphemeralContainer => {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                let not_after = (now + BEGINS_WITHIN).as_secs();
                Place::of_container(
                    pod.object(),
                    spec.run,
                    self.agents.image(),
                    spec.token.clone(),
                    not_after,
                )
            }
        };
        AgentEnd { agent: spec.run, place }
    }

    fn body(&self, end: &AgentEnd, spec: &Spec, rights: &AgentRights, until: Deadline) -> Result<Value> {
        let made = Made {
            image: self.agents.image(),
            agent: end.agent,
            run: self.cluster().run(),
            fault: &Fault::describe(self),
            until,
            rights,
            spec,
        };
        match &end.place {
            Place::Pod { namespace, name, node } => made.pod(namespace, name, node),
            Place::Container { container, .. } => made.container(container),
        }
    }

    /// Takes note of a target that may be approved: which agent it gets.
    fn note(&self, pod: &Pod, facts: &Facts, chosen: &Chosen) -> AgentEnd {
        let mut planned = self.state.planned.lock().unwrap_or_else(PoisonError::into_inner);
        let planned = &mut *planned;
        let known = match chosen.delivery {
            Delivery::NodePod => planned.on_nodes.get(&facts.node).copied(),
            Delivery::EphemeralContainer => None,
        };
        let agent = known.unwrap_or_else(|| {
            let spec = spec(&chosen.data, secs(60), chosen.delivery);
            let end = self.end_of(pod, facts, chosen.delivery, &spec);
            let agent = end.agent;
            if chosen.delivery == Delivery::NodePod {
                planned.on_nodes.insert(facts.node.clone(), agent);
            }
            planned
                .agents
                .insert(agent, Blueprint { end, spec, items: BTreeMap::new(), addresses: BTreeMap::new() });
            agent
        });
        let Some(blueprint) = planned.agents.get_mut(&agent) else {
            unreachable!("an agent on a node is planned")
        };
        blueprint.items.insert(pod.object().uid, chosen.items.clone());
        blueprint.addresses.insert(pod.object().uid, facts.addresses.clone());
        blueprint.end.clone()
    }

    /// The agent of some of the targets that were planned.
    fn live(&self, blueprint: Blueprint, targets: &[&Approved<Pod>]) -> Result<Live> {
        let Blueprint { end, mut spec, mut items, addresses } = blueprint;
        let lasting = targets.first().and_then(|target| target.lasting());
        let lasting = lasting.unwrap_or_else(|| self.cluster().longest());
        spec.lasting = lasting;
        spec.at_most = Some(lasting.max(self.cluster().longest()));
        if let Place::Container { not_after, .. } = &end.place {
            spec.not_after = Some(*not_after);
        }
        let mut numbers: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for target in targets {
            let uid = target.object().uid;
            for item in items.remove(&uid).unwrap_or_default() {
                let number = u32::try_from(spec.items.len()).map_err(|_| Error::invalid("too many items"))?;
                numbers.entry(uid.clone()).or_default().push(number);
                spec.items.push(item);
            }
        }
        let rights = spec.rights(self.agents.ground_of_nodes())?;
        let until = self.cluster().deadline(targets.first().and_then(|target| target.lasting()))?;
        let body = self.body(&end, &spec, &rights, until)?;
        Ok(Live::new(self.cluster(), end, body, numbers, addresses))
    }
}

/// A spec without items.
fn spec(data: &FaultData, lasting: Duration, delivery: Delivery) -> Spec {
    let spec = Spec::lasting(lasting).fault(NAMED, data.clone());
    match delivery {
        Delivery::NodePod => spec.kept_in(KEPT_IN, Restart::Resume).orders_from(orders_file()),
        // It is never started again.
        Delivery::EphemeralContainer => spec,
    }
}

fn request(place: &Place, body: &Value) -> Request {
    match place {
        Place::Pod { namespace, .. } => Request::create(Kind::POD, Some(namespace), body),
        Place::Container { pod, .. } => Request::add_containers(pod, body),
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
        let change = format!("{}, by {}{on} with {rights} ({why})", chosen.data, chosen.delivery);
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
            let live = planned.agents.remove(&agent).map(|blueprint| self.live(blueprint, &targets));
            match live {
                Some(Ok(live)) => self.cluster().agents_at_work().add(live),
                // Said by the inject, which finds no agent.
                Some(Err(error)) => {
                    tracing::error!(target: "chaos", error = %error.chain(), "an agent cannot be made");
                }
                None => {}
            }
        }
    }

    async fn inject(&self, pod: &Approved<Pod>, end: &AgentEnd) -> Result<()> {
        let Some(live) = self.cluster().agents_at_work().find(end.agent) else {
            return Err(Error::failed("its agent was not planned, or has too much to do: use fewer targets"));
        };
        live.begin().await?;
        live.in_force(&pod.object().uid).await
    }

    async fn extend(&self, pod: &Approved<Pod>, end: &AgentEnd) -> Result<()> {
        let wanted = pod.lasting().unwrap_or_else(|| self.cluster().longest());
        let Some(live) = self.cluster().agents_at_work().find(end.agent) else {
            return Err(Error::failed("its agent has ended"));
        };
        if live.left().is_some_and(|left| left + SLACK >= wanted) {
            return Ok(());
        }
        live.order(Order::Extend(wanted)).await
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
        let (states, silence) = live.look(&pod.object().uid);
        let mut details = Vec::new();
        let mut in_force = silence.is_none() && !states.is_empty();
        details.extend(silence);
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
}
