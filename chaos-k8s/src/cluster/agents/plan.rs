//! From plans to agents: what a fault keeps between the looks at its targets and their injection.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chaos_core::ledger::RunId;
use chaos_core::units::secs;
use chaos_core::{Approved, Error, Fault, Result};
use serde_json::Value;
use tokio::time::Instant;

use super::choose::Chosen;
use super::delivery::Delivery;
use super::end::AgentEnd;
use super::facts::Facts;
use super::fault::{Carried, NAMED, PodFault};
use super::live::Live;
use super::manifest::{KEPT_IN, Made, orders_file};
use super::place::Place;
use super::settings::Agents;
use crate::agent::rights::Rights as AgentRights;
use crate::agent::spec::{FaultData, Item, Restart, Spec};
use crate::cluster::api::{Kind, Request};
use crate::cluster::mark::Deadline;
use crate::cluster::{Cluster, Pod};

/// How long after its plan an agent may still begin: its kubelet may be away, and whoever wanted it be dead by then.
const BEGINS_WITHIN: Duration = secs(180);

/// What one fault keeps between the looks at its targets and their injection.
#[derive(Debug, Default)]
pub(super) struct State {
    pub(super) planned: Mutex<Planned>,
    pub(super) looked_up: tokio::sync::Mutex<LookedUp>,
}

/// Agents that are planned, and not approved yet.
#[derive(Debug, Default)]
pub(super) struct Planned {
    pub(super) on_nodes: HashMap<String, RunId>,
    pub(super) agents: HashMap<RunId, Blueprint>,
}

#[derive(Debug)]
pub(super) struct Blueprint {
    pub(super) end: AgentEnd,
    pub(super) spec: Spec,
    /// By the targets' UIDs.
    pub(super) items: BTreeMap<String, Vec<Item>>,
    pub(super) addresses: BTreeMap<String, BTreeSet<IpAddr>>,
}

/// Whether an agent may come to a node; locked while one of its targets asks for all of them.
pub(super) type OnNode = tokio::sync::Mutex<Option<(Instant, Result<(), String>)>>;

#[derive(Debug, Default)]
pub(super) struct LookedUp {
    pub(super) data: Option<(Instant, FaultData)>,
    pub(super) on_nodes: HashMap<String, Arc<OnNode>>,
}

impl<F: Carried> PodFault<F> {
    pub(super) fn end_of(&self, pod: &Pod, facts: &Facts, delivery: Delivery, spec: &Spec) -> AgentEnd {
        let place = match delivery {
            Delivery::NodePod => Place::of_pod(self.agents.namespace(), spec.run, &facts.node),
            Delivery::EphemeralContainer => Place::of_container(
                pod.object(),
                spec.run,
                self.agents.image(),
                spec.token.clone(),
                begins_until(),
            ),
        };
        AgentEnd { agent: spec.run, place }
    }

    pub(super) fn body(
        &self,
        end: &AgentEnd,
        spec: &Spec,
        rights: &AgentRights,
        until: Deadline,
    ) -> Result<Value> {
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
    pub(super) fn note(&self, pod: &Pod, facts: &Facts, chosen: &Chosen) -> AgentEnd {
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
    pub(super) fn live(&self, blueprint: Blueprint, targets: &[&Approved<Pod>]) -> Live {
        let Blueprint { end, mut spec, mut items, addresses } = blueprint;
        let lasting = targets.first().and_then(|target| target.lasting());
        let lasting = lasting.unwrap_or_else(|| self.cluster().longest());
        if let Place::Container { not_after, .. } = &end.place {
            spec.not_after = Some(*not_after);
        }
        bound(&mut spec, lasting, self.cluster());
        let mut numbers: BTreeMap<String, Vec<u32>> = BTreeMap::new();
        for target in targets {
            let uid = target.object().uid;
            for item in items.remove(&uid).unwrap_or_default() {
                // More than that are refused when the spec is written.
                let number = u32::try_from(spec.items.len()).unwrap_or(u32::MAX);
                numbers.entry(uid.clone()).or_default().push(number);
                spec.items.push(item);
            }
        }
        let body = spec.rights(self.agents.ground_of_nodes()).and_then(|rights| {
            let until = self.cluster().deadline(targets.first().and_then(|target| target.lasting()))?;
            self.body(&end, &spec, &rights, until)
        });
        Live::new(self.cluster(), end, body, numbers, addresses)
    }
}

/// How long its faults last, how far they may be extended, and until when it may begin.
pub(super) fn bound(spec: &mut Spec, lasting: Duration, cluster: &Cluster) {
    spec.lasting = lasting;
    spec.at_most = Some(lasting.max(cluster.at_most()));
    spec.not_after.get_or_insert_with(begins_until);
}

/// What the plan says of the one end that nobody takes back: of processes that stand still by no doing of the kernel's.
pub(super) fn uncovered(fault: &FaultData) -> &'static str {
    match fault {
        FaultData::Pause(_) | FaultData::Freeze(_) if !fault.ends_with_its_agent() => {
            "; if the agent's pod is deleted by somebody and its container killed whole before that has ended, they stand still until \
             they are started anew, and each sweep says so"
        }
        _ => "",
    }
}

/// The second since 1970 until which an agent that is planned now may begin.
fn begins_until() -> u64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    (now + BEGINS_WITHIN).as_secs()
}

