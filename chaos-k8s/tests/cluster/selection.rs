//! Which pods a selection means.

use std::collections::BTreeSet;

use chaos_core::{Select, Target};
use chaos_k8s::cluster::testing::{FakeApi, Meet};
use chaos_k8s::cluster::{OwnedBy, Pod, PodPhase, PodSelector, Protection, WorkloadKind};
use serde_json::{Value, json};

use crate::scene::{deployment, node, owned_by, paused, pod, pod_of, replica_set};
use crate::support::Test;

pub(crate) const TESTS: &[Test] = &[
    ("selection_each_criterion", &[], each_criterion),
    ("selection_of_owners", &[], of_owners),
    ("selection_is_looked_at_again", &[], is_looked_at_again),
    ("selection_pages", &[], pages),
    ("selection_pages_expire", &[], pages_expire),
    ("selection_protects", &[], protects),
    ("selection_only_allowed", &[], only_allowed),
];

/// The names of what is selected, or why nothing is.
async fn select(api: &FakeApi, selector: &Value) -> Result<Vec<String>, String> {
    let selector: PodSelector =
        serde_json::from_value(selector.clone()).map_err(|error| error.to_string())?;
    let pods = api.cluster().pods_by(selector).map_err(|error| error.chain())?;
    let pods = pods.select().await.map_err(|error| error.chain())?;
    Ok(names(&pods))
}

fn names(pods: &[Pod]) -> Vec<String> {
    let names: BTreeSet<String> = pods.iter().map(Target::name).collect();
    assert_eq!(names.len(), pods.len(), "no pod twice");
    names.into_iter().collect()
}

/// Pods that differ in one thing each.
fn zoo() -> FakeApi {
    let api = FakeApi::new();
    let put = |namespace: &str, name: &str, change: fn(&mut Value)| {
        let mut pod = pod(namespace, name, "cart");
        change(&mut pod);
        api.put(pod);
    };
    put("shop", "plain", |_| {});
    put("shop", "labeled", |pod| {
        pod["metadata"]["labels"] = json!({"app": "db", "tier": "3", "canary": "yes"})
    });
    put("shop", "annotated", |pod| {
        pod["metadata"]["annotations"] = json!({"note": "a/b, {c}: no label value"})
    });
    put("shop", "pending", |pod| pod["status"]["phase"] = json!("Pending"));
    put("shop", "failed", |pod| pod["status"]["phase"] = json!("Failed"));
    put("shop", "done", |pod| pod["status"]["phase"] = json!("Succeeded"));
    put("shop", "going", |pod| pod["metadata"]["deletionTimestamp"] = json!("2026-01-01T00:00:00Z"));
    put("shop", "elsewhere", |pod| pod["spec"]["nodeName"] = json!("n2"));
    put("shop", "account", |pod| pod["spec"]["serviceAccountName"] = json!("robot"));
    put("shop", "lone", |pod| pod["spec"]["containers"] = json!([{"name": "db", "image": "db:1"}]));
    put("web", "plain", |_| {});
    for (name, zone) in [("n1", "a"), ("n2", "b")] {
        let mut node = node(name);
        node["metadata"]["labels"]["zone"] = json!(zone);
        api.put(node);
    }
    api
}

