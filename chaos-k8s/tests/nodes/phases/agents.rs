//! A controller of an agent dies at each of its requests that change something.

use std::time::{Duration, Instant};

use chaos_core::Clock;
use chaos_core::units::{ms, secs};
use chaos_k8s::cluster::agents::Delivery;
use serde_json::Value;

use super::came::{Came, tell};
use super::death::Death;
use super::feeling::{Feeling, is_cut_off};
use super::life::{Life, Wanted};
use super::said::Said;
use crate::scene::{AGENTS, HERE, Part, Scene, all, until};
use crate::server::really;

/// How long an API server that was killed may be away, and what depends on it take to come back to it.
const BACK: Duration = secs(90);

pub(super) fn by_a_pod() {
    at_each_request(Delivery::NodePod);
}

pub(super) fn by_a_container() {
    at_each_request(Delivery::EphemeralContainer);
}

fn at_each_request(by: Delivery) {
    really(async {
        let scene = Scene::new().await;
        let (whole, db) = tokio::join!(scene.part("whole", HERE), scene.part("db", HERE));
        let db = format!("{}:8080", db.address);
        let life = |target: &Part, death| Life::new(Wanted::Cut(by), scene.namespace(), &target.name, death);
        let requests = Said::by_one_alone(life(&whole, None)).await.unwrap().requests();
        let deaths = Death::at_each(requests + 1);
        let fronts = scene.deployment("front", HERE, deaths.len()).await;
        let lives = fronts.into_iter().zip(deaths).map(|(front, death)| {
            let life = life(&front, Some(death));
            one(&scene, life, death, front, &db)
        });
        let came: Vec<Came> = all(lives).await.into_iter().flatten().collect();
        tell(&by.to_string(), requests, &came);
        scene.over().await;
    });
}

async fn one(scene: &Scene, life: Life, death: Death, front: Part, db: &str) -> Option<Came> {
    let mut feeling = Feeling::new(async || is_cut_off(&front, db).await);
    let said = feeling.while_it_lives(Said::by_one_alone(life)).await;
    let has_died = said.has_died();
    let states = async || agents(scene, said.run(), &front.name).await;
    let late = feeling.until_it_is_over(&said, async || states().await.iter().all(Found::has_ended)).await;
    let left: Vec<String> = states().await.iter().map(Found::to_string).collect();
    assert!(left.len() <= said.answered(), "{death}: {left:?}");
    sweep(scene, said.run()).await;
    assert!(!feeling.look().await, "{death}: felt after a sweep");
    has_died.then_some(Came { death, late, left })
}

/// What there is, also where the API server is away for a moment.
async fn read(scene: &Scene, path: &str) -> Value {
    let begun = Instant::now();
    loop {
        let request = http::Request::get(path).body(Vec::new()).unwrap();
        match scene.server.client.request(request).await {
            Ok(value) => return value,
            Err(error) => assert!(begun.elapsed() < BACK, "{path}: {error}"),
        }
        Clock::real().sleep(ms(200)).await;
    }
}

/// The pods that were made for agents of this run.
async fn agent_pods(scene: &Scene, run: &str) -> Vec<Value> {
    let path = format!("/api/v1/namespaces/{AGENTS}/pods?labelSelector=chaos-sdk.dev%2Frun%3D{run}");
    list(&read(scene, &path).await["items"])
}

fn list(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

/// What there is of agents of this run, and the state it is in.
pub(super) struct Found {
    what: &'static str,
    state: String,
}

/// The pods of agents of this run, and the containers in `pod`.
pub(super) async fn agents(scene: &Scene, run: &str, pod: &str) -> Vec<Found> {
    let pods = agent_pods(scene, run).await;
    let pods = pods.into_iter().map(|pod| Found { what: "pod", state: state_of_pod(&pod) });
    let mut found: Vec<Found> = pods.collect();
    let pod = read(scene, &format!("/api/v1/namespaces/{}/pods/{pod}", scene.namespace())).await;
    let statuses = list(&pod["status"]["ephemeralContainerStatuses"]);
    for container in list(&pod["spec"]["ephemeralContainers"]) {
        let status = statuses.iter().find(|status| status["name"] == container["name"]);
        let state = status.and_then(|status| status["state"].as_object()?.keys().next().cloned());
        let what = if container["args"][0] == "tell" { "teller" } else { "container" };
        found.push(Found { what, state: state.unwrap_or_else(|| "not seen by its kubelet".to_owned()) });
    }
    found
}

fn state_of_pod(pod: &Value) -> String {
    let last = &pod["status"]["containerStatuses"][0]["lastState"]["terminated"]["exitCode"];
    // What has ended in good order is started again for nothing.
    match last.as_u64().filter(|code| [3, 4, 6, 10, 11].contains(code)) {
        Some(code) => format!("ended with {code}"),
        None => pod["status"]["phase"].as_str().unwrap_or_default().to_owned(),
    }
}

impl Found {
    /// Whether it will not act any more.
    pub(super) fn has_ended(&self) -> bool {
        let ends = ["Succeeded", "Failed", "terminated"];
        ends.contains(&self.state.as_str()) || self.state.starts_with("ended with ")
    }

    /// Whether it is an agent, and not what told one an order.
    pub(super) fn is_agent(&self) -> bool {
        self.what != "teller"
    }
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.what, self.state)
    }
}

/// Sweeps what is left of this run, from anywhere and without a ledger.
pub(super) async fn sweep(scene: &Scene, run: &str) {
    let begun = Instant::now();
    loop {
        match scene.server.cluster().sweep().of_run(run.parse().unwrap()).await {
            Ok(swept) if swept.is_clean() => break,
            other => assert!(begun.elapsed() < BACK, "{other:?}"),
        }
        Clock::real().sleep(secs(1)).await;
    }
    until(|| async { agent_pods(scene, run).await.is_empty() }).await;
}
