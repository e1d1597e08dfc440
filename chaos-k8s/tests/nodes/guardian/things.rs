//! [`Things`]: what one test changes, and the faults that change it.

use chaos_core::{BlastRadius, Chaos, Fault, Injection, Ledger, Mode, Result};
use chaos_k8s::Cluster;
use chaos_k8s::cluster::agents::Agents;
use chaos_k8s::cluster::pods::Enforced;
use chaos_k8s::cluster::{WorkloadKind, nodes, pods, workloads};
use serde_json::{Value, json};

use crate::scene::Scene;
use crate::server::Server;

/// What one test changes: objects of its own, the node one without a machine.
#[derive(Debug, Clone)]
pub(super) struct Things {
    pub(super) namespace: String,
    pub(super) node: String,
}

pub(super) const WORKLOAD: &str = "asleep";
pub(super) const LABELLED: &str = "labelled";
const CUT_OFF: &str = "cut-off";

impl Things {
    pub(super) async fn new(scene: &Scene) -> Self {
        let things = Self { namespace: scene.namespace().to_owned(), node: scene.server.name("guarded") };
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": things.node}});
        scene.server.create(node).await;
        let nowhere = json!({"kubernetes.io/hostname": "nowhere"});
        let spec =
            json!({"nodeSelector": nowhere, "containers": [{"name": "web", "image": "localhost/shop:1"}]});
        for name in [LABELLED, CUT_OFF] {
            let meta = json!({"name": name, "namespace": things.namespace, "labels": {"app": name}});
            scene
                .server
                .create(json!({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}))
                .await;
        }
        let labels = json!({"app": WORKLOAD});
        let deployment = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": WORKLOAD, "namespace": things.namespace},
            "spec": {
                "replicas": 2, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": spec},
            },
        });
        scene.server.create(deployment).await;
        scene.service(LABELLED, 80).await;
        things
    }

    pub(super) fn node_path(&self) -> String {
        format!("/api/v1/nodes/{}", self.node)
    }

    pub(super) fn pod_path(&self, name: &str) -> String {
        format!("/api/v1/namespaces/{}/pods/{name}", self.namespace)
    }

    /// What is changed: whether the node is cordoned, how many replicas, whether the label is missing, how many policies.
    pub(super) async fn state(&self, server: &Server) -> [Value; 4] {
        let of = async |path: &str| server.ask(path).await.1;
        let workload = format!("/apis/apps/v1/namespaces/{}/deployments/{WORKLOAD}", self.namespace);
        let policies = format!("/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies", self.namespace);
        [
            of(&self.node_path()).await["spec"]["unschedulable"].clone(),
            of(&workload).await["spec"]["replicas"].clone(),
            of(&self.pod_path(LABELLED)).await["metadata"]["labels"]["app"].clone(),
            json!(of(&policies).await["items"].as_array().map_or(0, Vec::len)),
        ]
    }

    pub(super) async fn over(&self, scene: Scene) {
        scene.server.delete(&self.node_path(), &json!({})).await;
        scene.over().await;
    }
}

pub(super) const FOUND: fn() -> [Value; 4] = || [Value::Null, json!(2), json!(LABELLED), json!(0)];
pub(super) const CHANGED: fn() -> [Value; 4] = || [json!(true), json!(0), Value::Null, json!(1)];

pub(super) async fn begin<F: Fault>(
    cluster: &Cluster,
    on: chaos_core::injection::On<F>,
) -> Result<Injection> {
    let ledger = Ledger::in_memory(cluster.undos()?);
    let radius = BlastRadius::count(10)?;
    Chaos::random().inject(on, radius).ledger(ledger).begin().await
}

pub(super) async fn cordon(agents: &Agents, cluster: &Cluster, node: &str) -> Result<Injection> {
    begin(cluster, agents.guarded(nodes::cordon()).on(cluster.nodes().named(node), Mode::ALL)).await
}

/// One of the four, with a guardian pod of its own.
pub(super) async fn one_of_four(
    number: usize,
    agents: &Agents,
    cluster: &Cluster,
    things: &Things,
) -> Result<Injection> {
    let pod = |name| cluster.pods().pod(&things.namespace, name);
    match number {
        0 => cordon(agents, cluster, &things.node).await,
        1 => {
            let workloads = cluster.workloads(WorkloadKind::Deployment);
            let workload = workloads.in_namespace(&things.namespace).named(WORKLOAD);
            begin(cluster, agents.guarded(workloads::scale_to(0)).on(workload, Mode::ALL)).await
        }
        2 => {
            let leave = pods::leave_service(cluster.service(&things.namespace, LABELLED));
            begin(cluster, agents.guarded(leave).on(pod(LABELLED), Mode::ALL)).await
        }
        _ => {
            let isolate = pods::isolate(Enforced::believed());
            begin(cluster, agents.guarded(isolate).on(pod(CUT_OFF), Mode::ALL)).await
        }
    }
}

pub(super) async fn all_four(agents: &Agents, cluster: &Cluster, things: &Things) -> Result<[Injection; 4]> {
    let one = |number| one_of_four(number, agents, cluster, things);
    let (cordoned, scaled, left, isolated) = tokio::join!(one(0), one(1), one(2), one(3));
    Ok([cordoned?, scaled?, left?, isolated?])
}