fn each_criterion() {
    paused(async {
        let api = zoo();
        let shop = ["account", "annotated", "elsewhere", "labeled", "lone", "pending", "plain"];
        let all_but = |but: &[&str]| -> Vec<String> {
            shop.iter().filter(|name| !but.contains(name)).map(|name| format!("shop/{name}")).collect()
        };
        let only =
            |names: &[&str]| -> Vec<String> { names.iter().map(|name| format!("shop/{name}")).collect() };
        let both = |mut names: Vec<String>| {
            names.push("web/plain".to_owned());
            names
        };
        // What the others call it, in words, beside what it is here.
        let cases: Vec<(&str, Value, Vec<String>)> = vec![
            ("namespaces", json!({"namespaces": ["shop"]}), all_but(&[])),
            ("namespaces: two", json!({"namespaces": ["shop", "web"]}), both(all_but(&[]))),
            (
                "labelSelectors, applabel",
                json!({"namespaces": ["shop"], "labels": "app=db"}),
                only(&["labeled"]),
            ),
            (
                "expressionSelectors: In, NotIn, Exists, DoesNotExist",
                json!({"namespaces": ["shop"], "labels": "app in (db,cart),tier notin (1,2),tier,!missing"}),
                only(&["labeled"]),
            ),
            (
                "labels that only leave out",
                json!({"namespaces": ["shop"], "labels": "!canary"}),
                all_but(&["labeled"]),
            ),
            (
                "annotationSelectors",
                json!({"namespaces": ["shop"], "annotations": {"note": "a/b, {c}: no label value"}}),
                only(&["annotated"]),
            ),
            (
                "fieldSelectors",
                json!({"namespaces": ["shop"], "fields": "spec.serviceAccountName=robot,status.phase!=Pending"}),
                only(&["account"]),
            ),
            (
                "podPhaseSelectors",
                json!({"namespaces": ["shop"], "phases": ["Failed", "Succeeded"]}),
                only(&["done", "failed"]),
            ),
            (
                "podPhaseSelectors: !",
                json!({"namespaces": ["shop"], "phases": ["!Running", "!Failed", "!Succeeded"]}),
                only(&["pending"]),
            ),
            ("nodes", json!({"namespaces": ["shop"], "nodes": ["n2"]}), only(&["elsewhere"])),
            (
                "nodeSelectors",
                json!({"namespaces": ["shop"], "node-labels": "zone in (b)"}),
                only(&["elsewhere"]),
            ),
            (
                "nodes and nodeSelectors",
                json!({"namespaces": ["shop"], "nodes": ["n1"], "node-labels": "zone=b"}),
                all_but(&[]),
            ),
            (
                "pods",
                json!({"pods": {"shop": ["plain", "lone"], "web": ["plain"]}}),
                both(only(&["lone", "plain"])),
            ),
            (
                "pods, and the rest holds too",
                json!({"pods": {"shop": ["plain"]}, "labels": "app=cart"}),
                only(&["plain"]),
            ),
            ("containerNames", json!({"namespaces": ["shop"], "containers": ["db"]}), only(&["lone"])),
            (
                "all namespaces",
                json!({"all-namespaces": true, "labels": "app=cart"}),
                both(all_but(&["labeled"])),
            ),
        ];
        for (what, selector, expected) in cases {
            assert_eq!(select(&api, &selector).await, Ok(expected), "{what}: {selector}");
        }
        let refused = [
            (
                json!({"namespaces": ["shop"], "labels": "app=none"}),
                "no pod is selected by: pods in shop with app=none",
            ),
            (json!({"namespaces": ["shop"], "fields": "metadata.name=done"}), "has ended"),
            (json!({"pods": {"shop": ["missing"]}}), "pod shop/missing is not there"),
            (json!({"pods": {"shop": ["going"]}}), "pod shop/going is not there, or not as selected"),
            (json!({"namespaces": ["shop"], "nodes": ["n9"]}), "node n9 is not there"),
            (json!({"namespaces": ["shop"], "node-labels": "zone=z"}), "no node has labels zone=z"),
            (
                json!({"namespaces": ["shop"], "owners": [{"kind": "deployment", "name": "x"}]}),
                "deployment x is not there",
            ),
            (json!({"namespaces": ["kube-system"]}), "namespace kube-system is protected"),
        ];
        for (selector, expected) in refused {
            let error = select(&api, &selector).await.unwrap_err();
            assert!(error.contains(expected) && !error.contains('\n'), "{selector}: {error}");
        }
        assert!(api.writes().is_empty());
    });
}

