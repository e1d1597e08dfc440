//! [`NodeFault`]: a fault on nodes themselves, by agents: on their processes, their network, and what they have for all.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chaos_core::units::secs;
use chaos_core::{Approved, Error, Fault, Observed, Owner, Plan, Result};
use serde_json::Value;

use super::delivery::Delivery;
use super::end::AgentEnd;
use super::fault::NAMED;
use super::live::{Live, STARTS_WITHIN};
use super::manifest::Made;
use super::place::Place as At;
use super::plan::{bound, spec, uncovered, would_take};
use super::raw_node::RawNode;
use super::settings::Agents;
use crate::agent::spec::{FaultData, Host, Item, NodeNetwork, NodeProcesses, SignalData, Spec, TargetData};
use crate::cluster::api::Kind;
use crate::cluster::rights::{Needs, Place, Right, Rights};
use crate::cluster::{Cluster, ClusterNode};
use crate::node::net::{Effect, NetRule};
use crate::node::process::Signal;

const KUBELET: &str = "kubelet";
/// Those whose pause nobody could be told of: agents are started and heard through them.
const CARRIERS: [&str; 5] = [KUBELET, "containerd", "crio", "dockerd", "cri-dockerd"];

impl Agents {
    /// A signal to the processes of nodes themselves that have this name, or a pause of them: of a daemon of the node, or once of
    /// its container runtime. Those in containers are not meant, whatever they are called; for them there is
    /// [`fault`](Self::fault).
    ///
    /// A signal is not taken back: whoever starts such a process anew does so after SIGKILL as well.
    ///
    /// ```no_run
    /// # async fn example(chaos: chaos_core::Chaos, cluster: chaos_k8s::Cluster) -> chaos_core::Result<()> {
    /// use chaos_core::{BlastRadius, Experiment, Fault, Mode, units::secs};
    /// use chaos_k8s::node::process;
    ///
    /// let agents = cluster.agents("registry.example.org/chaos-agent:0.1.0")?;
    /// let still = agents.node_processes("chronyd", process::pause())?;
    /// let report = Experiment::new(&chaos, "the clock is right for a minute without its daemon")
    ///     .fault(still.on(cluster.nodes().named("node2"), Mode::ALL))
    ///     .blast_radius(BlastRadius::count(1)?)
    ///     .lasting(secs(60))
    ///     .run()
    ///     .await?;
    /// # let _ = report;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// A name that no process has, a fault that is not on processes, and a pause of the kubelet or of a container runtime,
    /// without which agents can neither be started nor heard.
    pub fn node_processes(&self, name: impl Into<String>, fault: impl Into<FaultData>) -> Result<NodeFault> {
        let (name, asked) = (name.into(), fault.into());
        check(&name, &asked)?;
        Ok(NodeFault { agents: self.clone(), on: On::Processes(name), asked, planned: Arc::default() })
    }

