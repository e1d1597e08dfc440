//! Ends: whoever dies while a fault is in force, nothing of it is left after its deadline.

use std::time::{Duration, Instant};

use chaos_core::units::{ms, secs};
use chaos_core::{Clock, Error};
use chaos_k8s::cluster::agents::Delivery;
use chaos_k8s::node::net;

use crate::scene::{HERE, Part, Scene, UML, script};
use crate::server::really;
use crate::support::{Need, Test};

pub(crate) const TESTS: &[Test] = &[
    ("the_controller_dies_with_a_container", &[Need::Nodes], || dies(&[], CONTAINER, HERE)),
    ("the_controller_dies_with_a_pod", &[Need::Nodes], || dies(&[], POD, HERE)),
    ("controller_and_agent_die", &[Need::Nodes], || dies(&["agent"], POD, HERE)),
    ("controller_and_agent_in_a_container_die", &[Need::Nodes], || dies(&["agent"], CONTAINER, HERE)),
    ("controller_and_the_agent_s_container_die", &[Need::Nodes], || dies(&["container"], POD, HERE)),
    ("controller_and_the_agent_s_guardian_die", &[Need::Nodes], || dies(&["guardian"], POD, HERE)),
    ("controller_and_a_guardian_in_a_container_die", &[Need::Nodes], || dies(&["guardian"], CONTAINER, HERE)),
    ("controller_and_kubelet_die", &[Need::Nodes], || dies(&["kubelet"], POD, HERE)),
    ("controller_and_api_server_die", &[Need::Nodes], || dies(&["api"], POD, HERE)),
    ("the_node_is_cut_off", &[Need::UmlNodes], || dies(&["network"], POD, UML)),
    ("a_sweep_ends_a_container", &[Need::Nodes], || swept(CONTAINER)),
    ("a_sweep_ends_a_pod", &[Need::Nodes], || swept(POD)),
    ("an_agent_that_was_killed_goes_on", &[Need::Nodes], goes_on),
    ("a_pod_that_is_gone_needs_no_revert", &[Need::Nodes], gone),
];

const CONTAINER: Delivery = Delivery::EphemeralContainer;
const POD: Delivery = Delivery::NodePod;
/// How long the faults here last.
const LASTING: Duration = secs(12);
/// How long after that an effect may be felt: what issue and documentation promise.
const AFTER: Duration = secs(15);

fn kill(what: &str, node: &str) {
    let _ = match what {
        // The injector is one of its processes: the guardian takes back what it had.
        "agent" => script("gx", &[node, "kill -9 $(pgrep -n -f '[c]haos-agent')"]),
        // The first of them: its container goes with it.
        "guardian" => script("gx", &[node, "kill -9 $(pgrep -o -f '[c]haos-agent')"]),
        "container" => script("gx", &[node, "kill -9 $(pgrep -f '[c]haos-agent')"]),
        "kubelet" => script("gx", &[node, "kill -9 $(pgrep -f '[k]ubelet --')"]),
        "api" => script("component", &["kill", "kube-apiserver"]),
        "network" => script("node-cut", &[node]),
        _ => unreachable!("{what}"),
    };
}

fn heal(what: &str, node: &str) {
    let _ = match what {
        "api" => script("component", &["start", "kube-apiserver"]),
        "network" => script("node-cut", &[node, "--heal"]),
        _ => String::new(),
    };
}

/// Cut off from its database, with nobody who would end that but the agent.
async fn cut(scene: &Scene, by: Delivery, node: &str) -> (Part, String) {
    let (front, db) = tokio::join!(scene.part("front", node), scene.part("db", HERE));
    let to = format!("{}:8080", db.address);
    front.reaches(&to).await;
    let short = scene.cluster.clone().lasting_at_most(LASTING).unwrap();
    let agents = scene.agents_of(&short, by);
    let injection =
        scene.inject(agents.net(net::drop()).to(scene.pods("db")), scene.pods("front")).await.unwrap();
    // As if this process were no more.
    std::mem::forget(injection);
    (front, to)
}

