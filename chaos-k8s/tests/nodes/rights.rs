//! What a fault by agents takes from the API server: enough, and nothing of it for nothing.

use chaos_k8s::Cluster;
use chaos_k8s::cluster::Rights;
use chaos_k8s::cluster::agents::{Delivery, PodFault};
use chaos_k8s::node::net::{self, NetRule};

use crate::scene::{HERE, Scene};
use crate::server::{really, user};
use crate::support::{Need, Test};

pub(crate) const TESTS: &[Test] = &[
    ("the_printed_roles_suffice_for_a_container", &[Need::Nodes], || suffice(Delivery::EphemeralContainer)),
    ("the_printed_roles_suffice_for_a_pod", &[Need::Nodes], || suffice(Delivery::NodePod)),
    ("each_right_of_a_container_is_needed", &[Need::Nodes], || needed(Delivery::EphemeralContainer)),
    ("each_right_of_a_pod_is_needed", &[Need::Nodes], || needed(Delivery::NodePod)),
];

fn fault(scene: &Scene, cluster: &Cluster, by: Delivery) -> PodFault<NetRule> {
    let service = cluster.service(scene.namespace(), "db");
    scene.agents_of(cluster, by).net(net::drop()).to(service)
}

fn suffice(by: Delivery) {
    really(async {
        let scene = Scene::new().await;
        tokio::join!(scene.part("front", HERE), scene.part("db", HERE));
        scene.service("db", 80).await;
        let rights = scene.pods("front").rights_for(&fault(&scene, &scene.cluster, by));
        let cluster = user(&scene.server, "runner", &rights).await;
        let pods = || cluster.pods().in_namespace(scene.namespace()).label("app", "front").unwrap();
        let injection = scene.inject_as(&cluster, fault(&scene, &cluster, by), pods()).await.unwrap();
        injection.revert().await.unwrap();
        scene.over().await;
    });
}

/// Without any one of them the fault is refused before anything is touched, and the words name it.
fn needed(by: Delivery) {
    really(async {
        let scene = Scene::new().await;
        tokio::join!(scene.part("front", HERE), scene.part("db", HERE));
        scene.service("db", 80).await;
        let rights = scene.pods("front").rights_for(&fault(&scene, &scene.cluster, by));
        for (number, missing) in rights.iter().enumerate() {
            let rest: Rights = rights.iter().filter(|right| *right != missing).cloned().collect();
            let cluster = user(&scene.server, &format!("runner{number}"), &rest).await;
            let pods = cluster.pods().in_namespace(scene.namespace()).label("app", "front").unwrap();
            let error = match scene.inject_as(&cluster, fault(&scene, &cluster, by), pods).await {
                Ok(injection) => {
                    injection.revert().await.unwrap();
                    panic!("it works without {missing}");
                }
                Err(error) => error,
            };
            let words = error.chain();
            let names = words.contains(missing.verb())
                && words.contains(missing.resource().split('/').next().unwrap());
            assert!(error.is_refused() && names, "{missing}: {words}");
        }
        println!("{by}: {} rights, each of them needed", rights.iter().count());
        scene.over().await;
    });
}
