//! Whoever dies, with the controller or alone.

use std::time::Instant;

use chaos_core::Clock;
use chaos_core::units::{ms, secs};
use chaos_k8s::cluster::kube::client::Body;
use serde_json::json;

use super::controller::Controller;
use super::left::{guardians, until_it_is_back, until_no_role_is_left, until_nothing_is_left};
use super::things::{CHANGED, FOUND, Things};
use super::{AFTER, LASTING};
use crate::scene::{AGENTS, Scene, script, until};
use crate::server::{Server, really};

pub(super) fn killed() {
    really(async {
        let scene = Scene::new().await;
        let things = Things::new(&scene).await;
        assert_eq!(things.state(&scene.server).await, FOUND());
        let mut controller = Controller::new(&things);
        let since = Instant::now();
        controller.kill();
        assert_eq!(things.state(&scene.server).await, CHANGED());
        until_it_is_back(&scene, &things, since).await;
        let back = since.elapsed();
        assert!(back > LASTING - secs(3), "too early: {back:?}");
        let gone = until_nothing_is_left(&scene.server, &controller.run).await;
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
        let mut controller = Controller::new(&things);
        let since = Instant::now();
        controller.kill();
        let pods = guardians(&scene.server, &controller.run).await;
        assert_eq!(pods.len(), 4, "{pods:?}");
        let on: std::collections::BTreeSet<&str> = pods.iter().map(|(_, node)| node.as_str()).collect();
        for node in on {
            script("gx", &[node, "kill -9 $(pgrep -f '[c]haos-agent guard')"]);
        }
        until_it_is_back(&scene, &things, since).await;
        let back = since.elapsed();
        let gone = until_nothing_is_left(&scene.server, &controller.run).await;
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
        let mut controller = Controller::new(&things);
        let since = Instant::now();
        controller.kill();
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
        until_no_role_is_left(&scene.server, &controller.run).await;
        things.over(scene).await;
    });
}

pub(super) fn swept() {
    really(async {
        let scene = Scene::new().await;
        let things = Things::new(&scene).await;
        let mut controller = Controller::new(&things);
        controller.kill();
        for (name, _) in guardians(&scene.server, &controller.run).await {
            let path = format!("/api/v1/namespaces/{AGENTS}/pods/{name}");
            scene.server.delete(&path, &json!({"gracePeriodSeconds": 0})).await;
        }
        // Nobody is left who would.
        Clock::real().sleep(LASTING + secs(10)).await;
        assert_eq!(things.state(&scene.server).await, CHANGED());
        let swept = scene.cluster.sweep().of_run(controller.run.parse().unwrap()).await.unwrap();
        assert!(swept.is_clean() && swept.ended.len() >= 4 + 4, "{swept}");
        assert_eq!(things.state(&scene.server).await, FOUND());
        until_nothing_is_left(&scene.server, &controller.run).await;
        things.over(scene).await;
    });
}
