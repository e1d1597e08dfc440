//! Faults on the processes of nodes themselves.

use chaos_core::units::{ms, secs};
use chaos_core::{BlastRadius, Clock, Fault, Injection, Ledger, Mode, Observed};
use chaos_k8s::agent::spec::{Power, SignalData};
use chaos_k8s::cluster::agents::NodeFault;
use chaos_k8s::node::process::{self, Signal};
use chaos_k8s::node::{net, stress};

use crate::scene::{HERE, Scene, UML, output, script, until};
use crate::server::really;
use crate::support::{Need, Test};

pub(crate) const TESTS: &[Test] = &[
    ("a_kubelet_is_killed_and_started_again", &[Need::Nodes], kubelet),
    ("a_process_of_the_node_stands_still", &[Need::Nodes], still),
    ("a_node_s_own_network_is_slow_to_its_peers_alone", &[Need::UmlNodes], slow),
    ("a_node_is_busy", &[Need::UmlNodes], || busy(UML)),
    ("a_node_of_cgroup_1_is_busy", &[Need::Nodes], || busy(HERE)),
    ("a_node_loses_its_power_and_comes_back", &[Need::UmlNodes], power),
    ("a_node_that_is_a_container_keeps_its_power", &[Need::Nodes], container),
    ("a_node_without_such_a_process_is_said", &[Need::Nodes], none),
];

async fn inject(scene: &Scene, fault: NodeFault) -> chaos_core::Result<Injection> {
    inject_at(scene, HERE, fault).await
}

async fn inject_at(scene: &Scene, node: &str, fault: NodeFault) -> chaos_core::Result<Injection> {
    let ledger = Ledger::in_memory(scene.cluster.undos()?);
    let fault = fault.on(scene.cluster.nodes().named(node), Mode::ONE);
    scene.chaos.inject(fault, BlastRadius::count(1)?).ledger(ledger).begin().await
}

/// Its own traffic and that of its pods, on the way to one other node.
fn slow() {
    really(async {
        let scene = Scene::alone().await;
        let (far, near, db) =
            tokio::join!(scene.part("far", UML), scene.part("near", UML), scene.part("db", HERE));
        let (to_db, to_near) = (format!("{}:8080", db.address), format!("{}:8080", near.address));
        far.reaches(&to_db).await;
        let (before, before_near) = (far.asks(&to_db).await, far.asks(&to_near).await);
        let peer = net::Flow::peer(&db.address).unwrap();
        let slow = scene.any_agents().node(net::delay(ms(100)).to(peer)).unwrap();
        let injection = inject_at(&scene, UML, slow).await.unwrap();
        let (during, during_near) = (far.asks(&to_db).await, far.asks(&to_near).await);
        println!(
            "from a node that is far: {before:.1} to {during:.1} ms, on the node itself {before_near:.1} to {during_near:.1} ms"
        );
        // Once for the handshake and once for the question.
        assert!((195.0..=260.0).contains(&(during - before)) && during_near < before_near + 60.0);
        injection.revert().await.unwrap();
        assert!(far.asks(&to_db).await < before + 60.0);
        scene.over().await;
    });
}

/// Its stressors are in no pod's cgroup, and are gone with the fault.
fn busy(node: &'static str) {
    really(async {
        let scene = Scene::alone().await;
        let stress = scene.any_agents().node(stress::cpu(2).unwrap()).unwrap();
        let injection = inject_at(&scene, node, stress).await.unwrap();
        let (name, seen) = injection.observe().await.remove(0);
        let seen = seen.unwrap();
        assert!(seen.is_in_force(), "{name}: {}", seen.detail());
        let groups = || {
            let find = "find /sys/fs/cgroup -type d -name 'chaos-stress-*' | grep -v /pod | wc -l";
            output(&[node, find]).parse::<u32>().unwrap()
        };
        assert!(groups() > 0, "its cgroup is beside those of pods");
        injection.revert().await.unwrap();
        assert_eq!(groups(), 0);
        scene.over().await;
    });
}

/// The numbers of these processes of the node.
fn pids(pattern: &str) -> String {
    output(&[HERE, &format!("pgrep -x {pattern} || true")])
}

