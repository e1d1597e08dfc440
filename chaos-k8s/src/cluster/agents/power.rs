//! [`PowerFault`]: nodes lose their power.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chaos_core::ledger::RunId;
use chaos_core::units::secs;
use chaos_core::{Approved, Error, Fault, Observed, Plan, Result, Undo};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::end::AgentEnd;
use super::facts::RawPod;
use super::live::{Live, STARTS_WITHIN};
use super::manifest;
use super::on_node::{body, needs, planned};
use super::plan::bound;
use super::raw_node::RawNode;
use super::settings::Agents;
use crate::agent::spec::{FaultData, Machine, Power, Spec};
use crate::cluster::api::{ObjectRef, Request};
use crate::cluster::rights::{Needs, Place, Rights};
use crate::cluster::{Cluster, ClusterNode};

impl Agents {
    /// Nodes lose their power, [off](Power::Off) or [anew](Power::Reset), 5 s after it was said: at once, and what was not written
    /// to their disks is lost. Nothing takes it back: a node that is off has to be started by who owns it.
    ///
    /// An agent with `hostPID` and SYS_BOOT does it (reboot(2)). A node whose processes are not its machine's own, a container, is
    /// refused; and no agent does it again to a machine that was started since.
    ///
    /// ```no_run
    /// # fn example(cluster: chaos_k8s::Cluster) -> chaos_core::Result<()> {
    /// use chaos_core::{Fault, Mode};
    /// use chaos_k8s::agent::spec::Power;
    ///
    /// let agents = cluster.agents("registry.example.org/chaos-agent:0.1.0")?;
    /// let reset = agents.power(Power::Reset).on(cluster.nodes().named("node2"), Mode::ONE);
    /// # let _ = reset;
    /// # Ok(())
    /// # }
    /// ```
    pub fn power(&self, power: Power) -> PowerFault {
        PowerFault { agents: self.clone(), power, planned: Arc::default() }
    }
}

/// Nodes lose their power; made by [`Agents::power`].
#[derive(Debug, Clone)]
#[must_use = "a fault does nothing until it is injected"]
pub struct PowerFault {
    agents: Agents,
    power: Power,
    /// Agents that are planned, by their nodes' UIDs.
    planned: Arc<Mutex<HashMap<String, (AgentEnd, Spec)>>>,
}

/// What is left to do when a node has lost its power: the pod of its agent goes, though no kubelet says that it did.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AgentGone {
    agent: RunId,
    pod: ObjectRef,
    /// Of the machine, before.
    boot: String,
}

impl Undo for AgentGone {
    const KIND: &'static str = "chaos-k8s/agent-gone/1";
    type Via = Cluster;

    async fn revert(&self, cluster: &Cluster) -> Result<()> {
        if let Some(pod) = self.find(cluster).await? {
            let done: Result<Value, _> = cluster.api().send(Request::delete(&pod, Some(0))).await;
            match done {
                Err(trouble) if !(trouble.is_not_found() || trouble.is_conflict()) => {
                    return Err(trouble.into());
                }
                _ => {}
            }
        }
        cluster.agents_at_work().forget(self.agent);
        Ok(())
    }

    async fn is_gone(&self, cluster: &Cluster) -> Result<bool> {
        Ok(self.find(cluster).await?.is_none())
    }
}

impl AgentGone {
    async fn find(&self, cluster: &Cluster) -> Result<Option<ObjectRef>> {
        let Some(pod) = RawPod::read(cluster, &self.pod).await? else { return Ok(None) };
        let is_ours = manifest::is_of(&pod.metadata.annotations, self.agent);
        Ok(is_ours.then(|| ObjectRef { uid: pod.metadata.uid, ..self.pod.clone() }))
    }
}

impl PowerFault {
    fn cluster(&self) -> &Cluster {
        self.agents.cluster()
    }

    fn data(&self) -> FaultData {
        self.power.into()
    }
}

impl Needs for PowerFault {
    fn needs(&self, place: Place<'_>) -> Rights {
        needs(&self.agents, &place)
    }
}

impl Fault for PowerFault {
    type Target = ClusterNode;
    type Undo = AgentGone;

    fn describe(&self) -> String {
        self.data().to_string()
    }

    fn via<'a>(&'a self, _: &'a ClusterNode) -> &'a Cluster {
        self.cluster()
    }

    fn takes_at_most(&self) -> Duration {
        STARTS_WITHIN + secs(40)
    }

    async fn prepare(&self, node: &ClusterNode) -> Result<Plan<AgentGone>> {
        let mut boot = String::new();
        let target = |found: &RawNode| {
            boot = found.boot().to_owned();
            Machine::started_as(found.boot()).into()
        };
        let (end, spec, change) = planned(&self.agents, node, &self.data(), &self.describe(), target).await?;
        let gone = AgentGone { agent: end.agent, pod: end.place.pod(), boot };
        let mut all = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        all.insert(node.object().uid, (end, spec));
        Ok(Plan::reversible(format!("{change}; the loss itself is not taken back"), gone))
    }

    fn gather(&self, targets: &[(&Approved<ClusterNode>, &AgentGone)]) {
        let mut planned = std::mem::take(&mut *self.planned.lock().unwrap_or_else(PoisonError::into_inner));
        for (node, gone) in targets {
            let uid = node.object().uid;
            let of_this = |(end, _): &(AgentEnd, Spec)| end.agent == gone.agent;
            let Some((end, mut spec)) = planned.remove(&uid).filter(of_this) else { continue };
            let cluster = self.cluster();
            bound(&mut spec, node.lasting().unwrap_or_else(|| cluster.longest()), cluster);
            let body = body(&self.agents, &self.describe(), &end, &spec, node.lasting());
            let items = BTreeMap::from([(uid, vec![0])]);
            cluster.agents_at_work().add(Live::new(cluster, end, body, items, BTreeMap::new()));
        }
    }

    async fn inject(&self, node: &Approved<ClusterNode>, gone: &AgentGone) -> Result<()> {
        let Some(live) = self.cluster().agents_at_work().find(gone.agent) else {
            return Err(Error::failed("its agent was not planned by this fault: plan and inject it anew"));
        };
        live.begin().await?;
        live.in_force(&node.object().uid).await
    }

    async fn extend(&self, _: &Approved<ClusterNode>, _: &AgentGone) -> Result<()> {
        Ok(())
    }

    async fn observe(&self, node: &ClusterNode, gone: &AgentGone) -> Result<Observed> {
        let Some(now) = RawNode::read(node).await? else {
            return Ok(Observed::in_force("its Node object is gone"));
        };
        if now.boot() != gone.boot {
            let ready = if now.is_ready() { ", and is ready" } else { "" };
            return Ok(Observed::in_force(format!("it was started anew{ready}")));
        }
        if !now.is_ready() {
            return Ok(Observed::in_force("it is not ready"));
        }
        let Some(live) = self.cluster().agents_at_work().find(gone.agent) else {
            return Ok(Observed::absent("its agent has ended, and it is ready"));
        };
        match live.is_silent() {
            true => Ok(Observed::in_force("nothing is heard of its agent")),
            false => live.observed(&node.object().uid),
        }
    }
}
