//! Every fault keeps the contract of faults, on a server in memory and on a real one.

use std::cell::Cell;

use chaos_core::testing::conformance;
use chaos_core::units::secs;
use chaos_core::{Error, Fault, Result, Select, Target};
use chaos_k8s::cluster::nodes::TaintEffect;
use chaos_k8s::cluster::pods::Enforced;
use chaos_k8s::cluster::{ClusterNode, Pod, Workload, WorkloadKind, nodes, pods, workloads};
use serde_json::{Value, json};

use crate::scene::{deployment, node, paused, pod, service};
use crate::server::{Server, really};
use crate::support::{Need, Test};

pub(crate) const TESTS: &[Test] = &[
    ("contract_kill", &[], || paused(async { kill(Server::fake().await).await })),
    ("contract_evict", &[], || paused(async { evict(Server::fake().await).await })),
    ("contract_fail", &[], || paused(async { fail(Server::fake().await).await })),
    ("contract_leave_service", &[], || paused(async { leave_service(Server::fake().await).await })),
    ("contract_isolate", &[], || paused(async { isolate(Server::fake().await).await })),
    ("contract_scale", &[], || paused(async { scale(Server::fake().await).await })),
    ("contract_restart", &[], || paused(async { restart(Server::fake().await).await })),
    ("contract_cordon", &[], || paused(async { cordon(Server::fake().await).await })),
    ("contract_taint", &[], || paused(async { taint(Server::fake().await).await })),
    ("contract_drain", &[], || paused(async { drain(Server::fake().await).await })),
    ("contract_delete_node", &[], || paused(async { delete_node(Server::fake().await).await })),
    ("real_contract_kill", &[Need::Api], || really(async { kill(Server::real().await).await })),
    ("real_contract_evict", &[Need::Api], || really(async { evict(Server::real().await).await })),
    ("real_contract_fail", &[Need::Api], || really(async { fail(Server::real().await).await })),
    ("real_contract_leave_service", &[Need::Api], || {
        really(async { leave_service(Server::real().await).await })
    }),
    ("real_contract_isolate", &[Need::Api], || really(async { isolate(Server::real().await).await })),
    ("real_contract_scale", &[Need::Api], || really(async { scale(Server::real().await).await })),
    ("real_contract_restart", &[Need::Api], || really(async { restart(Server::real().await).await })),
    ("real_contract_cordon", &[Need::Api], || really(async { cordon(Server::real().await).await })),
    ("real_contract_taint", &[Need::Api], || really(async { taint(Server::real().await).await })),
    ("real_contract_drain", &[Need::Api], || really(async { drain(Server::real().await).await })),
    ("real_contract_delete_node", &[Need::Api], || really(async { delete_node(Server::real().await).await })),
];

fn first<T>(targets: Vec<T>) -> Result<T> {
    targets.into_iter().next().ok_or_else(|| Error::refused("nothing was selected"))
}

fn pod_path(server: &Server, pod: &Pod) -> String {
    format!("/api/v1/namespaces/{}/pods/{}", server.namespace, pod.pod_name())
}

async fn policies(server: &Server) -> Vec<Value> {
    let path = format!("/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies", server.namespace);
    server.ask(&path).await.1["items"].as_array().unwrap().clone()
}

/// On a fresh pod for each check.
async fn on_pods<F: Fault<Target = Pod>>(server: &Server, fault: F) {
    let (cluster, count) = (server.cluster(), Cell::new(0));
    let mark = chaos_core::ledger::RunId::fresh();
    let target = async || {
        count.set(count.get() + 1);
        let name = format!("cart-{mark}-{}", count.get());
        server.create(pod(&server.namespace, &name, "cart")).await;
        first(cluster.pods().pod(server.namespace.clone(), name).select().await?)
    };
    let world = async |pod: &Pod| {
        let names = policies(server).await.into_iter().map(|policy| policy["metadata"]["name"].clone());
        (server.bare(&pod_path(server, pod)).await, names.collect::<Vec<Value>>())
    };
    conformance(fault, target, world).await.assert_passed();
}

async fn kill(server: Server) {
    on_pods(&server, pods::kill().grace(secs(0)).unwrap()).await;
    on_pods(&server, pods::kill()).await;
}