    /// A network fault on nodes themselves, or stress of what a node has for all of its processes. For pods there is
    /// [`net`](Self::net) and [`fault`](Self::fault).
    ///
    /// A network fault is met by what the node's own programs send and by what it forwards for pods, at each device of the node:
    /// name the one that leads out ([`device`](crate::node::net::NetFault::device)) to leave the way to its own pods alone. A node that cannot
    /// reach the API server is not heard of while that lasts, and is given up by Kubernetes after a while; its agent ends it by its
    /// own clock all the same.
    ///
    /// Stressors are in a cgroup of their own beside those of pods: with cgroup v2 within what the node has for all of its pods
    /// (`kubepods`), with v1 beside that. Memory stress beyond what is there ends pods, and lets the kubelet evict them.
    ///
    /// ```no_run
    /// # async fn example(chaos: chaos_core::Chaos, cluster: chaos_k8s::Cluster) -> chaos_core::Result<()> {
    /// use chaos_core::{BlastRadius, Experiment, Fault, Mode, units::{ms, secs}};
    /// use chaos_k8s::node::{net, stress};
    ///
    /// let agents = cluster.agents("registry.example.org/chaos-agent:0.1.0")?;
    /// let workers = || cluster.nodes().label("role", "worker");
    /// let far = agents.node(net::delay(ms(100)).to(net::Flow::peer("198.51.100.0/24")?))?;
    /// let busy = agents.node(stress::cpu(2)?)?;
    /// let report = Experiment::new(&chaos, "the shop bears a worker that is slow and far away")
    ///     .fault(far.on(workers()?, Mode::ONE))
    ///     .fault(busy.on(workers()?, Mode::ONE))
    ///     .blast_radius(BlastRadius::count(2)?)
    ///     .lasting(secs(60))
    ///     .run()
    ///     .await?;
    /// # let _ = report;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// Any other fault, a DNS fault (kubelets drop what comes to a node's loopback from its other addresses: `KUBE-FIREWALL`), stress
    /// in directories or with a placement, and a partition or a refusal from everybody: of such a node it
    /// cannot be heard that it is in force.
    pub fn node(&self, fault: impl Into<FaultData>) -> Result<NodeFault> {
        let asked = fault.into();
        let on = on_all(&asked)?;
        Ok(NodeFault { agents: self.clone(), on, asked, planned: Arc::default() })
    }

    /// Kills the kubelet of nodes with SIGKILL, once. What supervises it starts it again (systemd: `Restart=always`): what is seen
    /// is how the node and its pods bear that. Pods run on meanwhile.
    ///
    /// # Errors
    /// Those of [`node_processes`](Self::node_processes).
    pub fn restart_kubelet(&self) -> Result<NodeFault> {
        self.node_processes(KUBELET, SignalData::once(Signal::KILL))
    }
}

fn check(name: &str, asked: &FaultData) -> Result<()> {
    let short = name.rsplit('/').next().unwrap_or_default();
    if CARRIERS.contains(&short) && !matches!(asked, FaultData::Signal(_)) {
        return Err(Error::refused(format!(
            "while {short} stands still no agent is started or heard on its node: kill it instead"
        )));
    }
    let item = Item::new("node", NodeProcesses::named(name), NAMED);
    Spec::lasting(secs(60)).fault(NAMED, asked.clone()).item(item).check()
}

/// What of a node a fault that is not on processes acts on.
fn on_all(asked: &FaultData) -> Result<On> {
    let of_others = "a node is not what it acts on: use `node_processes`, `power`, or `fault` on pods";
    let on = match asked {
        FaultData::Network(NetRule { effect: Effect::Drop | Effect::Refuse(_), traffic, .. })
            if traffic.is_all() =>
        {
            return Err(Error::refused(
                "a node that is cut off from everybody is not heard any more: say from whom, or take its power away",
            ));
        }
        FaultData::Network(_) => On::Network,
        FaultData::Dns(_) => {
            return Err(Error::refused(
                "the firewall of a kubelet drops what a DNS fault leads to the node's own loopback: drop what goes to its DNS servers",
            ));
        }
        FaultData::Stress(_) => On::Host,
        other => return Err(Error::invalid(format!("{other}: {of_others}"))),
    };
    let item = Item::new("node", on.target(&BTreeSet::from([IpAddr::from([192, 0, 2, 1])])), NAMED);
    Spec::lasting(secs(60)).fault(NAMED, asked.clone()).item(item).check()?;
    Ok(on)
}

/// What of a node.
#[derive(Debug, Clone)]
enum On {
    /// Its processes of this name.
    Processes(String),
    Network,
    Host,
}

impl On {
    /// The same for the node with these addresses.
    fn target(&self, addresses: &BTreeSet<IpAddr>) -> TargetData {
        match self {
            Self::Processes(name) => NodeProcesses::named(name).into(),
            Self::Network => NodeNetwork::of(addresses.iter().copied()).into(),
            Self::Host => Host::default().into(),
        }
    }
}