/// Asks the API server whether it would take the agent; why not, where it refuses.
pub(super) async fn would_take(
    agents: &Agents,
    end: &AgentEnd,
    body: &Value,
) -> Result<std::result::Result<(), String>> {
    let answer: std::result::Result<Value, _> =
        agents.cluster().api().send(request(&end.place, body).dry_run()).await;
    match answer {
        Ok(_) => Ok(Ok(())),
        Err(trouble) if trouble.is_not_found() && matches!(end.place, Place::Pod { .. }) => Ok(Err(format!(
            "namespace {} is not there: make it for agents, or say `in_namespace`",
            agents.namespace()
        ))),
        Err(trouble) => match Error::from(trouble) {
            error if error.is_refused() => Ok(Err(error.chain())),
            error => Err(error),
        },
    }
}

/// A spec without items.
pub(super) fn spec(data: &FaultData, lasting: Duration, delivery: Delivery) -> Spec {
    let spec = Spec::lasting(lasting).fault(NAMED, data.clone());
    match delivery {
        Delivery::NodePod => spec.kept_in(KEPT_IN, Restart::Resume).orders_from(orders_file()),
        // It is never started again.
        Delivery::EphemeralContainer => spec,
    }
}

pub(super) fn request(place: &Place, body: &Value) -> Request {
    match place {
        Place::Pod { namespace, .. } => Request::create(Kind::POD, Some(namespace), body),
        Place::Container { pod, .. } => Request::add_containers(pod, body),
    }
}

#[cfg(feature = "cluster-testing")]
#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::testing::FakeApi;
    use crate::node::net;

    #[test]
    fn the_end_that_nobody_takes_back_is_said() {
        use crate::node::process;
        assert!(uncovered(&process::stop().into()).contains("started anew"));
        assert!(uncovered(&process::freeze().into()).contains("started anew"));
        for covered in [net::drop().into(), process::pause().into(), net::refuse(net::Refusal::Reset).into()]
        {
            assert_eq!(uncovered(&covered), "");
        }
    }

    #[tokio::test]
    async fn no_agent_begins_long_after_its_plan_whichever_way_it_comes() {
        let cluster = Cluster::new(FakeApi::new().client()).lasting_at_most(secs(60)).unwrap();
        for delivery in [Delivery::NodePod, Delivery::EphemeralContainer] {
            let mut spec = spec(&net::drop().into(), secs(60), delivery);
            bound(&mut spec, secs(20), &cluster);
            let until = spec.not_after.unwrap();
            assert!((begins_until() - 2..=begins_until()).contains(&until), "{delivery}: {until}");
            assert_eq!((spec.lasting, spec.at_most), (secs(20), Some(secs(65))));
            // One that was planned before its approval keeps its moment.
            spec.not_after = Some(7);
            bound(&mut spec, secs(20), &cluster);
            assert_eq!(spec.not_after, Some(7));
        }
    }
}
