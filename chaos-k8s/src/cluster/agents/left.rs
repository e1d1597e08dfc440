//! What a sweep finds of agents, without any ledger: their pods by labels, ephemeral containers by what they were given.

use chaos_core::Result;
use chaos_core::ledger::RunId;
use serde::Deserialize;

use super::end::AgentEnd;
use super::facts::RawPod;
use super::manifest::{self, RUN_VARIABLE, UNTIL_VARIABLE};
use super::place::Place;
use crate::agent::spec::{FaultData, Spec};
use crate::cluster::Cluster;
use crate::cluster::api::{Kind, ObjectRef, Query};
use crate::cluster::mark::Deadline;

/// An agent in an ephemeral container that has not ended.
pub(crate) struct LeftContainer {
    pub(crate) object: String,
    pub(crate) fault: String,
    pub(crate) run: RunId,
    pub(crate) until: Deadline,
    end: AgentEnd,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct WithContainers {
    spec: Containers,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Containers {
    ephemeral_containers: Vec<Container>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Container {
    name: String,
    image: String,
    env: Vec<Variable>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Variable {
    name: String,
    value: String,
}

impl LeftContainer {
    pub(crate) async fn end(&self, cluster: &Cluster) -> Result<()> {
        self.end.end(cluster).await
    }
}

/// Ends the agent of this run in a pod of its own.
pub(crate) async fn end_pod(cluster: &Cluster, pod: &ObjectRef, agent: RunId) -> Result<()> {
    let place = Place::of_pod(pod.namespace().unwrap_or_default(), agent, "");
    AgentEnd { agent, place }.end(cluster).await
}

/// Agents in ephemeral containers, in one namespace or in all.
pub(crate) async fn containers(cluster: &Cluster, namespace: Option<&str>) -> Result<Vec<LeftContainer>> {
    let query = Query::default().fields("status.phase=Running");
    let found =
        cluster.api().list(Kind::POD, namespace, &query, |pod: serde_json::Value| Some(of_pod(&pod))).await?;
    Ok(found.into_iter().flatten().collect())
}

fn of_pod(pod: &serde_json::Value) -> Vec<LeftContainer> {
    let Ok(WithContainers { spec }) = serde::Deserialize::deserialize(pod) else { return Vec::new() };
    if spec.ephemeral_containers.is_empty() {
        return Vec::new();
    }
    let Ok(raw) = RawPod::deserialize(pod) else { return Vec::new() };
    let object =
        ObjectRef::new(Kind::POD, raw.metadata.namespace.as_deref(), &raw.metadata.name, &raw.metadata.uid);
    let has_ended = |name: &str| raw.container(name).is_some_and(|status| status.state.terminated.is_some());
    let agents = spec.ephemeral_containers.iter().filter(|container| !has_ended(&container.name));
    agents.filter_map(|container| of_container(&object, container)).collect()
}

fn of_container(pod: &ObjectRef, container: &Container) -> Option<LeftContainer> {
    let value = |name: &str| {
        container.env.iter().find(|variable| variable.name == name).map(|variable| variable.value.clone())
    };
    let spec = Spec::decode(&value(Spec::VARIABLE)?).ok()?;
    if container.name != manifest::name_of(spec.run) {
        return None;
    }
    let faults: Vec<String> = spec.faults.values().map(FaultData::to_string).collect();
    let not_after = spec.not_after.unwrap_or_default();
    let place = Place::of_container(pod.clone(), spec.run, &container.image, spec.token.clone(), not_after);
    Some(LeftContainer {
        object: manifest::describe(&place),
        fault: faults.join("; "),
        run: value(RUN_VARIABLE)?.parse().ok()?,
        until: Deadline::try_from(value(UNTIL_VARIABLE)?).ok()?,
        end: AgentEnd { agent: spec.run, place },
    })
}

#[cfg(test)]
mod tests {
    use chaos_core::units::secs;
    use serde_json::{Value, json};

    use super::*;
    use crate::agent::spec::{Item, OwnNetwork};
    use crate::node::net;

    fn pod(state: Value) -> (Spec, Value) {
        let own = OwnNetwork::default();
        let spec = Spec::lasting(secs(60)).fault("f", net::drop()).item(Item::new("shop/cart-0", own, "f"));
        let name = manifest::name_of(spec.run);
        let env = json!([
            {"name": "CHAOS_AGENT_SPEC", "value": spec.encode().unwrap()},
            {"name": "CHAOS_RUN", "value": RunId::fresh().to_string()},
            {"name": "CHAOS_UNTIL", "value": "2026-01-31T12:00:00Z"},
        ]);
        let pod = json!({
            "metadata": {"name": "cart-0", "namespace": "shop", "uid": "u1"},
            "spec": {"ephemeralContainers": [
                {"name": "debugger", "image": "busybox:1"},
                {"name": name, "image": "agent:1", "env": env},
            ]},
            "status": {"phase": "Running", "ephemeralContainerStatuses": [{"name": name, "state": state}]},
        });
        (spec, pod)
    }

    #[test]
    fn an_agent_that_runs_is_found_with_what_ends_it_and_others_are_left_alone() {
        let (spec, running) = pod(json!({"running": {}}));
        let found = of_pod(&running);
        assert_eq!(found.len(), 1);
        assert!(
            found[0].end.agent == spec.run && found[0].until.is_over() && found[0].fault.contains("drop")
        );
        match &found[0].end.place {
            Place::Container { token, image, .. } => assert!(*token == spec.token && image == "agent:1"),
            Place::Pod { .. } => panic!("it is no pod"),
        }
        assert!(of_pod(&pod(json!({"terminated": {"exitCode": 11}})).1).is_empty());
    }
}
