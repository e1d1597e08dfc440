//! What faults take from the API server: what is printed is what is used.

use std::collections::BTreeSet;

use chaos_core::{Fault, Mode};
use chaos_k8s::cluster::nodes::TaintEffect;
use chaos_k8s::cluster::pods::Enforced;
use chaos_k8s::cluster::rights::{Needs, Rights, Subject};
use chaos_k8s::cluster::testing::FakeApi;
use chaos_k8s::cluster::{ClusterNode, Pod, Workload, WorkloadKind, nodes, pods, workloads};

use crate::effects::begin;
use crate::scene::{paused, shop};
use crate::support::Test;

pub(crate) const TESTS: &[Test] = &[
    ("rights_granted_are_used", &[], granted_are_used),
    ("rights_of_selections", &[], of_selections),
    ("rights_are_no_more_than_named", &[], no_more_than_named),
];

/// (verb, group, resource) of all requests but the access reviews.
fn used(api: &FakeApi) -> BTreeSet<(String, String, String)> {
    let calls = api.calls().into_iter().filter(|call| call.group != "authorization.k8s.io");
    calls.map(|call| (call.verb.to_owned(), call.group, call.resource)).collect()
}

fn granted(rights: &Rights) -> BTreeSet<(String, String, String)> {
    rights.iter().map(|right| (right.verb().to_owned(), right.group().to_owned(), right.resource())).collect()
}

/// Drives a fault through its life with these rights alone; all of them are used, but for `spare`.
async fn live(rights: Rights, spare: &[&str], api: FakeApi, step: impl Into<chaos_core::experiment::Step>) {
    api.allow_only(&rights);
    let cluster = api.cluster();
    begin(&cluster, step).await.unwrap().revert().await.unwrap();
    let unused: BTreeSet<String> = granted(&rights)
        .difference(&used(&api))
        .map(|(verb, _, resource)| format!("{verb} {resource}"))
        .collect();
    assert_eq!(unused, spare.iter().map(|text| (*text).to_owned()).collect(), "of {rights}");
    assert!(used(&api).is_subset(&granted(&rights)));
}

fn granted_are_used() {
    paused(async {
        async fn on_pod<F: Fault<Target = Pod> + Needs>(make: impl FnOnce(&FakeApi) -> F) {
            let api = shop(1);
            let pods = api.cluster().pods().in_namespace("shop").label("app", "cart").unwrap();
            let fault = make(&api);
            live(pods.rights_for(&fault), &[], api, fault.on(pods, Mode::ALL)).await;
        }
        on_pod(|_| pods::kill()).await;
        on_pod(|_| pods::evict()).await;
        on_pod(|_| pods::fail()).await;
        on_pod(|_| pods::isolate(Enforced::believed())).await;
        on_pod(|api| pods::leave_service(api.cluster().service("shop", "cart"))).await;

        async fn on_workload<F: Fault<Target = Workload> + Needs>(fault: F) {
            let api = shop(1);
            let cart = api.cluster().workloads(WorkloadKind::Deployment).in_namespace("shop").named("cart");
            live(cart.rights_for(&fault), &[], api, fault.on(cart, Mode::ALL)).await;
        }
        on_workload(workloads::scale_to(0)).await;
        on_workload(workloads::restart()).await;

        async fn on_node<F: Fault<Target = ClusterNode> + Needs>(fault: F, spare: &[&str]) {
            let api = shop(1);
            api.remove("pods", "shop", "db-0");
            let node = api.cluster().nodes().named("n1");
            live(node.rights_for(&fault), spare, api, fault.on(node, Mode::ALL)).await;
        }
        on_node(nodes::cordon(), &[]).await;
        on_node(nodes::taint(TaintEffect::NoSchedule), &[]).await;
        on_node(nodes::drain(), &[]).await;
        // For the case that something else makes the node anew, or that the deletion never came.
        on_node(nodes::delete(), &["patch nodes"]).await;
    });
}

fn of_selections() {
    paused(async {
        let api = shop(1);
        let cluster = api.cluster();
        let selection =
            cluster.pods().in_namespace("shop").owned_by(WorkloadKind::Deployment, "cart").unwrap();
        let selection = selection.on_nodes("zone=a").unwrap();
        let rights = selection.rights();
        assert_eq!(
            rights.to_string(),
            "list nodes, list pods in namespace shop, list deployments.apps in namespace shop, list replicasets.apps in \
             namespace shop"
        );
        api.allow_only(&rights);
        assert_eq!(chaos_core::Select::select(&selection).await.unwrap().len(), 1);
        assert_eq!(used(&api), granted(&rights));
        for right in rights.iter() {
            let api = shop(1);
            api.forbid(right.clone());
            let cluster = api.cluster();
            let selection =
                cluster.pods().in_namespace("shop").owned_by(WorkloadKind::Deployment, "cart").unwrap();
            let error = chaos_core::Select::select(&selection.on_nodes("zone=a").unwrap()).await.unwrap_err();
            assert!(error.is_refused() && error.to_string().contains(&right.to_string()), "{right}: {error}");
        }
    });
}

fn no_more_than_named() {
    paused(async {
        let cluster = shop(1).cluster();
        let pods = cluster.pods().in_all_namespaces().label("app", "cart").unwrap();
        let everything = pods
            .rights_for(&pods::kill())
            .and(pods.rights_for(&pods::evict()))
            .and(pods.rights_for(&pods::fail()))
            .and(pods.rights_for(&pods::isolate(Enforced::believed())))
            .and(pods.rights_for(&pods::leave_service(cluster.service("shop", "cart"))))
            .and(cluster.nodes().rights_for(&nodes::drain()))
            .and(cluster.nodes().rights_for(&nodes::delete()))
            .and(
                cluster
                    .workloads(WorkloadKind::Deployment)
                    .in_namespace("shop")
                    .rights_for(&workloads::scale_to(1)),
            )
            .and(cluster.sweep().rights());
        let manifest =
            everything.manifest("chaos", &Subject::service_account("chaos", "runner").unwrap()).unwrap();
        for never in ["*", "secrets", "exec", "escalate", "bind\"", "impersonate", "attach", "portforward"] {
            assert!(!manifest.contains(never), "{never}: {manifest}");
        }
    });
}
