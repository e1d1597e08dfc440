//! Stress, signals and pauses, as the application and Kubernetes see them.

use chaos_core::Injection;
use chaos_core::units::secs;
use chaos_k8s::agent::spec::SignalData;
use chaos_k8s::cluster::agents::Delivery;
use chaos_k8s::node::process::{self, Signal};
use chaos_k8s::node::stress::{self, Amount};
use serde_json::json;

use crate::choice::plan;
use crate::scene::{HERE, Part, Scene, UML, output, until};
use crate::server::really;
use crate::support::{Need, Test};

pub(crate) const TESTS: &[Test] = &[
    ("cpu_stress_eats_the_pod_s_quota", &[Need::Nodes], || quota(HERE, Delivery::EphemeralContainer)),
    ("cpu_stress_eats_the_container_s_quota", &[Need::Nodes], || quota(HERE, Delivery::NodePod)),
    ("cpu_stress_eats_the_container_s_quota_of_cgroup_2", &[Need::UmlNodes], || {
        quota(UML, Delivery::NodePod)
    }),
    ("memory_beyond_the_limit_kills_the_container", &[Need::UmlNodes], memory),
    ("a_disk_is_filled_as_a_container_sees_it", &[Need::Nodes], disk),
    ("a_paused_container_stands_still", &[Need::Nodes], pause),
    ("a_signal_ends_a_container", &[Need::Nodes], signal),
    ("a_frozen_container_stands_still", &[Need::Nodes], || frozen(HERE)),
    ("a_frozen_container_stands_still_on_cgroup_2", &[Need::UmlNodes], || frozen(UML)),
    ("all_of_a_container_are_killed_on_cgroup_2", &[Need::UmlNodes], all_killed),
    ("what_cgroup_1_cannot_kill_is_refused_with_the_reason", &[Need::Nodes], not_killed),
];

fn quota(node: &str, by: Delivery) {
    really(async {
        let scene = Scene::new().await;
        // So little that it is the quota that bounds it, however busy the machine is.
        let limits = json!({"resources": {"limits": {"cpu": "100m", "memory": "64Mi"}}});
        let front = scene.part_with("front", node, limits).await;
        let spin = || async { front.get("/spin?ms=3000").await.unwrap().parse::<f64>().unwrap() };
        let before = spin().await;
        let busy = scene.agents(by).fault(stress::cpu(2).unwrap());
        let injection = scene.inject(busy, scene.pods("front")).await.unwrap();
        let mut during = spin().await;
        for _ in 0..3 {
            during = during.min(spin().await);
        }
        injection.revert().await.unwrap();
        let after = spin().await;
        println!(
            "{by} on {node}: it came as far as {:.2} under stress, {:.2} after it",
            during / before,
            after / before
        );
        // It shares what it had alone; with an ephemeral container, which has the least weight there is, as far as there are
        // processors beside its own.
        let share = if by == Delivery::NodePod { 0.7 } else { 0.9 };
        assert!(
            during < before * share && (after > during || by != Delivery::NodePod),
            "{before} {during} {after}"
        );
        scene.over().await;
    });
}

fn memory() {
    really(async {
        let scene = Scene::new().await;
        let limits = json!({"resources": {"limits": {"cpu": "1", "memory": "48Mi"}}});
        let front = scene.part_with("front", UML, limits).await;
        let much = stress::memory(Amount::of(128 << 20).unwrap());
        let begun = scene.inject(scene.agents(Delivery::NodePod).fault(much), scene.pods("front")).await;
        let path = format!("/api/v1/namespaces/{}/pods/{}", scene.namespace(), front.name);
        let killed = || async {
            let (_, pod) = scene.server.ask(&path).await;
            let status = &pod["status"]["containerStatuses"][0];
            [&status["state"], &status["lastState"]]
                .iter()
                .any(|state| state["terminated"]["reason"] == "OOMKilled")
        };
        until(killed).await;
        // Whether it was in force for a moment or not: it is not now, and the agent says so.
        if let Ok(injection) = begun {
            let seen = injection.observe().await;
            assert!(seen.iter().all(|(_, seen)| !seen.as_ref().unwrap().is_in_force()), "{seen:?}");
            injection.revert().await.unwrap();
        }
        scene.over().await;
    });
}

