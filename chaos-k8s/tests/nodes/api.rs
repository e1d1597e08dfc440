//! Faults through the API, as the application and Kubernetes' own controllers live with them.

use std::time::Instant;

use chaos_core::units::{ms, secs};
use chaos_core::{BlastRadius, Clock, Fault, Ledger, Mode};
use chaos_k8s::cluster::{nodes, pods};
use serde_json::{Value, json};

use crate::scene::{HERE, Part, Scene, UML, until};
use crate::server::really;
use crate::support::{Need, Test};

pub(crate) const TESTS: &[Test] = &[
    ("half_of_a_deployment_is_killed_under_load_and_replaced", &[Need::Nodes], kill),
    ("an_eviction_that_a_budget_forbids_is_reported", &[Need::Nodes], evict),
    ("a_node_is_drained_and_comes_back", &[Need::Nodes, Need::UmlNodes], drain),
];

/// A deployment of the application, ready.
async fn deployment(scene: &Scene, name: &str, replicas: u32, on: Option<&str>) {
    let selector = on.map_or(json!({}), |node| json!({"kubernetes.io/hostname": node}));
    let deployment = json!({
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "namespace": scene.namespace()},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": {"app": name}},
            "template": {
                "metadata": {"labels": {"app": name}},
                "spec": {
                    "nodeSelector": selector,
                    "terminationGracePeriodSeconds": 1,
                    "containers": [{
                        "name": "web", "image": "localhost/shop:1", "imagePullPolicy": "IfNotPresent",
                        "readinessProbe": {"httpGet": {"path": "/health", "port": 8080}, "periodSeconds": 1},
                    }],
                },
            },
        },
    });
    scene.server.create(deployment).await;
    until(|| async { ready(scene, name).await.len() == replicas as usize }).await;
}

/// The UIDs of the pods of a deployment that are ready and stay.
async fn ready(scene: &Scene, name: &str) -> Vec<String> {
    let path = format!("/api/v1/namespaces/{}/pods?labelSelector=app%3D{name}", scene.namespace());
    let (_, pods) = scene.server.ask(&path).await;
    let is_ready = |pod: &&Value| {
        let conditions = pod["status"]["conditions"].as_array().into_iter().flatten();
        pod["metadata"]["deletionTimestamp"].is_null()
            && conditions.into_iter().any(|one| one["type"] == "Ready" && one["status"] == "True")
    };
    let pods = pods["items"].as_array().unwrap().iter().filter(is_ready);
    pods.map(|pod| pod["metadata"]["uid"].as_str().unwrap().to_owned()).collect()
}

/// Asks `to` again and again for so long: how often it answered, and how often not.
async fn load(client: &Part, to: &str, lasting: std::time::Duration) -> (u32, u32) {
    let (begun, mut good, mut bad) = (Instant::now(), 0, 0);
    while begun.elapsed() < lasting {
        match client.ask_within(to, ms(1000)).await {
            Some(_) => good += 1,
            None => bad += 1,
        }
        Clock::real().sleep(ms(20)).await;
    }
    (good, bad)
}

fn kill() {
    really(async {
        let scene = Scene::new().await;
        let client = scene.part("client", HERE).await;
        deployment(&scene, "front", 4, Some(HERE)).await;
        let to = scene.service("front", 80).await;
        client.reaches(&to).await;
        let before = ready(&scene, "front").await;
        let half = pods::kill().on(scene.pods("front"), Mode::percent(50).unwrap());
        let killing = scene.chaos.inject(half, BlastRadius::count(2).unwrap()).begin();
        let (killed, (good, bad)) = tokio::join!(killing, load(&client, &to, secs(8)));
        let killed = killed.unwrap();
        until(|| async { ready(&scene, "front").await.len() == 4 }).await;
        let after = ready(&scene, "front").await;
        let stayed = before.iter().filter(|uid| after.contains(uid)).count();
        println!("{good} requests answered and {bad} not while 2 of 4 pods were killed");
        assert!(stayed == 2 && good > 20 && bad * 4 < good, "{stayed} {good} {bad}");
        killed.revert().await.unwrap();
        scene.over().await;
    });
}

fn evict() {
    really(async {
        let scene = Scene::new().await;
        deployment(&scene, "front", 2, Some(HERE)).await;
        let budget = json!({
            "apiVersion": "policy/v1",
            "kind": "PodDisruptionBudget",
            "metadata": {"name": "all-of-them", "namespace": scene.namespace()},
            "spec": {"minAvailable": 2, "selector": {"matchLabels": {"app": "front"}}},
        });
        let path = format!("/apis/policy/v1/namespaces/{}/poddisruptionbudgets", scene.namespace());
        let (code, answer) = scene.server.post(&path, &budget).await;
        assert_eq!(code, 201, "{answer}");
        // Its controller has to have counted.
        let path = format!("{path}/all-of-them");
        until(|| async { scene.server.ask(&path).await.1["status"]["currentHealthy"] == 2 }).await;
        let before = ready(&scene, "front").await;
        let out = pods::evict().on(scene.pods("front"), Mode::ONE);
        let error = scene.chaos.inject(out, BlastRadius::count(1).unwrap()).begin().await.unwrap_err();
        assert!(error.chain().contains("all-of-them"), "{}", error.chain());
        assert_eq!(ready(&scene, "front").await.len(), before.len());
        scene.over().await;
    });
}

fn drain() {
    really(async {
        let scene = Scene::alone().await;
        // What earlier tests have left goes first: a pod that nothing makes anew refuses a drain.
        until(|| async {
            let path = format!("/api/v1/pods?fieldSelector=spec.nodeName%3D{UML}");
            scene.server.ask(&path).await.1["items"].as_array().is_some_and(Vec::is_empty)
        })
        .await;
        deployment(&scene, "front", 2, Some(UML)).await;
        let (_, node) = scene.server.ask(&format!("/api/v1/nodes/{UML}")).await;
        assert!(node["spec"]["unschedulable"].is_null(), "{node}");
        let ledger = Ledger::in_memory(scene.cluster.undos().unwrap());
        let drain = nodes::drain().within(secs(60)).unwrap().on(scene.cluster.nodes().named(UML), Mode::ONE);
        let drained =
            scene.chaos.inject(drain, BlastRadius::count(1).unwrap()).ledger(ledger).begin().await.unwrap();
        until(|| async { ready(&scene, "front").await.is_empty() }).await;
        let (_, node) = scene.server.ask(&format!("/api/v1/nodes/{UML}")).await;
        assert_eq!(node["spec"]["unschedulable"], true);
        drained.revert().await.unwrap();
        // Its pods were waiting for it.
        until(|| async { ready(&scene, "front").await.len() == 2 }).await;
        let (_, node) = scene.server.ask(&format!("/api/v1/nodes/{UML}")).await;
        assert!(node["spec"]["unschedulable"].is_null(), "{node}");
        scene.over().await;
    });
}
