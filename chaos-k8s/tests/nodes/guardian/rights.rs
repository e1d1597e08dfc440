//! What a guardian may do, and what it takes to make one.

use std::time::Instant;

use chaos_core::Clock;
use chaos_core::units::{ms, secs};
use chaos_k8s::Cluster;
use chaos_k8s::cluster::agents::Agents;
use chaos_k8s::cluster::pods::Enforced;
use chaos_k8s::cluster::rights::Rights;
use chaos_k8s::cluster::{WorkloadKind, nodes, pods, workloads};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::LASTING;
use super::left::until_nothing_is_left;
use super::things::{FOUND, LABELLED, Things, WORKLOAD, all_four, cordon, one_of_four};
use crate::gate::{Gate, behind};
use crate::scene::{Scene, agents_of};
use crate::server::{really, user};

/// What the four faults take, each with its guardian pod.
fn rights(cluster: &Cluster, agents: &Agents, things: &Things) -> Rights {
    let pods = cluster.pods().in_namespace(&things.namespace).label("app", LABELLED).unwrap();
    let workload =
        cluster.workloads(WorkloadKind::Deployment).in_namespace(&things.namespace).named(WORKLOAD);
    let leave = pods::leave_service(cluster.service(&things.namespace, LABELLED));
    let node = cluster.nodes().named(&things.node);
    node.rights_for(&agents.guarded(nodes::cordon()))
        .and(workload.rights_for(&agents.guarded(workloads::scale_to(0))))
        .and(pods.rights_for(&agents.guarded(leave)))
        .and(pods.rights_for(&agents.guarded(pods::isolate(Enforced::believed()))))
}

/// In the namespace of their targets, at the strictest level of Pod Security.
pub(super) fn suffice() {
    really(async {
        let scene = Scene::new().await;
        let things = Things::new(&scene).await;
        scene.enforce("restricted").await;
        let here = |cluster: &Cluster| agents_of(cluster).in_namespace(&things.namespace).unwrap();
        let rights = rights(&scene.cluster, &here(&scene.cluster), &things);
        let runner = user(&scene.server, "runner", &rights).await;
        for injection in all_four(&here(&runner), &runner, &things).await.unwrap() {
            injection.revert().await.unwrap();
        }
        assert_eq!(things.state(&scene.server).await, FOUND());
        until_nothing_is_left(&scene.server, &runner.run().to_string()).await;
        things.over(scene).await;
    });
}

/// Without any one of them the fault is refused before anything is touched, and the words name it.
pub(super) fn needed() {
    really(async {
        let scene = Scene::new().await;
        let things = Things::new(&scene).await;
        let cordon_of = |cluster: &Cluster| {
            let fault = agents_of(cluster).guarded(nodes::cordon());
            cluster.nodes().named(&things.node).rights_for(&fault)
        };
        let rights = cordon_of(&scene.cluster);
        for (number, missing) in rights.iter().enumerate() {
            let rest: Rights = rights.iter().filter(|right| *right != missing).cloned().collect();
            let runner = user(&scene.server, &format!("runner{number}"), &rest).await;
            let error = match cordon(&agents_of(&runner), &runner, &things.node).await {
                Ok(injection) => {
                    injection.revert().await.unwrap();
                    panic!("it works without {missing}");
                }
                Err(error) => error,
            };
            let words = error.chain();
            assert!(error.is_refused() && words.contains(&missing.to_string()), "{missing}: {words}");
        }
        println!("a guardian pod of a cordon: {} rights, each of them needed", rights.iter().count());
        assert_eq!(things.state(&scene.server).await, FOUND());
        things.over(scene).await;
    });
}

/// Roles are made without one verb on one resource.
#[derive(Clone)]
struct Without {
    resource: &'static str,
    verb: &'static str,
}

impl Gate for Without {
    fn pass(&self, request: &http::request::Parts, body: Vec<u8>) -> Vec<u8> {
        let is_role = request.method == http::Method::POST && request.uri.path().ends_with("roles");
        if is_role { self.left_out(&body) } else { body }
    }
}

