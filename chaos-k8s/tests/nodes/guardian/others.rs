//! [`Others`]: a taint, a drain and a pod that fails, beside the [`Things`](super::things::Things).

use chaos_core::{Fault, Injection, Mode, Result};
use chaos_k8s::Cluster;
use chaos_k8s::cluster::agents::Agents;
use chaos_k8s::cluster::nodes::TaintEffect;
use chaos_k8s::cluster::{nodes, pods};
use serde_json::{Value, json};

use super::things::begin;
use crate::scene::{HERE, Part, Scene};
use crate::server::Server;

/// What one test changes: a node without a machine, with a pod on it, and a pod that runs.
#[derive(Debug, Clone)]
pub(super) struct Others {
    pub(super) namespace: String,
    pub(super) node: String,
}

const FAILS: &str = "fails";
const GOES: &str = "goes";
const IMAGE: &str = "localhost/shop:1";

impl Others {
    pub(super) async fn new(scene: &Scene) -> Self {
        let others = Self { namespace: scene.namespace().to_owned(), node: scene.server.name("drained") };
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": others.node}});
        scene.server.create(node).await;
        let goes = json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {"name": GOES, "namespace": others.namespace},
            "spec": {
                "nodeName": others.node, "tolerations": [{"operator": "Exists"}],
                // There is no kubelet that would end it.
                "terminationGracePeriodSeconds": 0,
                "containers": [{"name": "web", "image": IMAGE}],
            },
        });
        scene.server.create(goes).await;
        scene.part(FAILS, HERE).await;
        others
    }

    /// What is changed: whether the node has the taint and is cordoned, and the image of the pod.
    pub(super) async fn state(&self, server: &Server) -> [Value; 3] {
        let (_, node) = server.ask(&format!("/api/v1/nodes/{}", self.node)).await;
        let taints = node["spec"]["taints"].as_array().into_iter().flatten();
        let is_tainted = taints.into_iter().any(|taint| taint["key"] == "chaos-sdk.dev/fault");
        let (_, pod) = server.ask(&self.pod_path(FAILS)).await;
        [
            json!(is_tainted),
            node["spec"]["unschedulable"].clone(),
            pod["spec"]["containers"][0]["image"].clone(),
        ]
    }

    fn pod_path(&self, name: &str) -> String {
        format!("/api/v1/namespaces/{}/pods/{name}", self.namespace)
    }

    /// Whether the pod is there that was on the node.
    pub(super) async fn is_drained(&self, server: &Server) -> bool {
        server.ask(&self.pod_path(GOES)).await.0 == 404
    }

    /// The pod that failed, if it is ready.
    pub(super) async fn ready(&self, scene: &Scene) -> Option<Part> {
        scene.parts(FAILS).await.pop()
    }

    pub(super) async fn over(&self, scene: Scene) {
        scene.server.delete(&format!("/api/v1/nodes/{}", self.node), &json!({})).await;
        scene.over().await;
    }

    pub(super) fn found() -> [Value; 3] {
        [json!(false), Value::Null, json!(IMAGE)]
    }

    /// Each with a guardian pod of its own.
    pub(super) async fn inject(&self, agents: &Agents, cluster: &Cluster) -> Result<[Injection; 3]> {
        let node = || cluster.nodes().named(&self.node);
        let taint = agents.guarded(nodes::taint(TaintEffect::NoExecute)).on(node(), Mode::ALL);
        let drain = agents.guarded(nodes::drain().also_unmanaged()).on(node(), Mode::ALL);
        let fail = agents.guarded(pods::fail()).on(cluster.pods().pod(&self.namespace, FAILS), Mode::ALL);
        let (tainted, drained, failed) =
            tokio::join!(begin(cluster, taint), begin(cluster, drain), begin(cluster, fail));
        Ok([tainted?, drained?, failed?])
    }
}
