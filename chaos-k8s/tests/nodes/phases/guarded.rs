//! A controller of a fault with a guardian pod dies at each of its requests that change something.

use serde_json::json;
use tokio::sync::Semaphore;

use super::came::{Came, tell};
use super::death::Death;
use super::feeling::Feeling;
use super::life::{Life, Wanted};
use super::said::Said;
use crate::guardian::{left, until_nothing_is_left};
use crate::scene::{Scene, all};
use crate::server::really;

/// How many at the same time: each is a process and a pod.
const AT_ONCE: usize = 12;

pub(super) fn by_a_guardian_pod() {
    really(async {
        let scene = Scene::new().await;
        let life = |target: &str, death| Life::new(Wanted::Cordon, scene.namespace(), target, death);
        let whole = node(&scene, "whole").await;
        let requests = Said::by_one_alone(life(&whole, None)).await.unwrap().requests();
        let places = Semaphore::new(AT_ONCE);
        let (here, places, life) = (&scene, &places, &life);
        let lives = Death::at_each(requests + 1).into_iter().enumerate().map(|(number, death)| async move {
            let _place = places.acquire().await.unwrap();
            let node = node(here, &format!("guarded{number}")).await;
            one(here, life(&node, Some(death)), death, &node).await
        });
        let came: Vec<Came> = all(lives).await.into_iter().flatten().collect();
        tell("guardian pod", requests, &came);
        delete(&scene, &whole).await;
        scene.over().await;
    });
}

async fn one(scene: &Scene, life: Life, death: Death, node: &str) -> Option<Came> {
    let mut feeling = Feeling::new(async || is_cordoned(scene, node).await);
    let said = feeling.while_it_lives(Said::by_one_alone(life)).await;
    let has_died = said.has_died();
    let late = feeling.until_it_is_over(&said, async || !is_marked(scene, node).await).await;
    let left = kinds(&left(&scene.server, said.run()).await);
    let swept = scene.server.cluster().sweep().of_run(said.run().parse().unwrap()).await.unwrap();
    assert!(swept.is_clean(), "{death}: {swept}");
    until_nothing_is_left(&scene.server, said.run()).await;
    assert!(!is_cordoned(scene, node).await && !is_marked(scene, node).await, "{death}");
    delete(scene, node).await;
    has_died.then_some(Came { death, late, left })
}

/// A node without a machine; its name.
async fn node(scene: &Scene, name: &str) -> String {
    let name = scene.server.name(name);
    scene.server.create(json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": name}})).await;
    name
}

async fn delete(scene: &Scene, node: &str) {
    scene.server.delete(&format!("/api/v1/nodes/{node}"), &json!({})).await;
}

async fn is_cordoned(scene: &Scene, node: &str) -> bool {
    scene.server.ask(&format!("/api/v1/nodes/{node}")).await.1["spec"]["unschedulable"] == true
}

async fn is_marked(scene: &Scene, node: &str) -> bool {
    let (_, node) = scene.server.ask(&format!("/api/v1/nodes/{node}")).await;
    !node["metadata"]["annotations"]["chaos-sdk.dev/faults"].is_null()
}

/// Of what kinds these are: each is "KIND NAME".
fn kinds(left: &[String]) -> Vec<String> {
    left.iter().map(|name| name.split(' ').next().unwrap().to_owned()).collect()
}
