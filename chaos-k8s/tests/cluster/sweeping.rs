//! What a run that died left in the cluster, ended from anywhere.

use chaos_core::{Fault, Mode};
use chaos_k8s::cluster::nodes::TaintEffect;
use chaos_k8s::cluster::testing::FakeApi;
use chaos_k8s::cluster::{Cluster, Right, WorkloadKind, nodes, pods, workloads};
use serde_json::{Value, json};

use crate::effects::begin;
use crate::scene::{paused, shop};
use crate::support::Test;

pub(crate) const TESTS: &[Test] = &[
    ("sweep_ends_what_the_dead_left", &[], ends_what_the_dead_left),
    ("sweep_leaves_the_living_alone", &[], leaves_the_living_alone),
    ("sweep_says_what_it_cannot", &[], says_what_it_cannot),
    ("sweep_takes_no_more_than_its_rights", &[], takes_no_more_than_its_rights),
];

/// One of each fault that stays, by a run that ends without a word and without its ledger.
async fn left_behind(api: &FakeApi) -> Cluster {
    let cluster = api.cluster();
    let pod = |name: &str| cluster.pods().pod("shop", name);
    let cart = cluster.workloads(WorkloadKind::Deployment).in_namespace("shop").named("cart");
    let node = |name: &str| cluster.nodes().named(name);
    std::mem::forget(begin(&cluster, pods::fail().on(pod("cart-5d-0"), Mode::ONE)).await.unwrap());
    let leave = pods::leave_service(cluster.service("shop", "cart"));
    std::mem::forget(begin(&cluster, leave.on(pod("cart-5d-1"), Mode::ONE)).await.unwrap());
    let isolate = pods::isolate(pods::Enforced::believed());
    std::mem::forget(begin(&cluster, isolate.on(pod("cart-5d-2"), Mode::ONE)).await.unwrap());
    std::mem::forget(begin(&cluster, workloads::scale_to(0).on(cart, Mode::ONE)).await.unwrap());
    std::mem::forget(begin(&cluster, nodes::cordon().on(node("n1"), Mode::ONE)).await.unwrap());
    let taint = nodes::taint(TaintEffect::NoSchedule);
    std::mem::forget(begin(&cluster, taint.on(node("n2"), Mode::ONE)).await.unwrap());
    cluster
}

/// As if the faults had begun long ago.
fn age(api: &FakeApi) {
    for object in api.state() {
        let Some(text) = object["metadata"]["annotations"]["chaos-sdk.dev/faults"].as_str() else { continue };
        let mut faults: Value = serde_json::from_str(text).unwrap();
        for claim in faults["claims"].as_array_mut().unwrap() {
            claim["until"] = json!("2026-01-01T00:00:00Z");
        }
        let text = faults.to_string();
        let part = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
        let plural = match object["kind"].as_str().unwrap() {
            "Pod" => "pods",
            "Node" => "nodes",
            "Deployment" => "deployments",
            _ => "networkpolicies",
        };
        api.change(plural, &part("namespace"), &part("name"), |object| {
            object["metadata"]["annotations"]["chaos-sdk.dev/faults"] = json!(text);
        });
    }
}

fn ends_what_the_dead_left() {
    paused(async {
        let api = shop(3);
        let before = api.state();
        left_behind(&api).await;
        age(&api);
        let swept = api.cluster().sweep().await.unwrap();
        assert!(swept.is_clean(), "{swept}");
        assert_eq!(swept.ended.len(), 7, "{swept}");
        assert_eq!(api.state(), before);
        let again = api.cluster().sweep().await.unwrap();
        assert!(again.is_clean() && again.ended.is_empty(), "{again}");
        // In a namespace alone, what lies in none stays.
        let api = shop(3);
        left_behind(&api).await;
        age(&api);
        let swept = api.cluster().sweep().in_namespace("shop").await.unwrap();
        assert_eq!(swept.ended.len(), 5, "{swept}");
        assert_eq!(api.get("nodes", "", "n1").unwrap()["spec"]["unschedulable"], true);
    });
}

fn leaves_the_living_alone() {
    paused(async {
        let api = shop(3);
        let before = api.state();
        let (first, second) = (left_behind(&api).await, api.cluster());
        let other =
            begin(&second, pods::fail().on(second.pods().pod("shop", "cart-5d-0"), Mode::ONE)).await.unwrap();
        let under_fault = api.state();
        let swept = api.cluster().sweep().await.unwrap();
        assert_eq!((swept.ended.len(), swept.live.len()), (0, 8), "{swept}");
        assert_eq!(api.state(), under_fault);
        let swept = api.cluster().sweep().of_run(first.run()).await.unwrap();
        assert_eq!((swept.ended.len(), swept.live.len()), (7, 0), "{swept}");
        assert!(swept.to_string().contains("pods::fail of run"), "{swept}");
        // The other run's fault is as it was.
        assert!(other.observe().await.into_iter().all(|(_, seen)| seen.unwrap().is_in_force()));
        other.revert().await.unwrap();
        assert_eq!(api.state(), before);
        left_behind(&api).await;
        let swept = api.cluster().sweep().also_of_live_runs().await.unwrap();
        assert!(swept.is_clean() && swept.ended.len() == 7, "{swept}");
        assert_eq!(api.state(), before);
    });
}

fn says_what_it_cannot() {
    paused(async {
        let api = shop(3);
        left_behind(&api).await;
        age(&api);
        api.change("pods", "shop", "cart-5d-0", |pod| {
            pod["metadata"]["annotations"]["chaos-sdk.dev/faults"] = json!("{}x");
        });
        api.change("pods", "shop", "cart-5d-1", |pod| {
            pod["metadata"].as_object_mut().unwrap().remove("annotations");
        });
        let nodes = api.cluster().nodes().rights();
        nodes.iter().for_each(|right| api.forbid(right.clone()));
        let swept = api.cluster().sweep().await.unwrap();
        assert!(!swept.is_clean());
        assert_eq!((swept.ended.len(), swept.failed.len(), swept.unseen.len()), (3, 2, 1), "{swept}");
        let text = swept.to_string();
        assert!(
            text.contains("FAILED: Pod shop/cart-5d-0")
                && text.contains("not looked at: nodes: missing right"),
            "{text}"
        );
        let error = api.cluster().sweep().in_namespace("a/b").await.unwrap_err();
        assert!(error.is_invalid());
    });
}

fn takes_no_more_than_its_rights() {
    paused(async {
        let api = shop(3);
        let before = api.state();
        left_behind(&api).await;
        age(&api);
        let rights = api.cluster().sweep().rights();
        api.allow_only(&rights);
        let swept = api.cluster().sweep().await.unwrap();
        // A kind of another's, which this cluster need not have.
        assert!(
            swept.failed.is_empty() && swept.unseen.iter().all(|(kind, _)| kind.contains("argoproj")),
            "{swept}"
        );
        assert_eq!(api.state(), before);
        let none: Vec<Right> = rights.into_iter().collect();
        let api = shop(1);
        none.iter().for_each(|right| api.forbid(right.clone()));
        assert!(api.cluster().sweep().await.unwrap_err().is_refused(), "nothing could be looked at");
    });
}