fn of_owners() {
    paused(async {
        let api = FakeApi::new();
        let make = |api_version: &str, kind: &str, name: &str, owner: Option<&Value>| {
            let mut object = json!({
                "apiVersion": api_version, "kind": kind,
                "metadata": {"name": name, "namespace": "shop", "labels": {"team": name}}, "spec": {},
            });
            if let Some(owner) = owner {
                object["metadata"]["ownerReferences"] = json!([owned_by(owner)]);
            }
            api.put(object)
        };
        let cart = api.put(deployment("shop", "cart", 2));
        for n in 0..2 {
            let set = api.put(replica_set(&cart, &format!("cart-{n}")));
            api.put(pod_of(&set, &format!("cart-{n}-x"), "cart"));
        }
        // Carries the name, and is another's: an owner is meant by its UID.
        let mut stranger = replica_set(&cart, "cart-9");
        stranger["metadata"]["ownerReferences"][0]["uid"] = json!("another");
        let stranger = api.put(stranger);
        api.put(pod_of(&stranger, "stranger", "cart"));
        for (api_version, kind, name) in
            [("apps/v1", "StatefulSet", "db"), ("apps/v1", "DaemonSet", "logs"), ("batch/v1", "Job", "bill")]
        {
            let owner = make(api_version, kind, name, None);
            api.put(pod_of(&owner, &format!("{name}-0"), name));
        }
        let nightly = make("batch/v1", "CronJob", "nightly", None);
        let job = make("batch/v1", "Job", "nightly-1", Some(&nightly));
        api.put(pod_of(&job, "nightly-1-x", "nightly"));
        let rollout = make("argoproj.io/v1alpha1", "Rollout", "canary", None);
        let set = make("apps/v1", "ReplicaSet", "canary-1", Some(&rollout));
        api.put(pod_of(&set, "canary-1-x", "canary"));
        let config = make("apps.openshift.io/v1", "DeploymentConfig", "old", None);
        let controller = make("v1", "ReplicationController", "old-1", Some(&config));
        api.put(pod_of(&controller, "old-1-x", "old"));
        api.put(pod("shop", "free", "cart"));

        let of = |owners: Value| json!({"namespaces": ["shop"], "owners": owners});
        let cases = [
            (json!([{"kind": "deployment", "name": "cart"}]), vec!["cart-0-x", "cart-1-x"]),
            (json!([{"kind": "deployment", "labels": "team=a"}]), vec!["cart-0-x", "cart-1-x"]),
            (json!([{"kind": "deployment"}]), vec!["cart-0-x", "cart-1-x"]),
            (json!([{"kind": "replicaset", "name": "cart-1"}]), vec!["cart-1-x"]),
            (json!([{"kind": "statefulset", "name": "db"}]), vec!["db-0"]),
            (json!([{"kind": "daemonset", "name": "logs"}]), vec!["logs-0"]),
            (json!([{"kind": "job", "name": "bill"}]), vec!["bill-0"]),
            (json!([{"kind": "cronjob", "name": "nightly"}]), vec!["nightly-1-x"]),
            (json!([{"kind": "rollout", "name": "canary"}]), vec!["canary-1-x"]),
            (json!([{"kind": "deploymentconfig", "name": "old"}]), vec!["old-1-x"]),
            (
                json!([{"kind": "job", "labels": "team in (bill)"}, {"kind": "statefulset"}]),
                vec!["bill-0", "db-0"],
            ),
        ];
        for (owners, expected) in cases {
            let expected = Ok(expected.into_iter().map(|name| format!("shop/{name}")).collect());
            assert_eq!(select(&api, &of(owners.clone())).await, expected, "{owners}");
        }
        let written =
            api.cluster().pods().in_namespace("shop").owned_by(WorkloadKind::Deployment, "cart").unwrap();
        let read: PodSelector =
            serde_json::from_value(of(json!([{"kind": "deployment", "name": "cart"}]))).unwrap();
        assert_eq!(*written.selector(), read);
        let any = api.cluster().pods().in_namespace("shop").of(OwnedBy::any(WorkloadKind::Deployment));
        assert_eq!(any.select().await.unwrap().len(), 2);
    });
}

fn is_looked_at_again() {
    paused(async {
        let api = zoo();
        // A server, or something before it, that drops selectors answers with everything.
        api.ignore_selectors();
        let cases = [
            (json!({"namespaces": ["shop"], "labels": "app=db"}), Ok(vec!["shop/labeled".to_owned()])),
            (json!({"pods": {"shop": ["plain"]}}), Ok(vec!["shop/plain".to_owned()])),
            (json!({"namespaces": ["shop"], "nodes": ["n2"]}), Ok(vec!["shop/elsewhere".to_owned()])),
        ];
        for (selector, expected) in cases {
            assert_eq!(select(&api, &selector).await, expected, "{selector}");
        }
        let missing = json!({"namespaces": ["shop"], "owners": [{"kind": "deployment", "name": "x"}]});
        assert!(select(&api, &missing).await.unwrap_err().contains("not there"));
    });
}

fn crowd(pods: usize) -> FakeApi {
    let api = FakeApi::new();
    for n in 0..pods {
        api.put(pod("shop", &format!("cart-{n}"), "cart"));
    }
    api
}

fn pages() {
    paused(async {
        let api = crowd(1_203);
        let carts = api.cluster().pods().in_namespace("shop").label("app", "cart").unwrap();
        assert_eq!(names(&carts.select().await.unwrap()).len(), 1_203);
        assert_eq!(api.calls().len(), 3, "pages of 500");
    });
}