fn kubelet() {
    really(async {
        let scene = Scene::alone().await;
        let front = scene.part("front", HERE).await;
        let before = pids("kubelet");
        let injection = inject(&scene, scene.any_agents().restart_kubelet().unwrap()).await.unwrap();
        until(|| async {
            let now = pids("kubelet");
            !now.is_empty() && now != before
        })
        .await;
        assert!(front.get("/health").await.is_some(), "pods run on");
        injection.revert().await.unwrap();
        until(|| async {
            let (_, node) = scene.server.ask(&format!("/api/v1/nodes/{HERE}")).await;
            let conditions = node["status"]["conditions"].as_array().unwrap().clone();
            conditions.iter().any(|one| one["type"] == "Ready" && one["status"] == "True")
        })
        .await;
        scene.over().await;
    });
}

/// A process of the node that is called like one in a container, which goes on.
fn still() {
    really(async {
        let scene = Scene::alone().await;
        let front = scene.part("front", HERE).await;
        output(&[HERE, "(exec -a shop sleep 600) >/dev/null 2>&1 & echo $! > /tmp/chaos-test-shop"]);
        let state = || output(&[HERE, "cut -d' ' -f3 /proc/$(cat /tmp/chaos-test-shop)/stat"]);
        let stop = scene.any_agents().node_processes("shop", process::pause()).unwrap();
        let injection = inject(&scene, stop).await.unwrap();
        let seen: Vec<Observed> =
            injection.observe().await.into_iter().map(|(_, seen)| seen.unwrap()).collect();
        assert!(seen.iter().all(Observed::is_in_force), "{seen:?}");
        assert_eq!(state(), "t");
        assert!(front.get("/health").await.is_some(), "the one in a container goes on");
        injection.revert().await.unwrap();
        assert_eq!(state(), "S");
        output(&[HERE, "kill $(cat /tmp/chaos-test-shop); rm /tmp/chaos-test-shop"]);
        scene.over().await;
    });
}

/// Off, as seen by the cluster; started by its owner, it stays on.
fn power() {
    really(async {
        let scene = Scene::alone().await;
        let path = format!("/api/v1/nodes/{UML}");
        let boot = || async { scene.server.ask(&path).await.1["status"]["nodeInfo"]["bootID"].clone() };
        let before = boot().await;
        let ledger = Ledger::in_memory(scene.cluster.undos().unwrap());
        let off = scene.any_agents().power(Power::Off).on(scene.cluster.nodes().named(UML), Mode::ONE);
        let begin = scene.chaos.inject(off, BlastRadius::count(1).unwrap()).ledger(ledger).begin();
        let injection = begin.await.unwrap();
        let is_off = || async {
            let seen = injection.observe().await.remove(0).1.unwrap();
            assert!(seen.is_in_force(), "{seen:?}");
            ["not ready", "nothing is heard"].iter().any(|words| seen.detail().contains(words))
        };
        until(is_off).await;
        script("node-down", &[UML, "--keep-disk"]);
        script("uml-node-up", &[UML]);
        until(|| async { boot().await != before }).await;
        until(|| async {
            injection.observe().await.remove(0).1.unwrap().detail().contains("anew, and is ready")
        })
        .await;
        // Long enough for an agent that would do it again.
        let again = boot().await;
        Clock::real().sleep(secs(12)).await;
        injection.revert().await.unwrap();
        assert_eq!(boot().await, again);
        scene.over().await;
    });
}

/// Its kernel is this machine's.
fn container() {
    really(async {
        let scene = Scene::new().await;
        let ledger = Ledger::in_memory(scene.cluster.undos().unwrap());
        let off = scene.any_agents().power(Power::Off).on(scene.cluster.nodes().named(HERE), Mode::ONE);
        let begun = scene.chaos.inject(off, BlastRadius::count(1).unwrap()).ledger(ledger).begin().await;
        let error = begun.unwrap_err();
        assert!(error.chain().contains("its node is a container"), "{}", error.chain());
        scene.over().await;
    });
}

fn none() {
    really(async {
        let scene = Scene::new().await;
        let kill =
            scene.any_agents().node_processes("nobody-of-here", SignalData::once(Signal::KILL)).unwrap();
        let error = inject(&scene, kill).await.unwrap_err();
        assert!(error.chain().contains("no process of the node itself"), "{}", error.chain());
        Clock::real().sleep(secs(1)).await;
        scene.over().await;
    });
}
