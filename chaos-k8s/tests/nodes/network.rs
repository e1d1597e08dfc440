//! Network faults, as the application sees them.

use std::time::Instant;

use chaos_core::units::ms;
use chaos_k8s::cluster::agents::Delivery;
use chaos_k8s::node::net;

use crate::scene::{HERE, Scene, UML};
use crate::server::really;
use crate::support::{Need, Test};

pub(crate) const TESTS: &[Test] = &[
    ("delay_to_a_service_by_a_container_here", &[Need::Nodes], || delay(HERE, Delivery::EphemeralContainer)),
    ("delay_to_a_service_by_a_node_pod_here", &[Need::Nodes], || delay(HERE, Delivery::NodePod)),
    ("delay_to_a_service_by_a_container", &[Need::UmlNodes], || delay(UML, Delivery::EphemeralContainer)),
    ("delay_to_a_service_by_a_node_pod", &[Need::UmlNodes], || delay(UML, Delivery::NodePod)),
];

/// Of 200 ms to a database's service, and nothing else of the same pod.
fn delay(node: &str, by: Delivery) {
    really(async {
        let scene = Scene::new().await;
        let (front, db, other) =
            tokio::join!(scene.part("front", node), scene.part("db", HERE), scene.part("other", HERE));
        let to_db = scene.service("db", 5432).await;
        let to_other = format!("{}:8080", other.address);
        front.reaches(&to_db).await;
        front.reaches(&to_other).await;
        let (before, other_before) = (front.asks(&to_db).await, front.asks(&to_other).await);
        let slow =
            scene.agents(by).net(net::delay(ms(200))).to(scene.cluster.service(scene.namespace(), "db"));
        let begun = Instant::now();
        let injection = scene.inject(slow, scene.pods("front")).await.unwrap();
        let injected = begun.elapsed();
        let (slowed, direct) = (front.asks(&to_db).await, front.asks(&format!("{}:8080", db.address)).await);
        let other = front.asks(&to_other).await;
        let begun = Instant::now();
        injection.revert().await.unwrap();
        let reverted = begun.elapsed();
        let after = front.asks(&to_db).await;
        println!(
            "{by} on {node}: {before:.1} ms before, {slowed:.1} under the fault, {after:.1} after; others {other_before:.1} \
             and {other:.1}; injected in {injected:.1?}, reverted in {reverted:.1?}"
        );
        // A connection and a request: a delay each.
        for slowed in [slowed - before, direct - before] {
            assert!((380.0..440.0).contains(&slowed), "{slowed} ms more");
        }
        assert!(other < other_before + 50.0 && after < before + 50.0);
        scene.over().await;
    });
}
