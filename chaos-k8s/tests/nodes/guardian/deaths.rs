//! Whoever dies, with the controller or alone.

use std::time::Instant;

use chaos_core::Clock;
use chaos_core::units::{ms, secs};
use chaos_k8s::cluster::kube::client::Body;
use serde_json::json;

use super::controller::{killed_with, killed_with_others};
use super::left::{
    guardians, is_back_within, jobs, until_it_is_back, until_no_role_is_left, until_nothing_is_left,
};
use super::others::Others;
use super::things::{CHANGED, FOUND, Things};
use super::{AFTER, LASTING};
use crate::scene::{AGENTS, Scene, script, until};
use crate::server::{Server, really};

pub(super) fn killed() {
    really(async {
        let scene = Scene::new().await;
        let things = Things::new(&scene).await;
        assert_eq!(things.state(&scene.server).await, FOUND());
        let run = killed_with(&things);
        let since = Instant::now();
        // Each was seen in force by its injection; where one guardian was late, the fault of another may be over.
        assert_ne!(things.state(&scene.server).await, FOUND());
        until_it_is_back(&scene, &things, since).await;
        let back = since.elapsed();
        assert!(back > LASTING - secs(3), "too early: {back:?}");
        let gone = until_nothing_is_left(&scene.server, &run).await;
        println!(
            "controller killed: all four back {back:.1?} after they came into force, {LASTING:?} asked; guardian pods gone \
             {gone:.1?} later"
        );
        things.over(scene).await;
    });
}

pub(super) fn killed_too() {
    really(async {
        let scene = Scene::alone().await;
        let things = Things::new(&scene).await;
        let run = killed_with(&things);
        let since = Instant::now();
        let pods = guardians(&scene.server, &run).await;
        assert_eq!(pods.len(), 4, "{pods:?}");
        let on: std::collections::BTreeSet<&str> = pods.iter().map(|(_, node)| node.as_str()).collect();
        for node in on {
            script("gx", &[node, "kill -9 $(pgrep -f '[c]haos-agent guard')"]);
        }
        until_it_is_back(&scene, &things, since).await;
        let back = since.elapsed();
        let gone = until_nothing_is_left(&scene.server, &run).await;
        println!(
            "controller and guardian pods' containers killed: back after {back:.1?}, gone {gone:.1?} later"
        );
        things.over(scene).await;
    });
}

async fn is_there(server: &Server) -> bool {
    let request = http::Request::get("/readyz").body(Body::empty()).unwrap();
    server.client.send(request).await.is_ok_and(|answer| answer.status().is_success())
}

/// The API server is dead from before the deadline until after it.
pub(super) fn api_is_away() {
    really(async {
        let scene = Scene::alone().await;
        let things = Things::new(&scene).await;
        let run = killed_with(&things);
        let since = Instant::now();
        script("component", &["kill", "kube-apiserver"]);
        Clock::real().sleep((LASTING + secs(8)).saturating_sub(since.elapsed())).await;
        script("component", &["start", "kube-apiserver"]);
        until(|| is_there(&scene.server)).await;
        let again = Instant::now();
        while things.state(&scene.server).await != FOUND() {
            assert!(again.elapsed() < AFTER + secs(15), "still {:?}", things.state(&scene.server).await);
            Clock::real().sleep(ms(100)).await;
        }
        println!("controller and API server killed: back {:.1?} after that is there again", again.elapsed());
        until_no_role_is_left(&scene.server, &run).await;
        things.over(scene).await;
    });
}

/// A taint, a drain, and a pod that fails.
pub(super) fn of_others() {
    really(async {
        let scene = Scene::new().await;
        let others = Others::new(&scene).await;
        assert_eq!(others.state(&scene.server).await, Others::found());
        let run = killed_with_others(&others);
        let since = Instant::now();
        assert_ne!(others.state(&scene.server).await, Others::found());
        assert!(others.is_drained(&scene.server).await);
        while others.state(&scene.server).await != Others::found() {
            let state = others.state(&scene.server).await;
            assert!(since.elapsed() < LASTING + AFTER, "still {state:?}");
            Clock::real().sleep(ms(100)).await;
        }
        let back = since.elapsed();
        assert!(back > LASTING - secs(3), "too early: {back:?}");
        until(|| async { others.ready(&scene).await.is_some() }).await;
        let ready = since.elapsed();
        let gone = until_nothing_is_left(&scene.server, &run).await;
        println!(
            "controller killed: taint, drain and failed pod back after {back:.1?}, the pod ready after {ready:.1?}; guardian \
             pods gone {gone:.1?} later"
        );
        others.over(scene).await;
    });
}

