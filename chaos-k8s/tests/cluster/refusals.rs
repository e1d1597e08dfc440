//! Bad input: each its own clear error, and nothing touched.

use chaos_core::units::secs;
use chaos_core::{BlastRadius, Chaos, Error, Experiment, Fault, Ledger, Mode, Result};
use chaos_k8s::cluster::rights::Needs;
use chaos_k8s::cluster::testing::FakeApi;
use chaos_k8s::cluster::{Cluster, Pod, Pods, WorkloadKind, nodes, pods, workloads};
use serde_json::json;

use crate::scene::{node, paused, pod, shop};
use crate::support::Test;

pub(crate) const TESTS: &[Test] = &[
    ("refusals_of_selections", &[], of_selections),
    ("refusals_of_caps", &[], of_caps),
    ("refusals_of_rights", &[], of_rights),
    ("refusals_of_what_is_there", &[], of_what_is_there),
    ("refusals_without_a_server", &[], without_a_server),
];

/// Why an experiment with `fault` on `pods` would be refused; that nothing was touched.
async fn refusal(
    api: &FakeApi,
    step: impl Into<chaos_core::experiment::Step>,
    radius: BlastRadius,
) -> String {
    let chaos = Chaos::seeded(7);
    let experiment = Experiment::new(&chaos, "it holds").fault(step).blast_radius(radius).lasting(secs(5));
    let ledger = Ledger::in_memory(api.cluster().undos().unwrap());
    let before = api.state();
    api.forget_calls();
    let report = experiment.ledger(ledger).run().await.unwrap();
    assert_eq!(report.outcome, chaos_core::Outcome::Refused, "{report}");
    assert_eq!(api.state(), before);
    assert_eq!(api.writes(), [], "nothing was touched");
    let reason = report.reason.clone().unwrap_or_default();
    assert!(!reason.contains('\n'), "{reason}");
    reason
}

fn all() -> BlastRadius {
    BlastRadius::percent(100).unwrap()
}

