//! What is still there of guardians, and of what they put back.

use std::time::{Duration, Instant};

use chaos_core::Clock;
use chaos_core::units::ms;
use serde_json::Value;

use super::things::{FOUND, Things};
use super::{AFTER, LASTING};
use crate::scene::{AGENTS, Scene, until};
use crate::server::Server;

/// What was made for guardians of this run and is still there.
pub(crate) async fn left(server: &Server, run: &str) -> Vec<String> {
    let selector = format!("labelSelector=chaos-sdk.dev%2Frun%3D{run}");
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let paths = [
        "/api/v1/pods".to_owned(),
        "/api/v1/serviceaccounts".to_owned(),
        "/apis/batch/v1/jobs".to_owned(),
        format!("{rbac}/roles"),
        format!("{rbac}/rolebindings"),
        format!("{rbac}/clusterroles"),
        format!("{rbac}/clusterrolebindings"),
    ];
    let mut left = Vec::new();
    for path in paths {
        let (code, list) = server.ask(&format!("{path}?{selector}")).await;
        assert_eq!(code, 200, "{list}");
        let names = list["items"].as_array().unwrap().iter().map(|item| item["metadata"]["name"].to_string());
        left.extend(names.map(|name| format!("{} {name}", path.rsplit('/').next().unwrap())));
    }
    left
}

/// Waits until the roles are gone, which a guardian or its controller takes away; how long that took.
pub(super) async fn until_no_role_is_left(server: &Server, run: &str) -> Duration {
    let begun = Instant::now();
    loop {
        let mut left = left(server, run).await;
        left.retain(|name| name.starts_with("roles ") || name.starts_with("clusterroles "));
        if left.is_empty() {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < AFTER, "left: {left:?}");
        Clock::real().sleep(ms(200)).await;
    }
}

/// Waits until nothing of them is left; how long that took. What belongs to the roles is for the garbage collector, which may
/// have lost its API server a moment ago.
pub(crate) async fn until_nothing_is_left(server: &Server, run: &str) -> Duration {
    let begun = Instant::now();
    until_no_role_is_left(server, run).await;
    until(|| async { left(server, run).await.is_empty() }).await;
    begun.elapsed()
}

/// Waits until all is as it was found.
pub(super) async fn until_it_is_back(scene: &Scene, things: &Things, since: Instant) {
    let is_back = is_back_within(scene, things, since, LASTING + AFTER).await;
    assert!(is_back, "still {:?}", things.state(&scene.server).await);
}

/// Whether all is as it was found in this time.
pub(super) async fn is_back_within(scene: &Scene, things: &Things, since: Instant, within: Duration) -> bool {
    while things.state(&scene.server).await != FOUND() {
        if since.elapsed() > within {
            return false;
        }
        Clock::real().sleep(ms(100)).await;
    }
    true
}

/// The names of the guardian pods of a run, and their nodes.
pub(super) async fn guardians(server: &Server, run: &str) -> Vec<(String, String)> {
    let selector = format!("labelSelector=chaos-sdk.dev%2Frun%3D{run}");
    let (_, pods) = server.ask(&format!("/api/v1/namespaces/{AGENTS}/pods?{selector}")).await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let pods = pods["items"].as_array().unwrap().iter();
    pods.map(|pod| (text(&pod["metadata"]["name"]), text(&pod["spec"]["nodeName"]))).collect()
}

/// The names of their Jobs.
pub(super) async fn jobs(server: &Server, run: &str) -> Vec<String> {
    let left = left(server, run).await;
    let jobs = left.iter().filter_map(|name| name.strip_prefix("jobs "));
    jobs.map(|name| name.trim_matches('"').to_owned()).collect()
}
