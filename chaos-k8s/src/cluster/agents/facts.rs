//! [`Facts`]: what of a pod an agent is told, read anew for each plan.

use std::collections::BTreeSet;
use std::net::IpAddr;

use chaos_core::{Error, Result};
use serde::Deserialize;

use super::delivery::Delivery;
use crate::agent::spec::{
    ContainerCgroup, ContainerProcesses, FaultData, Item, OwnCgroup, OwnNetwork, PodNetwork, Spec,
    TargetData, Which,
};
use crate::cluster::Cluster;
use crate::cluster::api::{Meta, ObjectRef, Request};

/// What of a pod is read here, agents' own pods as well.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawPod {
    pub(super) metadata: Meta,
    pub(super) spec: RawSpec,
    pub(super) status: RawStatus,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RawSpec {
    pub(super) node_name: Option<String>,
    host_network: bool,
    containers: Vec<RawContainer>,
    pub(super) ephemeral_containers: Vec<RawContainer>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawContainer {
    pub(super) name: String,
    env: Vec<RawVariable>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct RawVariable {
    name: String,
    value: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RawStatus {
    pub(super) phase: String,
    pub(super) reason: String,
    pub(super) message: String,
    #[serde(rename = "podIPs")]
    pod_ips: Vec<RawAddress>,
    pub(super) container_statuses: Vec<RawContainerStatus>,
    pub(super) ephemeral_container_statuses: Vec<RawContainerStatus>,
}

#[derive(Debug, Clone, Deserialize)]
struct RawAddress {
    ip: IpAddr,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RawContainerStatus {
    pub(super) name: String,
    #[serde(rename = "containerID")]
    container_id: String,
    pub(super) restart_count: u32,
    pub(super) state: RawState,
    pub(super) last_state: RawState,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawState {
    pub(super) waiting: Option<RawWaiting>,
    pub(super) running: Option<serde::de::IgnoredAny>,
    pub(super) terminated: Option<RawTerminated>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawWaiting {
    pub(super) reason: String,
    pub(super) message: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(super) struct RawTerminated {
    pub(super) exit_code: i32,
    pub(super) reason: String,
    pub(super) message: String,
}

impl RawPod {
    /// The pod; none where it is gone, or another has its name.
    pub(super) async fn read(cluster: &Cluster, object: &ObjectRef) -> Result<Option<Self>> {
        let request = Request::get(object.kind, object.namespace(), &object.name);
        let found: Option<Self> = cluster.api().find(request).await?;
        Ok(found.filter(|pod| object.uid.is_empty() || pod.metadata.uid == object.uid))
    }

    pub(super) fn addresses(&self) -> BTreeSet<IpAddr> {
        self.status.pod_ips.iter().map(|address| address.ip).collect()
    }

    /// What the agent in a container of it was told to do.
    pub(super) fn agent_spec(&self, container: &str) -> Option<Spec> {
        let mut all = self.spec.containers.iter().chain(&self.spec.ephemeral_containers);
        let env = &all.find(|one| one.name == container)?.env;
        Spec::decode(&env.iter().find(|variable| variable.name == Spec::VARIABLE)?.value).ok()
    }

    /// What is known of a container of it, of whatever kind.
    pub(super) fn container(&self, name: &str) -> Option<&RawContainerStatus> {
        let all = self.status.container_statuses.iter().chain(&self.status.ephemeral_container_statuses);
        all.into_iter().find(|status| status.name == name)
    }
}

/// What an agent is told of its target.
#[derive(Debug, Clone)]
pub(super) struct Facts {
    pub(super) name: String,
    pub(super) node: String,
    pub(super) addresses: BTreeSet<IpAddr>,
    /// Those that are meant and run: their names and ids.
    containers: Vec<(String, String)>,
    /// Whether it was said which.
    pub(super) named: bool,
}

impl Facts {
    /// # Errors
    /// Refused where the pod is gone, does not run, or is in its node's own network: an agent would fault the node.
    pub(super) async fn of(cluster: &Cluster, object: &ObjectRef, wanted: &BTreeSet<&str>) -> Result<Self> {
        let Some(pod) = RawPod::read(cluster, object).await? else {
            return Err(Error::refused("it is gone"));
        };
        Self::from_pod(&pod, wanted)
    }

    fn from_pod(pod: &RawPod, wanted: &BTreeSet<&str>) -> Result<Self> {
        let addresses = pod.addresses();
        let node = pod.spec.node_name.clone().unwrap_or_default();
        if pod.metadata.deletion_timestamp.is_some() {
            return Err(Error::refused("it is being deleted"));
        }
        if node.is_empty() || pod.status.phase != "Running" || addresses.is_empty() {
            return Err(Error::refused(format!("it does not run: its phase is {:?}", pod.status.phase)));
        }
        if pod.spec.host_network {
            return Err(Error::refused("it is in its node's own network: a fault there is one on the node"));
        }
        let is_meant = |name: &str| wanted.is_empty() || wanted.contains(name);
        let runs = pod.status.container_statuses.iter().filter(|status| status.state.running.is_some());
        let containers = runs.filter(|status| is_meant(&status.name) && !status.container_id.is_empty());
        let containers =
            containers.map(|status| (status.name.clone(), status.container_id.clone())).collect();
        let namespace = pod.metadata.namespace.as_deref().unwrap_or_default();
        let name = format!("{namespace}/{}", pod.metadata.name);
        Ok(Self { name, node, addresses, containers, named: !wanted.is_empty() })
    }

    /// What the agent does there, by this delivery: the fault by the name that it has in the spec.
    pub(super) fn items(&self, fault: &FaultData, named: &str, delivery: Delivery) -> Result<Vec<Item>> {
        let item = |name: String, target: TargetData| Item::new(name, target, named);
        let one = |target: TargetData| Ok(vec![item(self.name.clone(), target)]);
        let each = |target: &dyn Fn(&str) -> TargetData| {
            let items = self.containers.iter();
            let items: Vec<Item> =
                items.map(|(name, id)| item(format!("{}/{name}", self.name), target(id))).collect();
            match items.is_empty() {
                true => Err(Error::refused("none of its containers runs")),
                false => Ok(items),
            }
        };
        match (fault, delivery) {
            (FaultData::Power(_), _) => {
                Err(Error::invalid("a pod has no power of its own: use `Agents::power` on nodes"))
            }
            (FaultData::Network(_) | FaultData::Dns(_), Delivery::EphemeralContainer) => {
                one(OwnNetwork { addresses: self.addresses.clone() }.into())
            }
            (FaultData::Network(_) | FaultData::Dns(_), Delivery::NodePod) => {
                one(PodNetwork::of(self.addresses.iter().copied()).into())
            }
            (FaultData::Stress(_), Delivery::EphemeralContainer) => one(OwnCgroup::default().into()),
            (FaultData::Stress(_) | FaultData::Freeze(_) | FaultData::KillAll(_), Delivery::NodePod) => {
                each(&|id| ContainerCgroup::of(id).into())
            }
            (_, Delivery::NodePod) => each(&|id| ContainerProcesses::of(id, Which::All).into()),
            (_, Delivery::EphemeralContainer) => {
                Err(Error::invalid("an ephemeral container does not see the processes of others"))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::node::net;

    fn pod(changes: &[(&str, Value)]) -> RawPod {
        let mut pod = json!({
            "metadata": {"name": "cart-0", "namespace": "shop", "uid": "u1"},
            "spec": {"nodeName": "node1", "hostNetwork": false},
            "status": {
                "phase": "Running",
                "podIPs": [{"ip": "10.244.1.2"}, {"ip": "fd00::2"}],
                "containerStatuses": [
                    {"name": "web", "containerID": "containerd://aa", "state": {"running": {}}},
                    {"name": "side", "containerID": "containerd://bb", "state": {"running": {}}},
                    {"name": "done", "containerID": "containerd://cc", "state": {"terminated": {"exitCode": 0}}},
                ],
            },
        });
        for (pointer, value) in changes {
            *pod.pointer_mut(pointer).unwrap() = value.clone();
        }
        serde_json::from_value(pod).unwrap()
    }

    #[test]
    fn what_does_not_run_or_shares_its_node_s_network_is_refused() {
        for (pointer, value, words) in [
            ("/status/phase", json!("Pending"), "does not run"),
            ("/status/podIPs", json!([]), "does not run"),
            ("/spec/hostNetwork", json!(true), "node's own network"),
        ] {
            let error = Facts::from_pod(&pod(&[(pointer, value)]), &BTreeSet::new()).unwrap_err();
            assert!(error.is_refused() && error.to_string().contains(words), "{error}");
        }
    }

    #[test]
    fn an_item_for_the_network_and_one_for_each_container_that_is_meant_and_runs() {
        let facts = |wanted: &[&str]| Facts::from_pod(&pod(&[]), &wanted.iter().copied().collect()).unwrap();
        let names = |fault: FaultData, wanted: &[&str], delivery| {
            let items = facts(wanted).items(&fault, "f", delivery).unwrap();
            items.into_iter().map(|item| item.name).collect::<Vec<_>>().join(" ")
        };
        let busy = || FaultData::from(crate::node::stress::cpu(1).unwrap());
        assert_eq!(names(net::drop().into(), &[], Delivery::NodePod), "shop/cart-0");
        assert_eq!(names(busy(), &[], Delivery::NodePod), "shop/cart-0/web shop/cart-0/side");
        assert_eq!(names(busy(), &["side"], Delivery::NodePod), "shop/cart-0/side");
        assert_eq!(names(busy(), &[], Delivery::EphemeralContainer), "shop/cart-0");
        assert!(facts(&["done"]).items(&busy(), "f", Delivery::NodePod).unwrap_err().is_refused());
    }
}