fn dies(who: &[&str], by: Delivery, node: &str) {
    really(async {
        let scene = if who.is_empty() { Scene::new().await } else { Scene::alone().await };
        let (front, to) = cut(&scene, by, node).await;
        let begun = Instant::now();
        for what in who {
            kill(what, node);
        }
        let is_cut_off = who.contains(&"network");
        if is_cut_off {
            // Nobody sees it from here; it must be over once it can be seen.
            Clock::real().sleep(LASTING + secs(8)).await;
            heal("network", node);
        }
        while front.ask_within(&to, ms(700)).await.is_none() {
            let felt = begun.elapsed();
            assert!(
                felt < LASTING + AFTER || is_cut_off && felt < LASTING + AFTER + secs(30),
                "felt after {felt:?}"
            );
            Clock::real().sleep(ms(100)).await;
        }
        println!(
            "dead: controller {}: over {:.1?} after it began, {LASTING:?} asked",
            who.join(" "),
            begun.elapsed()
        );
        for what in who {
            heal(what, node);
        }
        // What is left in the API is swept from anywhere.
        let run = scene.cluster.run();
        let begun = Instant::now();
        loop {
            let swept = scene.server.cluster().sweep().of_run(run).await;
            match swept {
                Ok(swept) if swept.is_clean() => break,
                other => assert!(begun.elapsed() < secs(90), "{other:?}"),
            }
            Clock::real().sleep(secs(1)).await;
        }
        scene.over().await;
    });
}

fn swept(by: Delivery) {
    really(async {
        let scene = Scene::new().await;
        let (front, to) = cut(&scene, by, HERE).await;
        let other = scene.server.cluster();
        // A run that may live is left alone.
        let left = other.sweep().in_namespace(scene.namespace()).await.unwrap();
        assert!(left.ended.is_empty(), "{left}");
        assert!(front.ask_within(&to, ms(700)).await.is_none());
        let swept = other.sweep().of_run(scene.cluster.run()).await.unwrap();
        assert!(swept.is_clean() && swept.ended.len() == 1, "{swept}");
        assert!(front.ask(&to).await.is_some());
        scene.over().await;
    });
}

/// Killed whole, an agent in a pod of its own is started again, and goes on until the same moment.
fn goes_on() {
    really(async {
        let scene = Scene::alone().await;
        let (front, db) = tokio::join!(scene.part("front", HERE), scene.part("db", HERE));
        let to = format!("{}:8080", db.address);
        front.reaches(&to).await;
        let drop = scene.agents(POD).net(net::drop()).to(scene.pods("db"));
        let injection = scene.inject(drop, scene.pods("front")).await.unwrap();
        kill("container", HERE);
        let begun = Instant::now();
        loop {
            let seen = injection.observe().await;
            let is_back =
                seen.iter().all(|(_, seen)| seen.as_ref().is_ok_and(chaos_core::Observed::is_in_force));
            if is_back && front.ask_within(&to, ms(700)).await.is_none() {
                break;
            }
            assert!(begun.elapsed() < secs(60), "{seen:?}");
            Clock::real().sleep(ms(200)).await;
        }
        injection.revert().await.unwrap();
        assert!(front.ask(&to).await.is_some());
        scene.over().await;
    });
}

fn gone() {
    really(async {
        let scene = Scene::new().await;
        let front = scene.part("front", HERE).await;
        let drop = scene.agents(CONTAINER).net(net::drop()).to(net::Flow::peer("203.0.113.0/24").unwrap());
        let injection = scene.inject(drop, scene.pods("front")).await.unwrap();
        let path = format!("/api/v1/namespaces/{}/pods/{}", scene.namespace(), front.name);
        scene.server.delete(&path, &serde_json::json!({"gracePeriodSeconds": 0})).await;
        let begun = Instant::now();
        while scene.server.ask(&path).await.0 != 404 {
            assert!(begun.elapsed() < secs(60));
            Clock::real().sleep(ms(200)).await;
        }
        for (name, seen) in injection.observe().await {
            let seen: Result<_, Error> = seen;
            assert!(!seen.unwrap().is_in_force(), "{name}");
        }
        injection.revert().await.unwrap();
        scene.over().await;
    });
}