fn of_selections() {
    paused(async {
        let api = shop(3);
        let cluster = api.cluster();
        let mut mirror = pod("shop", "etcd", "etcd");
        mirror["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "x"});
        api.put(mirror);
        api.put(pod("kube-system", "dns", "dns"));
        let cases: Vec<(Pods, &str)> = vec![
            (cluster.pods(), "says no namespace"),
            (cluster.pods().label("app", "cart").unwrap(), "says no namespace"),
            (cluster.pods().in_all_namespaces(), "too much"),
            (cluster.pods().in_namespace("Shop"), "namespace \"Shop\""),
            (cluster.pods().in_namespace("shop").label("app", "none").unwrap(), "no pod is selected by"),
            (cluster.pods().in_namespace("nowhere"), "no pod is selected by"),
            (cluster.pods().pod("shop", "cart-9"), "pod shop/cart-9 is not there"),
            (cluster.pods().in_namespace("kube-system"), "namespace kube-system is protected"),
            (cluster.pods().pod("kube-system", "dns"), "namespace kube-system is protected"),
            (
                cluster.pods().in_all_namespaces().label("app", "dns").unwrap(),
                "namespace kube-system is protected",
            ),
            (cluster.pods().pod("shop", "etcd"), "its kubelet made it from a file"),
        ];
        for (selection, expected) in cases {
            let what = format!("{selection:?}");
            let reason = refusal(&api, pods::kill().on(selection, Mode::ALL), all()).await;
            assert!(reason.contains(expected), "{what}: {reason}");
        }
        for (selection, expected) in
            [(cluster.nodes(), "says nothing"), (cluster.nodes().named("n9"), "node n9 is not there")]
        {
            let reason = refusal(&api, nodes::cordon().on(selection, Mode::ALL), all()).await;
            assert!(reason.contains(expected), "{reason}");
        }
        let workload = || cluster.workloads(WorkloadKind::Deployment);
        for (selection, expected) in [
            (workload().named("cart"), "says no namespace"),
            (workload().in_namespace("shop").named("x"), "deployment x is not there"),
            (workload().in_namespace("kube-system"), "protected"),
        ] {
            let reason = refusal(&api, workloads::scale_to(0).on(selection, Mode::ALL), all()).await;
            assert!(reason.contains(expected), "{reason}");
        }
    });
}

fn of_caps() {
    paused(async {
        let api = shop(3);
        let carts = || api.cluster().pods().in_namespace("shop").label("app", "cart").unwrap();
        let reason =
            refusal(&api, pods::kill().on(carts(), Mode::ALL), BlastRadius::percent(33).unwrap()).await;
        assert!(reason.contains("rounds down to nobody"), "{reason}");
        let reason = refusal(&api, pods::kill().on(carts(), Mode::percent(1).unwrap()), all()).await;
        assert!(reason.contains("rounds down to nobody"), "{reason}");
        for n in 0..3 {
            api.change("pods", "shop", &format!("cart-5d-{n}"), |pod| {
                pod["metadata"]["annotations"] = json!({"chaos-sdk.dev/allow": "false"});
            });
        }
        let reason = refusal(&api, pods::kill().on(carts(), Mode::ALL), all()).await;
        assert!(reason.contains("protected") && reason.contains("\"false\""), "{reason}");
    });
}

/// Each right of each fault is asked for before anything is touched, and named when it is missing.
fn of_rights() {
    paused(async {
        async fn on_pods<F: Fault<Target = Pod> + Needs + Clone>(fault: F) {
            let selection =
                |cluster: &Cluster| cluster.pods().in_namespace("shop").label("app", "cart").unwrap();
            let rights = selection(&shop(1).cluster()).rights_for(&fault);
            assert!(rights.iter().all(|right| right.namespace() == Some("shop")), "{rights}");
            for right in rights.iter() {
                let api = shop(1);
                api.allow_only(&rights);
                api.forbid(right.clone());
                let reason =
                    refusal(&api, fault.clone().on(selection(&api.cluster()), Mode::ALL), all()).await;
                assert!(
                    reason.contains("missing right") && reason.contains(&right.to_string()),
                    "{right}: {reason}"
                );
            }
        }
        on_pods(pods::kill()).await;
        on_pods(pods::evict()).await;
        on_pods(pods::fail()).await;
        on_pods(pods::isolate(pods::Enforced::believed())).await;
        on_pods(pods::leave_service(shop(1).cluster().service("shop", "cart"))).await;

        let scale = workloads::scale_to(0);
        let selection = |api: &FakeApi| {
            api.cluster().workloads(WorkloadKind::Deployment).in_namespace("shop").named("cart")
        };
        let rights = selection(&shop(1)).rights_for(&scale);
        for right in rights.iter() {
            let api = shop(1);
            api.forbid(right.clone());
            let reason = refusal(&api, scale.clone().on(selection(&api), Mode::ALL), all()).await;
            assert!(reason.contains(&right.to_string()), "{right}: {reason}");
        }
        for right in api_nodes(&shop(1)).rights_for(&nodes::drain()).iter() {
            let api = shop(1);
            api.forbid(right.clone());
            let reason = refusal(&api, nodes::drain().on(api_nodes(&api), Mode::ONE), all()).await;
            assert!(reason.contains(&right.to_string()), "{right}: {reason}");
        }
    });
}

fn api_nodes(api: &FakeApi) -> chaos_k8s::cluster::Nodes {
    api.cluster().nodes().named("n1")
}

fn of_what_is_there() {
    paused(async {
        let api = shop(2);
        let cluster = api.cluster();
        let cart = || cluster.workloads(WorkloadKind::Deployment).in_namespace("shop").named("cart");
        api.put(json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "hpa", "namespace": "shop"},
            "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "cart"}, "minReplicas": 2, "maxReplicas": 10},
        }));
        let reason = refusal(&api, workloads::scale_to(1).on(cart(), Mode::ALL), all()).await;
        assert!(reason.contains("autoscaler hpa (between 2 and 10 replicas)"), "{reason}");
        let sets = cluster.workloads(WorkloadKind::ReplicaSet).in_namespace("shop").named("cart-5d");
        let reason = refusal(&api, workloads::scale_to(1).on(sets, Mode::ALL), all()).await;
        assert!(reason.contains("belongs to Deployment cart: scale that"), "{reason}");
        api.change("deployments", "shop", "cart", |cart| cart["spec"]["paused"] = json!(true));
        let reason = refusal(&api, workloads::restart().on(cart(), Mode::ALL), all()).await;
        assert!(reason.contains("paused"), "{reason}");

        let carts = || cluster.pods().in_namespace("shop").label("app", "cart").unwrap();
        let leave = |service: &str| pods::leave_service(cluster.service("shop", service));
        for (fault, expected) in [
            (leave("none"), "service shop/none is not there"),
            (leave("cart").by_label("tier").unwrap(), "selects by app, not by tier"),
            (leave("../x"), "service \"../x\""),
        ] {
            let reason = refusal(&api, fault.on(carts(), Mode::ONE), all()).await;
            assert!(reason.contains(expected), "{reason}");
        }
        let db = cluster.pods().pod("shop", "db-0");
        let reason = refusal(&api, leave("cart").on(db, Mode::ONE), all()).await;
        assert!(reason.contains("no endpoint"), "{reason}");

        api.put(json!({
            "apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy",
            "metadata": {"name": "allow-web", "namespace": "shop"},
            "spec": {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{}]},
        }));
        let isolate = pods::isolate(pods::Enforced::believed());
        let reason = refusal(&api, isolate.on(carts(), Mode::ONE), all()).await;
        assert!(reason.contains("network policy allow-web lets traffic through"), "{reason}");

        let mut tainted = node("n3");
        tainted["spec"]["taints"] =
            json!([{"key": "chaos-sdk.dev/fault", "value": "mine", "effect": "NoSchedule"}]);
        api.put(tainted);
        let taint = nodes::taint(nodes::TaintEffect::NoSchedule);
        let reason = refusal(&api, taint.on(cluster.nodes().named("n3"), Mode::ONE), all()).await;
        assert!(reason.contains("has a taint chaos-sdk.dev/fault:NoSchedule already"), "{reason}");

        let drain = || nodes::drain().on(cluster.nodes().named("n1"), Mode::ONE);
        let reason = refusal(&api, drain(), all()).await;
        assert!(
            reason.contains("nothing makes pod Pod shop/db-0 anew") || reason.contains("db-0"),
            "{reason}"
        );
        api.remove("pods", "shop", "db-0");
        api.change("pods", "shop", "cart-5d-0", |pod| {
            pod["spec"]["volumes"] = json!([{"name": "tmp", "emptyDir": {}}]);
        });
        let reason = refusal(&api, drain(), all()).await;
        assert!(reason.contains("also_local_data"), "{reason}");

        api.change("pods", "shop", "cart-5d-1", |pod| {
            pod["metadata"]["annotations"] = json!({"chaos-sdk.dev/faults": "not ours"});
        });
        let reason =
            refusal(&api, pods::fail().on(cluster.pods().pod("shop", "cart-5d-1"), Mode::ONE), all()).await;
        assert!(reason.contains("cannot be read"), "{reason}");
    });
}

fn without_a_server() {
    paused(async {
        let check = |result: Result<()>, expected: &str| {
            let error: Error = result.unwrap_err();
            assert!(error.is_invalid() && error.to_string().contains(expected), "{error}");
        };
        let cluster = FakeApi::new().cluster();
        check(cluster.pods().label("a b", "c").map(drop), "label");
        check(cluster.pods().labels("a in").map(drop), "label selector");
        check(cluster.pods().fields("spec.image=x").map(drop), "field selector");
        check(cluster.pods().owned_by(WorkloadKind::Job, "a/b").map(drop), "job");
        check(cluster.pods_by(Default::default()).map(drop), "no namespace");
        check(cluster.clone().lasting_at_most(secs(0)).map(drop), "at most");
        check(pods::kill().grace(secs(3601)).map(drop), "grace");
        check(pods::kill().grace(chaos_core::units::ms(1500)).map(drop), "whole seconds");
        check(nodes::drain().within(secs(0)).map(drop), "drain within");
        check(
            pods::isolate(pods::Enforced::believed()).only("0.0.0.0/0".parse().unwrap()).map(drop),
            "every address",
        );
    });
}