async fn evict(server: Server) {
    on_pods(&server, pods::evict()).await;
}

async fn fail(server: Server) {
    on_pods(&server, pods::fail()).await;
}

async fn leave_service(server: Server) {
    let mut cart = service(&server.namespace, "cart", json!({"app": "cart"}));
    cart["spec"]["ports"] = json!([{"port": 80}]);
    server.create(cart).await;
    on_pods(&server, pods::leave_service(server.cluster().service(server.namespace.clone(), "cart"))).await;
}

async fn isolate(server: Server) {
    on_pods(&server, pods::isolate(Enforced::believed())).await;
    let only = pods::isolate(Enforced::believed()).outbound().only("10.1.0.0/16".parse().unwrap()).unwrap();
    on_pods(&server, only).await;
    // What a network would do: a policy selects the pod by a label that it has.
    let network = server.clone();
    let is_cut = move |pod: Pod| {
        let network = network.clone();
        async move {
            let (_, now) = network.ask(&pod_path(&network, &pod)).await;
            let selects = |policy: &Value| {
                let mut wanted =
                    policy["spec"]["podSelector"]["matchLabels"].as_object().into_iter().flatten();
                wanted.all(|(key, value)| now["metadata"]["labels"][key] == *value)
            };
            Ok(policies(&network).await.iter().any(selects))
        }
    };
    on_pods(&server, pods::isolate(Enforced::seen_by(is_cut))).await;
}

async fn on_workloads<F: Fault<Target = Workload>>(server: &Server, fault: F) {
    let (cluster, count) = (server.cluster(), Cell::new(0));
    let mark = chaos_core::ledger::RunId::fresh();
    let target = async || {
        count.set(count.get() + 1);
        let name = format!("cart-{mark}-{}", count.get());
        let mut cart = deployment(&server.namespace, &name, 3);
        cart["spec"]["template"] = json!({
            "metadata": {"labels": {"app": name}}, "spec": {"containers": [{"name": "web", "image": "shop/web:1"}]},
        });
        server.create(cart).await;
        let namespace = server.namespace.clone();
        first(cluster.workloads(WorkloadKind::Deployment).in_namespace(namespace).named(name).select().await?)
    };
    let world = async |workload: &Workload| {
        let name = workload.name();
        let name = name.split_once('/').unwrap().1;
        server.bare(&format!("/apis/apps/v1/namespaces/{}/deployments/{name}", server.namespace)).await
    };
    conformance(fault, target, world).await.assert_passed();
}

async fn scale(server: Server) {
    on_workloads(&server, workloads::scale_to(0)).await;
    on_workloads(&server, workloads::scale_to(5)).await;
}

async fn restart(server: Server) {
    on_workloads(&server, workloads::restart()).await;
}

async fn on_nodes<F: Fault<Target = ClusterNode>>(server: &Server, fault: F) {
    let (cluster, count) = (server.cluster(), Cell::new(0));
    let mark = chaos_core::ledger::RunId::fresh();
    let target = async || {
        count.set(count.get() + 1);
        let name = format!("node-{mark}-{}", count.get());
        server.create(node(&name)).await;
        first(cluster.nodes().named(name).select().await?)
    };
    let world = async |node: &ClusterNode| {
        let mut node = server.bare(&format!("/api/v1/nodes/{}", node.name())).await?;
        // The kubelet's.
        node.as_object_mut().unwrap().remove("status");
        Some(node)
    };
    conformance(fault, target, world).await.assert_passed();
    for n in 1..=count.get() {
        server.delete(&format!("/api/v1/nodes/node-{mark}-{n}"), &json!({})).await;
    }
}

async fn cordon(server: Server) {
    on_nodes(&server, nodes::cordon()).await;
}

async fn taint(server: Server) {
    for effect in [TaintEffect::NoSchedule, TaintEffect::PreferNoSchedule, TaintEffect::NoExecute] {
        on_nodes(&server, nodes::taint(effect).value("test").unwrap()).await;
    }
}

async fn drain(server: Server) {
    on_nodes(&server, nodes::drain()).await;
}

async fn delete_node(server: Server) {
    on_nodes(&server, nodes::delete()).await;
}