/// Their Jobs make the pods anew.
pub(super) fn pods_deleted() {
    really(async {
        let scene = Scene::new().await;
        let things = Things::new(&scene).await;
        let run = killed_with(&things);
        let since = Instant::now();
        let deleted = guardians(&scene.server, &run).await;
        assert_eq!(deleted.len(), 4, "{deleted:?}");
        for (name, _) in &deleted {
            let path = format!("/api/v1/namespaces/{AGENTS}/pods/{name}");
            let (code, answer) = scene.server.delete(&path, &json!({})).await;
            assert_eq!(code, 200, "{answer}");
        }
        let is_back = is_back_within(&scene, &things, since, LASTING + AFTER + secs(15)).await;
        assert!(is_back, "still {:?}", things.state(&scene.server).await);
        let back = since.elapsed();
        let gone = until_nothing_is_left(&scene.server, &run).await;
        println!("controller killed, guardian pods deleted: back after {back:.1?}, gone {gone:.1?} later");
        things.over(scene).await;
    });
}

/// The node of a guardian pod is lost with the controller. Its Job makes another pod, on another node, once the control plane
/// has seen that.
pub(super) fn node_lost() {
    really(async {
        let scene = Scene::alone().await;
        let (_, nodes) = scene.server.ask("/api/v1/nodes").await;
        let all = nodes["items"].as_array().unwrap().iter();
        let others =
            all.filter(|node| node["metadata"]["labels"]["kubernetes.io/hostname"].is_null()).count();
        assert!(others < 2, "{others} nodes without a machine: with so many lost, Kubernetes evicts nobody");
        let things = Things::new(&scene).await;
        let run = killed_with(&things);
        let since = Instant::now();
        let pods = guardians(&scene.server, &run).await;
        let (_, lost) = pods.first().unwrap().clone();
        let there = pods.iter().filter(|(_, node)| *node == lost).count();
        script("node-cut", &[&lost]);
        let is_back = is_back_within(&scene, &things, since, LASTING + secs(90)).await;
        let back = since.elapsed();
        script("node-cut", &[&lost, "--heal"]);
        assert!(is_back, "still {:?}", things.state(&scene.server).await);
        println!("controller killed, the node of {there} of 4 guardian pods cut off: back after {back:.1?}");
        let node = format!("/api/v1/nodes/{lost}");
        until(|| async { scene.server.ask(&node).await.1["spec"]["taints"].is_null() }).await;
        until_nothing_is_left(&scene.server, &run).await;
        things.over(scene).await;
    });
}

/// With their Jobs gone as well, nobody is left who would.
pub(super) fn swept() {
    really(async {
        let scene = Scene::new().await;
        let things = Things::new(&scene).await;
        let run = killed_with(&things);
        for name in jobs(&scene.server, &run).await {
            let path = format!("/apis/batch/v1/namespaces/{AGENTS}/jobs/{name}");
            let (code, answer) =
                scene.server.delete(&path, &json!({"propagationPolicy": "Background"})).await;
            assert_eq!(code, 200, "{answer}");
        }
        Clock::real().sleep(LASTING + secs(10)).await;
        assert_eq!(things.state(&scene.server).await, CHANGED());
        let swept = scene.cluster.sweep().of_run(run.parse().unwrap()).await.unwrap();
        assert!(swept.is_clean() && swept.ended.len() >= 4 + 4, "{swept}");
        assert_eq!(things.state(&scene.server).await, FOUND());
        until_nothing_is_left(&scene.server, &run).await;
        things.over(scene).await;
    });
}