fn pages_expire() {
    paused(async {
        let api = crowd(1_203);
        let (mut lists, server) = (0, api.clone());
        api.meet(move |_| {
            lists += 1;
            if lists == 3 {
                server.remove("pods", "shop", "cart-7");
                server.expire_pages();
            }
            Meet::Serve
        });
        let carts = api.cluster().pods().in_namespace("shop").label("app", "cart").unwrap();
        assert_eq!(names(&carts.select().await.unwrap()).len(), 1_202, "one list, not halves of two");
        // One that expires each time is given up.
        let server = api.clone();
        api.meet(move |_| {
            server.expire_pages();
            Meet::Serve
        });
        let error = carts.select().await.unwrap_err();
        assert!(error.to_string().contains("410"), "{error}");
    });
}

/// Namespace, name, what is different, and what is said of it.
type Case = (&'static str, &'static str, fn(&mut Value), &'static str);

fn protects() {
    paused(async {
        let api = FakeApi::new();
        let cases: [Case; 8] = [
            ("kube-flannel", "network", |_| {}, "control plane"),
            (
                "shop",
                "mirror",
                |pod| pod["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "x"}),
                "file",
            ),
            (
                "shop",
                "static",
                |pod| {
                    pod["metadata"]["ownerReferences"] = json!([{"kind": "Node", "name": "n1", "uid": "u"}])
                },
                "file",
            ),
            ("shop", "host", |pod| pod["spec"]["hostNetwork"] = json!(true), "own network"),
            (
                "shop",
                "critical",
                |pod| pod["spec"]["priorityClassName"] = json!("system-node-critical"),
                "priority",
            ),
            (
                "shop",
                "agent",
                |pod| pod["metadata"]["labels"]["chaos-sdk.dev/agent"] = json!("r1"),
                "at work",
            ),
            (
                "shop",
                "no",
                |pod| pod["metadata"]["annotations"] = json!({"chaos-sdk.dev/allow": "false"}),
                "\"false\"",
            ),
            (
                "shop",
                "odd",
                |pod| pod["metadata"]["annotations"] = json!({"chaos-sdk.dev/allow": "nope"}),
                "neither",
            ),
        ];
        for (namespace, name, change, _) in &cases {
            let mut pod = pod(namespace, name, "cart");
            change(&mut pod);
            api.put(pod);
        }
        api.put(pod("shop", "free", "cart"));
        let selected =
            api.cluster().pods().in_all_namespaces().label("app", "cart").unwrap().select().await.unwrap();
        assert_eq!(selected.len(), 9);
        for (namespace, name, _, reason) in &cases {
            let pod = selected.iter().find(|pod| pod.name() == format!("{namespace}/{name}")).unwrap();
            let protected = pod.protected().unwrap();
            assert!(protected.contains(reason), "{name}: {protected}");
        }
        assert_eq!(selected.iter().filter(|pod| pod.protected().is_none()).count(), 1);

        let more = Protection::standard().namespace("shop").unwrap().allowing("kube-flannel").unwrap();
        let cluster = api.cluster().protecting(more);
        let error = cluster.pods().in_namespace("shop").select().await.unwrap_err();
        assert!(error.is_refused() && error.to_string().contains("namespace shop is protected"), "{error}");
        let allowed = cluster.pods().in_namespace("kube-flannel").select().await.unwrap();
        assert_eq!(allowed[0].protected(), None);

        let mut control = node("cp");
        control["metadata"]["labels"]["node-role.kubernetes.io/control-plane"] = json!("");
        api.put(control);
        let nodes = api.cluster().nodes().named("cp").select().await.unwrap();
        assert!(nodes[0].protected().unwrap().contains("control plane"));
    });
}

fn only_allowed() {
    paused(async {
        let api = FakeApi::new();
        for (name, says) in [("yes", Some("true")), ("no", Some("false")), ("silent", None)] {
            let mut pod = pod("shop", name, "cart");
            if let Some(says) = says {
                pod["metadata"]["annotations"] = json!({"chaos-sdk.dev/allow": says});
            }
            api.put(pod);
        }
        let cluster = api.cluster().protecting(Protection::standard().only_allowed());
        let pods = cluster.pods().in_namespace("shop").phase(PodPhase::Running).select().await.unwrap();
        let free: Vec<String> =
            pods.iter().filter(|pod| pod.protected().is_none()).map(Target::name).collect();
        assert_eq!(free, ["shop/yes"]);
    });
}
