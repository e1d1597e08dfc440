//! [`delete`]: the node's object goes, and comes back.

use chaos_core::ledger::RunId;
use chaos_core::{Approved, Error, Fault, Observed, Owner, Plan, Result, Target, Undo};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::PLACE;
use crate::cluster::api::{Kind, ObjectRef, Request};
use crate::cluster::mark::Grip;
use crate::cluster::rights::{Needs, Place, Rights};
use crate::cluster::{Cluster, ClusterNode};

/// Deletes the node's object: for the cluster the node is gone, though its machine runs on.
///
/// Its pods are deleted by the pod garbage collector within a minute or so, for good. The kubelet makes its object anew
/// only when it starts. The undo makes it as it was, labels, annotations and taints included, with a new UID; where
/// something else was faster, it adds what is missing of those.
pub fn delete() -> DeleteNode {
    DeleteNode(())
}

/// See [`delete`](delete()).
#[derive(Debug, Clone)]
#[must_use = "a fault does nothing until it is injected"]
pub struct DeleteNode(());

impl Needs for DeleteNode {
    fn needs(&self, place: Place<'_>) -> Rights {
        ["get", "delete", "create", "patch"].map(|verb| place.right(verb)).into_iter().collect()
    }
}

/// The undo of [`delete`](delete()): the object as it was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NodeBack {
    id: RunId,
    node: ObjectRef,
    found: Value,
}

impl NodeBack {
    async fn now(&self, cluster: &Cluster) -> Result<Option<Value>> {
        Ok(cluster.api().find(Request::get(Kind::NODE, None, &self.node.name)).await?)
    }

    fn is_the_same(&self, now: &Value) -> bool {
        now["metadata"]["uid"] == self.node.uid.as_str()
    }

    /// What was found and is not there now, as a patch; none where all is there.
    fn missing(&self, now: &Value) -> Option<Value> {
        let mut patch = json!({});
        for kind in ["labels", "annotations"] {
            for (key, value) in self.found["metadata"][kind].as_object().into_iter().flatten() {
                if now["metadata"][kind].get(key).is_none() {
                    patch["metadata"][kind][key] = value.clone();
                }
            }
        }
        let list = |node: &Value| {
            node.pointer("/spec/taints").and_then(Value::as_array).cloned().unwrap_or_default()
        };
        let mut taints = list(now);
        let has = |taints: &[Value], taint: &Value| {
            taints.iter().any(|there| there["key"] == taint["key"] && there["effect"] == taint["effect"])
        };
        // Kubernetes' own follow the state of the node.
        let is_ours_to_keep =
            |taint: &Value| !taint["key"].as_str().is_some_and(|key| key.starts_with("node.kubernetes.io/"));
        let lost: Vec<Value> = list(&self.found)
            .into_iter()
            .filter(|taint| is_ours_to_keep(taint) && !has(&taints, taint))
            .collect();
        if !lost.is_empty() {
            taints.extend(lost);
            patch["spec"]["taints"] = json!(taints);
        }
        if self.found["spec"]["unschedulable"] == true && now["spec"]["unschedulable"] != true {
            patch["spec"]["unschedulable"] = json!(true);
        }
        (patch != json!({})).then_some(patch)
    }
}

impl Undo for NodeBack {
    const KIND: &'static str = "chaos-k8s/cluster-node-back/1";
    type Via = Cluster;

    async fn revert(&self, cluster: &Cluster) -> Result<()> {
        let Some(now) = self.now(cluster).await? else {
            let made: Result<Value, _> =
                cluster.api().send(Request::create(Kind::NODE, None, &self.found)).await;
            return match made {
                Ok(_) => Ok(()),
                Err(trouble) if trouble.is_there_already() => Err(Error::failed(format!(
                    "{} was made by something else meanwhile: try again",
                    self.node
                ))),
                Err(trouble) => Err(Error::from(trouble).context(&self.node)),
            };
        };
        if self.is_the_same(&now) {
            // The deletion may still be on its way: it is one of the version that was read.
            return Grip { cluster, object: &self.node }.fence(self.id).await.map(drop);
        }
        if self.missing(&now).is_none() {
            return Ok(());
        }
        let object = ObjectRef {
            uid: now["metadata"]["uid"].as_str().unwrap_or_default().to_owned(),
            ..self.node.clone()
        };
        let grip = Grip { cluster, object: &object };
        grip.patch_with(|now| self.missing(now).unwrap_or_else(|| json!({}))).await.map(drop)
    }

    async fn is_gone(&self, cluster: &Cluster) -> Result<bool> {
        let now = self.now(cluster).await?;
        Ok(now.is_some_and(|now| {
            now["metadata"].get("deletionTimestamp").is_none()
                && (self.is_the_same(&now) || self.missing(&now).is_none())
        }))
    }
}

impl Fault for DeleteNode {
    type Target = ClusterNode;
    type Undo = NodeBack;

    fn describe(&self) -> String {
        "delete the node's object".to_owned()
    }

    fn via<'a>(&'a self, node: &'a ClusterNode) -> &'a Cluster {
        node.cluster()
    }

    async fn prepare(&self, node: &ClusterNode) -> Result<Plan<NodeBack>> {
        node.cluster().require(&self.needs(PLACE)).await?;
        let object = node.object();
        let Some(mut found) = (Grip { cluster: node.cluster(), object: &object }).read().await? else {
            return Err(Error::refused(format!("node {} is gone", node.name())));
        };
        // What the server makes itself, and the kubelet reports anew.
        if let Some(whole) = found.as_object_mut() {
            whole.remove("status");
        }
        if let Some(meta) = found["metadata"].as_object_mut() {
            for made in ["uid", "resourceVersion", "creationTimestamp", "managedFields", "generation"] {
                meta.remove(made);
            }
        }
        found["apiVersion"] = json!("v1");
        found["kind"] = json!("Node");
        let undo = NodeBack { id: RunId::fresh(), node: object, found };
        let change = "its object goes, and its pods with it for good; the object comes back with another UID";
        Ok(Plan::reversible(change, undo).owned_by(Owner::Sweep))
    }

    async fn inject(&self, node: &Approved<ClusterNode>, undo: &NodeBack) -> Result<()> {
        Grip { cluster: node.cluster(), object: &undo.node }.delete().await
    }

    async fn observe(&self, node: &ClusterNode, undo: &NodeBack) -> Result<Observed> {
        Ok(match undo.now(node.cluster()).await? {
            None => Observed::in_force("there is no such node"),
            Some(now) if !undo.is_the_same(&now) => Observed::absent("it was made anew"),
            Some(now) if now["metadata"].get("deletionTimestamp").is_some() => {
                Observed::in_force("it is being deleted")
            }
            Some(_) => Observed::absent("it is there"),
        })
    }
}
