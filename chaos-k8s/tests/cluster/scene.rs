//! What the tests act on: objects as manifests would make them, and a server with some of them.

use std::future::Future;
use std::time::Duration;

use chaos_core::Clock;
use chaos_k8s::cluster::testing::FakeApi;
use serde_json::{Value, json};

/// Runs `test` on a clock that does not wait.
pub(crate) fn paused(test: impl Future<Output = ()>) {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_all().start_paused(true).build().unwrap().block_on(test);
}

/// Lets this much of the test's time pass, and everything that waits for it happen.
pub(crate) async fn pass(time: Duration) {
    Clock::auto().sleep(time).await;
}

/// A pod that runs on a node and is ready, of no controller.
pub(crate) fn pod(namespace: &str, name: &str, app: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Pod",
        "metadata": {"name": name, "namespace": namespace, "labels": {"app": app}},
        "spec": {
            "nodeName": "n1",
            "containers": [
                {"name": "web", "image": "shop/web:1.2", "env": [{"name": "A", "value": "$(B)"}]},
                {"name": "side", "image": "shop/side@sha256:0123"},
            ],
        },
        "status": {"phase": "Running", "podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": "True"}],
            "containerStatuses": [{"name": "web", "restartCount": 3}, {"name": "side", "restartCount": 0}]},
    })
}

/// The same, of a controller.
pub(crate) fn pod_of(owner: &Value, name: &str, app: &str) -> Value {
    let namespace = owner["metadata"]["namespace"].as_str().unwrap();
    let mut pod = pod(namespace, name, app);
    pod["metadata"]["ownerReferences"] = json!([owned_by(owner)]);
    pod
}

pub(crate) fn owned_by(owner: &Value) -> Value {
    json!({
        "apiVersion": owner["apiVersion"], "kind": owner["kind"], "controller": true,
        "name": owner["metadata"]["name"], "uid": owner["metadata"]["uid"],
    })
}

pub(crate) fn deployment(namespace: &str, name: &str, replicas: u32) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": namespace, "labels": {"team": "a"}},
        "spec": {"replicas": replicas, "selector": {"matchLabels": {"app": name}}, "template": {"spec": {"containers": []}}},
        "status": {"replicas": replicas},
    })
}

pub(crate) fn replica_set(deployment: &Value, name: &str) -> Value {
    json!({
        "apiVersion": "apps/v1", "kind": "ReplicaSet",
        "metadata": {
            "name": name, "namespace": deployment["metadata"]["namespace"], "ownerReferences": [owned_by(deployment)],
        },
        "spec": {"replicas": 1},
    })
}

pub(crate) fn node(name: &str) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name, "zone": "a"}},
        "spec": {"podCIDR": "10.0.0.0/24", "taints": [{"key": "dedicated", "value": "shop", "effect": "NoSchedule"}]},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    })
}

pub(crate) fn service(namespace: &str, name: &str, selector: Value) -> Value {
    json!({
        "apiVersion": "v1", "kind": "Service",
        "metadata": {"name": name, "namespace": namespace}, "spec": {"selector": selector},
    })
}

/// An object without what a server writes, to compare.
pub(crate) fn bare(object: Option<Value>) -> Option<Value> {
    let mut object = object?;
    let meta = object["metadata"].as_object_mut().unwrap();
    for made in ["resourceVersion", "generation", "uid", "creationTimestamp"] {
        meta.remove(made);
    }
    Some(object)
}

/// A shop: a deployment `cart` with its replica set and `pods` pods, and another pod.
pub(crate) fn shop(pods: usize) -> FakeApi {
    let api = FakeApi::new();
    let cart = api.put(deployment("shop", "cart", u32::try_from(pods).unwrap()));
    let set = api.put(replica_set(&cart, "cart-5d"));
    for n in 0..pods {
        api.put(pod_of(&set, &format!("cart-5d-{n}"), "cart"));
    }
    api.put(pod("shop", "db-0", "db"));
    for name in ["n1", "n2"] {
        api.put(node(name));
    }
    api.put(service("shop", "cart", json!({"app": "cart"})));
    api.forget_calls();
    api
}
