//! A guardian whose controller lives: dismissed, made to wait, refused.

use std::time::Instant;

use chaos_core::units::{ms, secs};
use chaos_core::{BlastRadius, Clock, Fault, Ledger, Mode};
use chaos_k8s::cluster::nodes;

use super::AFTER;
use super::left::{left, until_nothing_is_left};
use super::things::{CHANGED, FOUND, Things, all_four, cordon};
use crate::scene::{AGENTS, Scene};
use crate::server::really;

pub(super) fn dismissed() {
    really(async {
        let scene = Scene::new().await;
        let things = Things::new(&scene).await;
        let injections = all_four(&scene.any_agents(), &scene.cluster, &things).await.unwrap();
        assert_eq!(things.state(&scene.server).await, CHANGED());
        let run = scene.cluster.run().to_string();
        // Four Jobs, pods and accounts; roles and bindings of three for their own namespace and the targets', of one for the node.
        let made = left(&scene.server, &run).await;
        assert_eq!(made.len(), 4 * (3 + 4), "{made:?}");
        for injection in injections {
            for (name, seen) in injection.observe().await {
                let seen = seen.unwrap();
                assert!(
                    seen.is_in_force() && !seen.detail().contains("guardian"),
                    "{name}: {}",
                    seen.detail()
                );
            }
            injection.revert().await.unwrap();
        }
        assert_eq!(things.state(&scene.server).await, FOUND());
        let gone = until_nothing_is_left(&scene.server, &run).await;
        println!("dismissed: gone {gone:.1?} after the revert");
        things.over(scene).await;
    });
}

pub(super) fn extended() {
    really(async {
        let scene = Scene::new().await;
        let things = Things::new(&scene).await;
        let ledger = Ledger::in_memory(scene.cluster.undos().unwrap());
        let fault = scene.any_agents().guarded(nodes::cordon());
        let step = chaos_core::experiment::Step::from(
            fault.on(scene.cluster.nodes().named(&things.node), Mode::ALL),
        );
        let inject = scene.chaos.inject(step.lasting(secs(6)), BlastRadius::count(1).unwrap()).ledger(ledger);
        let injection = inject.begin().await.unwrap();
        let since = Instant::now();
        injection.extend(secs(25)).await.unwrap();
        // Past what it was to last at first, the margins of the controller and of the guardian included.
        Clock::real().sleep(secs(22)).await;
        assert_eq!(things.state(&scene.server).await[0], true);
        // As if this process were no more.
        std::mem::forget(injection);
        while things.state(&scene.server).await[0] == true {
            assert!(since.elapsed() < secs(25) + AFTER, "not taken back");
            Clock::real().sleep(ms(100)).await;
        }
        println!("extended to 25 s: back after {:.1?}", since.elapsed());
        until_nothing_is_left(&scene.server, &scene.cluster.run().to_string()).await;
        things.over(scene).await;
    });
}

pub(super) fn refused() {
    really(async {
        let scene = Scene::new().await;
        let things = Things::new(&scene).await;
        let absent =
            scene.cluster.agents("localhost/chaos-agent:absent").unwrap().in_namespace(AGENTS).unwrap();
        let error = cordon(&absent, &scene.cluster, &things.node).await.unwrap_err();
        assert!(
            error.chain().contains("absent") && error.chain().contains("guardian pod"),
            "{}",
            error.chain()
        );
        let nowhere = scene.any_agents().in_namespace("not-there").unwrap();
        let error = cordon(&nowhere, &scene.cluster, &things.node).await.unwrap_err();
        assert!(error.is_refused() && error.chain().contains("not-there"), "{}", error.chain());
        let other = scene.server.cluster();
        let error = cordon(&scene.any_agents(), &other, &things.node).await.unwrap_err();
        assert!(error.is_invalid() && error.chain().contains("two connections"), "{}", error.chain());
        let (_, node) = scene.server.ask(&things.node_path()).await;
        assert!(
            node["spec"]["unschedulable"].is_null()
                && node["metadata"]["annotations"]["chaos-sdk.dev/faults"].is_null()
        );
        until_nothing_is_left(&scene.server, &scene.cluster.run().to_string()).await;
        things.over(scene).await;
    });
}