/// A fault on nodes themselves, by an agent pod on each; made by [`Agents::node`] and [`Agents::node_processes`].
#[derive(Debug, Clone)]
#[must_use = "a fault does nothing until it is injected"]
pub struct NodeFault {
    agents: Agents,
    on: On,
    asked: FaultData,
    /// Agents that are planned, and not approved yet, by their nodes' UIDs.
    planned: Arc<Mutex<HashMap<String, (AgentEnd, Spec)>>>,
}

/// What an agent on a node takes from the API server.
pub(super) fn needs(agents: &Agents, place: &Place<'_>) -> Rights {
    let own = Some(agents.namespace());
    let mut rights = Rights::from_iter([place.right("get")]);
    for verb in ["create", "get", "patch", "delete"] {
        rights.insert(Right::new(verb, Kind::POD, own));
    }
    rights.insert(Right::new("get", Kind::POD, own).on("log"));
    rights
}

/// The pod of the agent on a node: what the API server is asked to make.
pub(super) fn body(
    agents: &Agents,
    fault: &str,
    end: &AgentEnd,
    spec: &Spec,
    lasting: Option<Duration>,
) -> Result<Value> {
    let At::Pod { namespace, name, node } = &end.place else { unreachable!("an agent on a node is a pod") };
    let made = Made {
        image: agents.image(),
        agent: end.agent,
        run: agents.cluster().run(),
        fault,
        until: agents.cluster().deadline(lasting)?,
        rights: &spec.rights(agents.ground_of_nodes())?,
        spec,
    };
    made.pod(namespace, name, node)
}

/// An agent for one node, which is ready and would be given one; and what the plan says of it.
pub(super) async fn planned(
    agents: &Agents,
    node: &ClusterNode,
    fault: &FaultData,
    words: &str,
    target: impl FnOnce(&RawNode) -> TargetData,
) -> Result<(AgentEnd, Spec, String)> {
    agents.cluster().require(&needs(agents, &Place::new(Kind::NODE, None))).await?;
    let Some(found) = RawNode::read(node).await? else { return Err(Error::refused("it is gone")) };
    if !found.is_ready() {
        return Err(Error::refused("it is not ready: no agent would be started there"));
    }
    let name = node.object().name;
    let spec = spec(fault, secs(60), Delivery::NodePod).item(Item::new(&name, target(&found), NAMED));
    let end = AgentEnd { agent: spec.run, place: At::of_pod(agents.namespace(), spec.run, &name) };
    if let Err(why) = would_take(agents, &end, &body(agents, words, &end, &spec, None)?).await? {
        return Err(Error::refused(format!("no agent can be brought to it: {why}")));
    }
    let rights = spec.rights(agents.ground_of_nodes())?;
    let rights: Vec<String> = rights.iter().map(|(right, _)| right.to_string()).collect();
    let (by, rights, uncovered) = (Delivery::NodePod, rights.join(", "), uncovered(fault));
    let change = format!("{words}, by {by} with {rights}{uncovered}");
    Ok((end, spec, change))
}

impl NodeFault {
    fn cluster(&self) -> &Cluster {
        self.agents.cluster()
    }
}

impl Needs for NodeFault {
    fn needs(&self, place: Place<'_>) -> Rights {
        needs(&self.agents, &place)
    }
}

impl Fault for NodeFault {
    type Target = ClusterNode;
    type Undo = AgentEnd;

    fn describe(&self) -> String {
        match &self.on {
            On::Processes(name) => format!("{} of {name}", self.asked),
            On::Network | On::Host => format!("{} on the node itself", self.asked),
        }
    }

    fn via<'a>(&'a self, _: &'a ClusterNode) -> &'a Cluster {
        self.cluster()
    }

    fn takes_at_most(&self) -> Duration {
        STARTS_WITHIN + secs(40)
    }