/// Three quarters of a volume are taken, and there again.
fn disk() {
    const TAKEN: u64 = 24 << 20;
    really(async {
        let scene = Scene::new().await;
        let volume = json!({"name": "data", "emptyDir": {"medium": "Memory", "sizeLimit": "32Mi"}});
        let mount = json!({"volumeMounts": [{"name": "data", "mountPath": "/data"}]});
        let front = scene.part_of("front", HERE, mount, json!([volume])).await;
        let path = format!("/api/v1/namespaces/{}/pods/{}", scene.namespace(), front.name);
        let (_, pod) = scene.server.ask(&path).await;
        let uid = pod["metadata"]["uid"].as_str().unwrap().to_owned();
        let used = || -> u64 {
            let find =
                format!("df --output=used -k $(findmnt -rno TARGET | grep {uid} | grep empty-dir) | tail -1");
            output(&[HERE, &find]).trim().parse().unwrap()
        };
        let before = used();
        let fill = scene.agents(Delivery::NodePod).fault(stress::disk("/data", Amount::of(TAKEN).unwrap()));
        let injection = scene.inject(fill, scene.pods("front")).await.unwrap();
        assert!(used() >= before + (TAKEN >> 10), "{} KiB", used());
        injection.revert().await.unwrap();
        assert_eq!(used(), before);
        scene.over().await;
    });
}

fn pause() {
    really(async {
        let scene = Scene::new().await;
        let front = scene.part("front", HERE).await;
        let still = scene.agents(Delivery::NodePod).fault(process::pause());
        let injection = scene.inject(still, scene.pods("front")).await.unwrap();
        stands_still_until_it_is_reverted(&front, injection).await;
        scene.over().await;
    });
}

async fn stands_still_until_it_is_reverted(front: &Part, injection: Injection) {
    let answer = tokio::time::timeout(secs(2), front.try_get("/health")).await;
    assert!(answer.is_err(), "{answer:?}");
    injection.revert().await.unwrap();
    assert!(front.get("/health").await.is_some());
}

/// By a write to a file of its cgroup: no capability, and none of the node's processes is seen.
fn frozen(node: &'static str) {
    really(async {
        let scene = Scene::new().await;
        let front = scene.part("front", node).await;
        let still = scene.any_agents().fault(process::freeze());
        let plan = plan(&scene, still.clone()).await.unwrap();
        assert!(plan.contains("hostPath /sys/fs/cgroup") && !plan.contains("hostPID"), "{plan}");
        assert!(plan.contains("started anew"), "what nobody takes back is said: {plan}");
        let injection = scene.inject(still, scene.pods("front")).await.unwrap();
        stands_still_until_it_is_reverted(&front, injection).await;
        scene.over().await;
    });
}

fn all_killed() {
    really(async {
        let scene = Scene::new().await;
        let front = scene.part("front", UML).await;
        let end = scene.any_agents().fault(process::kill_all());
        let injection = scene.inject(end, scene.pods("front")).await.unwrap();
        until(|| has_restarted(&scene, &front.name)).await;
        injection.revert().await.unwrap();
        scene.over().await;
    });
}

fn not_killed() {
    really(async {
        let scene = Scene::new().await;
        let front = scene.part("front", HERE).await;
        let end = scene.any_agents().fault(process::kill_all());
        let error = scene.inject(end, scene.pods("front")).await.unwrap_err();
        assert!(error.chain().contains("no cgroup.kill"), "{}", error.chain());
        assert!(!has_restarted(&scene, &front.name).await && front.get("/health").await.is_some());
        scene.over().await;
    });
}

async fn has_restarted(scene: &Scene, pod: &str) -> bool {
    let (_, pod) = scene.server.ask(&format!("/api/v1/namespaces/{}/pods/{pod}", scene.namespace())).await;
    pod["status"]["containerStatuses"][0]["restartCount"].as_u64() > Some(0)
}

fn signal() {
    really(async {
        let scene = Scene::new().await;
        let front = scene.part("front", HERE).await;
        let end = scene.agents(Delivery::NodePod).fault(SignalData::once(Signal::KILL));
        let begun = scene.inject(end, scene.pods("front")).await;
        until(|| has_restarted(&scene, &front.name)).await;
        if let Ok(injection) = begun {
            injection.revert().await.unwrap();
        }
        scene.over().await;
    });
}
