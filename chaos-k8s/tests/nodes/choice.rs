//! Which way an agent comes, and what is refused before anything is touched.

use std::time::Instant;

use chaos_core::{BlastRadius, Fault, Ledger, Mode};
use chaos_k8s::cluster::agents::{Delivery, PodFault};
use chaos_k8s::node::net::{self, NetRule};
use chaos_k8s::node::stress;
use serde_json::json;

use crate::scene::{AGENTS, HERE, Scene};
use crate::server::really;
use crate::support::{Need, Test};

pub(crate) const TESTS: &[Test] = &[
    ("the_least_rights_that_are_allowed", &[Need::Nodes], least),
    ("stress_needs_no_right_even_where_pods_are_restricted", &[Need::Nodes], restricted),
    ("an_image_that_is_nowhere_is_said_at_once", &[Need::Nodes], no_image),
    ("a_namespace_that_is_not_there_is_refused", &[Need::Nodes], no_namespace),
    ("a_service_that_is_not_there_is_refused", &[Need::Nodes], no_service),
];

/// What a plan for the front says.
pub(crate) async fn plan<F: Fault<Target = chaos_k8s::cluster::Pod>>(
    scene: &Scene,
    fault: F,
) -> chaos_core::Result<String> {
    let pods = chaos_core::Select::select(&scene.pods("front")).await?;
    Ok(fault.prepare(&pods[0]).await?.change().to_owned())
}

fn cut(scene: &Scene) -> PodFault<NetRule> {
    scene.any_agents().net(net::drop()).to(net::Flow::peer("203.0.113.0/24").unwrap())
}

fn least() {
    really(async {
        let scene = Scene::new().await;
        scene.part("front", HERE).await;
        let open = plan(&scene, cut(&scene)).await.unwrap();
        assert!(open.contains("by ephemeral container with user 0, NET_ADMIN (the least rights)"), "{open}");
        scene.enforce("baseline").await;
        let closed = plan(&scene, cut(&scene)).await.unwrap();
        println!("{open}\n{closed}");
        assert!(closed.contains("by agent pod on the node node1 with"), "{closed}");
        assert!(
            closed.contains("ephemeral container:") && closed.contains("violates PodSecurity"),
            "{closed}"
        );
        scene.over().await;
    });
}

fn restricted() {
    really(async {
        let scene = Scene::new().await;
        let security = json!({"securityContext": {
            "runAsNonRoot": true, "runAsUser": 1000, "allowPrivilegeEscalation": false,
            "capabilities": {"drop": ["ALL"]}, "seccompProfile": {"type": "RuntimeDefault"},
        }});
        scene.part_with("front", HERE, security).await;
        scene.enforce("restricted").await;
        let busy = || scene.any_agents().fault(stress::cpu(1).unwrap());
        let words = plan(&scene, busy()).await.unwrap();
        assert!(words.contains("by ephemeral container with no rights"), "{words}");
        scene.inject(busy(), scene.pods("front")).await.unwrap().revert().await.unwrap();
        scene.over().await;
    });
}

fn no_image() {
    really(async {
        let scene = Scene::new().await;
        scene.part("front", HERE).await;
        let agents = scene.cluster.agents("localhost/none:1").unwrap().in_namespace(AGENTS).unwrap();
        let cut = agents.only_by(Delivery::NodePod).net(net::drop());
        let begun = Instant::now();
        let ledger = Ledger::in_memory(scene.cluster.undos().unwrap());
        let inject =
            scene.chaos.inject(cut.on(scene.pods("front"), Mode::ONE), BlastRadius::count(1).unwrap());
        let error = inject.ledger(ledger).begin().await.unwrap_err();
        println!("{} after {:.1?}", error.chain(), begun.elapsed());
        assert!(
            error.chain().contains("cannot be started") && error.chain().contains("ErrImage"),
            "{}",
            error.chain()
        );
        scene.over().await;
    });
}

fn no_namespace() {
    really(async {
        let scene = Scene::new().await;
        scene.part("front", HERE).await;
        let agents = scene.any_agents().in_namespace("nowhere").unwrap().only_by(Delivery::NodePod);
        let error = plan(&scene, agents.net(net::drop())).await.unwrap_err();
        assert!(
            error.is_refused() && error.to_string().contains("namespace nowhere is not there"),
            "{error}"
        );
        scene.over().await;
    });
}

fn no_service() {
    really(async {
        let scene = Scene::new().await;
        scene.part("front", HERE).await;
        let none = scene.cluster.service(scene.namespace(), "none");
        let error = plan(&scene, scene.any_agents().net(net::drop()).to(none)).await.unwrap_err();
        assert!(error.is_refused() && error.to_string().contains("is not there"), "{error}");
        let headless = json!({
            "apiVersion": "v1", "kind": "Service",
            "metadata": {"name": "headless", "namespace": scene.namespace()},
            "spec": {"clusterIP": "None", "selector": {"app": "nobody"}, "ports": [{"port": 80}]},
        });
        scene.server.create(headless).await;
        let empty = scene.cluster.service(scene.namespace(), "headless");
        let error = plan(&scene, scene.any_agents().net(net::drop()).to(empty)).await.unwrap_err();
        assert!(error.is_refused() && error.to_string().contains("endpoints"), "{error}");
        scene.over().await;
    });
}