    async fn prepare(&self, node: &ClusterNode) -> Result<Plan<AgentEnd>> {
        let words = self.describe();
        let target = |found: &RawNode| self.on.target(&found.addresses());
        let (end, spec, change) = planned(&self.agents, node, &self.asked, &words, target).await?;
        self.planned
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(node.object().uid, (end.clone(), spec));
        Ok(Plan::reversible(change, end).owned_by(Owner::Deadline))
    }

    fn gather(&self, targets: &[(&Approved<ClusterNode>, &AgentEnd)]) {
        let mut planned = std::mem::take(&mut *self.planned.lock().unwrap_or_else(PoisonError::into_inner));
        for (node, end) in targets {
            let uid = node.object().uid;
            let Some((_, mut spec)) = planned.remove(&uid).filter(|(planned, _)| planned == *end) else {
                continue;
            };
            let cluster = self.cluster();
            bound(&mut spec, node.lasting().unwrap_or_else(|| cluster.longest()), cluster);
            let body = body(&self.agents, &self.describe(), end, &spec, node.lasting());
            let items = BTreeMap::from([(uid, vec![0])]);
            cluster.agents_at_work().add(Live::new(cluster, (*end).clone(), body, items, BTreeMap::new()));
        }
    }

    async fn inject(&self, node: &Approved<ClusterNode>, end: &AgentEnd) -> Result<()> {
        let Some(live) = self.cluster().agents_at_work().find(end.agent) else {
            return Err(Error::failed("its agent was not planned by this fault: plan and inject it anew"));
        };
        live.begin().await?;
        live.in_force(&node.object().uid).await
    }

    async fn extend(&self, node: &Approved<ClusterNode>, end: &AgentEnd) -> Result<()> {
        let Some(live) = self.cluster().agents_at_work().find(end.agent) else {
            return Err(Error::failed("its agent has ended"));
        };
        live.lasts(node.lasting().unwrap_or_else(|| self.cluster().longest())).await
    }

    async fn observe(&self, node: &ClusterNode, end: &AgentEnd) -> Result<Observed> {
        match self.cluster().agents_at_work().find(end.agent) {
            Some(live) => live.observed(&node.object().uid),
            None => Ok(Observed::absent("its agent has ended")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::node::net::Flow;
    use crate::node::stress::{self, Amount, Placement};
    use crate::node::{net, process};

    #[test]
    fn what_is_no_fault_on_a_node_is_refused() {
        let far = Flow::peer("198.51.100.0/24").unwrap();
        assert!(matches!(on_all(&net::drop().to(far).into()).unwrap(), On::Network));
        assert!(matches!(on_all(&net::delay(secs(1)).into()).unwrap(), On::Network));
        assert!(matches!(on_all(&stress::cpu(1).unwrap().into()).unwrap(), On::Host));
        for (fault, words) in [
            (net::drop().into(), "say from whom"),
            (net::refuse(net::Refusal::Reset).into(), "say from whom"),
            (process::pause().into(), "node_processes"),
            (net::dns(net::DnsEffect::NxDomain).names("*").unwrap().into(), "drop what goes to"),
            (stress::disk("/data", Amount::of(1).unwrap()).into(), "directories of its node"),
            (stress::cpu(1).unwrap().placed(Placement::Beside).into(), "leave the placement out"),
        ] {
            let error = on_all(&fault).unwrap_err();
            assert!(error.to_string().contains(words), "{error}");
        }
    }

    #[test]
    fn what_no_agent_could_do_to_a_node_is_refused() {
        let refused = |name: &str, fault: FaultData| check(name, &fault).unwrap_err();
        let term = || FaultData::from(SignalData::once(Signal::TERM));
        assert!(refused("", term()).to_string().contains("empty"));
        assert!(refused("a\nb", term()).is_invalid());
        assert!(refused("chronyd", net::drop().into()).to_string().contains("no fault on processes"));
        for carrier in [KUBELET, "/usr/bin/containerd"] {
            assert!(refused(carrier, process::pause().into()).to_string().contains("stands still"));
            check(carrier, &term()).unwrap();
        }
    }
}