impl Without {
    fn left_out(&self, body: &[u8]) -> Vec<u8> {
        let mut role: Value = serde_json::from_slice(body).unwrap();
        let rules = role["rules"].as_array_mut().unwrap();
        for rule in rules.iter_mut().filter(|rule| rule["resources"] == json!([self.resource])) {
            rule["verbs"].as_array_mut().unwrap().retain(|verb| *verb != self.verb);
        }
        rules.retain(|rule| rule["verbs"] != json!([]));
        role.to_string().into_bytes()
    }
}

/// Which of the four, and what its guardian may do.
const GRANTED: [(usize, &str, &str); 13] = [
    (0, "nodes", "get"),
    (0, "nodes", "patch"),
    (0, "clusterroles", "delete"),
    (0, "roles", "delete"),
    (1, "deployments", "get"),
    (1, "deployments", "patch"),
    (1, "deployments/scale", "patch"),
    (2, "pods", "get"),
    (2, "pods", "patch"),
    (3, "pods", "get"),
    (3, "pods", "patch"),
    (3, "networkpolicies", "get"),
    (3, "networkpolicies", "delete"),
];

/// Without any one of its rights it is not armed, says which, and nothing is changed.
pub(super) fn each_is_needed() {
    really(async {
        let scene = Scene::new().await;
        let things = Things::new(&scene).await;
        let mut trials = JoinSet::new();
        for (fault, resource, verb) in GRANTED {
            let (client, things) = (scene.server.client.clone(), things.clone());
            trials.spawn(async move {
                let cluster = Cluster::new(behind(Without { resource, verb }, &client));
                let agents = agents_of(&cluster);
                let injected = one_of_four(fault, &agents, &cluster, &things).await;
                let error = injected.err().unwrap_or_else(|| panic!("it works without {verb} {resource}"));
                let words = error.chain();
                let named = format!(
                    "missing right of the guardian pod: {verb} {}",
                    resource.split('/').next().unwrap()
                );
                assert!(error.is_refused() && words.contains(&named), "{verb} {resource}: {words}");
                cluster.run().to_string()
            });
        }
        while let Some(run) = trials.join_next().await {
            until_nothing_is_left(&scene.server, &run.unwrap()).await;
        }
        println!("guardian pods: {} rights, each of them needed", GRANTED.len());
        assert_eq!(things.state(&scene.server).await, FOUND());
        things.over(scene).await;
    });
}

pub(super) fn goes_on_to_try() {
    really(async {
        let scene = Scene::new().await;
        let things = Things::new(&scene).await;
        let short = scene.cluster.clone().lasting_at_most(LASTING).unwrap();
        let injection = cordon(&agents_of(&short), &short, &things.node).await.unwrap();
        let since = Instant::now();
        std::mem::forget(injection);
        let run = scene.cluster.run().to_string();
        let (_, roles) = scene
            .server
            .ask(&format!(
                "/apis/rbac.authorization.k8s.io/v1/clusterroles?labelSelector=chaos-sdk.dev%2Frun%3D{run}"
            ))
            .await;
        let role = roles["items"][0].clone();
        let path = format!(
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/{}",
            role["metadata"]["name"].as_str().unwrap()
        );
        let set = async |rules: &Value| {
            let (code, answer) =
                scene.server.patch(&path, crate::server::MERGE, &json!({"rules": rules})).await;
            assert_eq!(code, 200, "{answer}");
        };
        set(&json!([])).await;
        Clock::real().sleep((LASTING + secs(12)).saturating_sub(since.elapsed())).await;
        assert_eq!(things.state(&scene.server).await[0], true);
        set(&role["rules"]).await;
        let again = Instant::now();
        while things.state(&scene.server).await[0] == true {
            assert!(again.elapsed() < secs(30), "not taken back");
            Clock::real().sleep(ms(100)).await;
        }
        println!("a guardian pod that got its right back: back {:.1?} later", again.elapsed());
        until_nothing_is_left(&scene.server, &run).await;
        things.over(scene).await;
    });
}
