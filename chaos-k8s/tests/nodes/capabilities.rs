//! Each capability that an agent is given is needed: delivered without it, it cannot do its fault and says what is missing.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use chaos_core::{BlastRadius, Fault, Ledger, Mode, Select};
use chaos_k8s::Cluster;
use chaos_k8s::agent::rights::{Capability, Ground};
use chaos_k8s::agent::spec::{
    ContainerCgroup, ContainerProcesses, FaultData, Machine, OwnNetwork, PodNetwork, Power, TargetData, Which,
};
use chaos_k8s::cluster::agents::Delivery;
use chaos_k8s::cluster::kube::Client;
use chaos_k8s::node::stress::{self, Amount};
use chaos_k8s::node::{net, process};
use http::request::Parts;
use serde_json::{Value, json};

use crate::gate::{Gate, behind};
use crate::scene::{HERE, Scene, UML, all};
use crate::server::really;
use crate::support::{Need, Test};

pub(crate) const TESTS: &[Test] = &[
    ("each_capability_has_a_case", &[], all_have_a_case),
    ("each_capability_of_a_container_is_needed", &[Need::Nodes], || needed(&CASES[0])),
    ("each_capability_of_a_pod_is_needed_for_a_network", &[Need::Nodes], || needed(&CASES[1])),
    ("each_capability_of_a_pod_is_needed_for_a_pause", &[Need::Nodes], || needed(&CASES[2])),
    ("each_capability_of_a_pod_is_needed_for_a_stop", &[Need::Nodes], || needed(&CASES[3])),
    ("each_capability_of_a_pod_is_needed_for_stress", &[Need::UmlNodes], || needed(&CASES[4])),
    ("each_capability_of_a_pod_is_needed_for_files", &[Need::UmlNodes], || needed(&CASES[5])),
    ("each_capability_of_a_pod_is_needed_for_power", &[Need::UmlNodes], power),
];

/// A fault by a delivery, on a node that has what it acts on.
struct Case {
    by: Delivery,
    node: &'static str,
    fault: fn() -> FaultData,
    /// The kind of what it acts on there.
    target: fn() -> TargetData,
}

const ID: &str = "4f1c0b6d2a9e8f7c6b5a4d3e2f1a0b9c8d7e6f5a4b3c2d1e0f9a8b7c6d5e4f3a";

const CASES: [Case; 6] = [
    Case {
        by: Delivery::EphemeralContainer,
        node: HERE,
        fault: || net::drop().into(),
        target: || OwnNetwork::default().into(),
    },
    Case {
        by: Delivery::NodePod,
        node: HERE,
        fault: || net::drop().into(),
        target: || PodNetwork::of([[10, 244, 1, 2].into()]).into(),
    },
    Case {
        by: Delivery::NodePod,
        node: HERE,
        fault: || process::pause().into(),
        target: || ContainerProcesses::of(ID, Which::All).into(),
    },
    Case {
        by: Delivery::NodePod,
        node: HERE,
        fault: || process::stop().into(),
        target: || ContainerProcesses::of(ID, Which::All).into(),
    },
    Case {
        by: Delivery::NodePod,
        // Across the border of cgroup namespaces, and spared by the out-of-memory killer.
        node: UML,
        fault: || stress::memory(Amount::of(1 << 20).unwrap()).oom_score_adj(100).unwrap().into(),
        target: || ContainerCgroup::of(ID).into(),
    },
    Case {
        by: Delivery::NodePod,
        node: UML,
        fault: || stress::disk(OWN, Amount::of(1 << 20).unwrap()).into(),
        target: || ContainerCgroup::of(ID).into(),
    },
];

/// A directory of the application's own, where nobody else may write.
const OWN: &str = "/data/own";

/// One that is added later is tested too, or this says that it is not.
fn all_have_a_case() {
    let mut without: BTreeSet<Capability> = Capability::ALL.into();
    for case in &CASES {
        for given in (case.fault)().rights_on(&(case.target)(), Ground::Unknown).capabilities() {
            without.remove(&given);
        }
    }
    for given in
        FaultData::from(Power::Off).rights_on(&Machine::started_as("").into(), Ground::Unknown).capabilities()
    {
        without.remove(&given);
    }
    assert!(without.is_empty(), "no case needs {without:?}");
}

/// Of what the manifest has, whatever that is.
fn needed(case: &Case) {
    really(async {
        let scene = Scene::new().await;
        application(&scene, case.node).await;
        let (cluster, seen) = without(&scene.server.client, None);
        let pods = cluster.pods().in_namespace(scene.namespace()).label("app", "front").unwrap();
        let fault = scene.agents_of(&cluster, case.by).fault((case.fault)());
        let given = given(&fault, &pods, &seen).await;
        let here = &scene;
        let trials = given.iter().map(|lacking| async move {
            let (cluster, _) = without(&here.server.client, Some(lacking.clone()));
            let pods = cluster.pods().in_namespace(here.namespace()).label("app", "front").unwrap();
            let fault = here.agents_of(&cluster, case.by).fault((case.fault)());
            let error = match here.inject_as(&cluster, fault, pods).await {
                Ok(injection) => {
                    injection.revert().await.unwrap();
                    panic!("it works without {lacking}");
                }
                Err(error) => error.chain(),
            };
            assert!(error.contains(lacking.as_str()), "without {lacking}: {error}");
            error
        });
        for (lacking, error) in given.iter().zip(all(trials).await) {
            println!("{}, without {lacking}: {error}", case.by);
        }
        // With all of them it does.
        let fault = scene.agents(case.by).fault((case.fault)());
        scene.inject(fault, scene.pods("front")).await.unwrap().revert().await.unwrap();
        scene.over().await;
    });
}

/// Of another user than the agent: what is of one's own needs no capability.
async fn application(scene: &Scene, node: &str) {
    let serve = "mkdir /data/www && echo ok > /data/www/health && mkdir -m 700 /data/own && exec httpd -f -p 8080 -h /data/www";
    let container = json!({
        "image": "localhost/busybox:1",
        "command": ["sh", "-c", serve],
        "securityContext": {"runAsUser": 65534, "runAsGroup": 65534},
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
    });
    scene.part_of("front", node, container, json!([{"name": "data", "emptyDir": {}}])).await;
}

/// A node that is not to lose its power here: without the capability the agent cannot, and says so.
fn power() {
    really(async {
        let scene = Scene::new().await;
        let off = |cluster: &Cluster| scene.agents_of(cluster, Delivery::NodePod).power(Power::Off);
        let (cluster, seen) = without(&scene.server.client, None);
        for lacking in given(&off(&cluster), &cluster.nodes().named(UML), &seen).await {
            let (cluster, _) = without(&scene.server.client, Some(lacking.clone()));
            let ledger = Ledger::in_memory(cluster.undos().unwrap());
            let on = off(&cluster).on(cluster.nodes().named(UML), Mode::ONE);
            let begun = scene.chaos.inject(on, BlastRadius::count(1).unwrap()).ledger(ledger).begin().await;
            let error = begun.map(|_| ()).expect_err(&format!("it works without {lacking}")).chain();
            println!("power, without {lacking}: {error}");
            assert!(error.contains(&lacking), "without {lacking}: {error}");
        }
        scene.over().await;
    });
}

/// The capabilities that the manifest adds: a plan asks the API server for the agent, and makes none.
async fn given<F: Fault>(
    fault: &F,
    targets: &impl Select<F::Target>,
    seen: &Mutex<BTreeSet<String>>,
) -> BTreeSet<String> {
    let targets = targets.select().await.unwrap();
    let plan = fault.prepare(&targets[0]).await.unwrap();
    assert!(plan.is_reversible());
    let given = seen.lock().unwrap().clone();
    assert!(!given.is_empty());
    given
}

/// A cluster whose agents come without a capability; and those that were asked for.
fn without(client: &Client, lacking: Option<String>) -> (Cluster, Arc<Mutex<BTreeSet<String>>>) {
    let seen = Arc::default();
    let taking = Taking { lacking, seen: Arc::clone(&seen) };
    (Cluster::new(behind(taking, client)), seen)
}

/// A capability is taken out of each manifest.
#[derive(Clone)]
struct Taking {
    lacking: Option<String>,
    seen: Arc<Mutex<BTreeSet<String>>>,
}

impl Gate for Taking {
    fn pass(&self, _: &Parts, body: Vec<u8>) -> Vec<u8> {
        let Ok(mut body) = serde_json::from_slice::<Value>(&body) else { return body };
        for kind in ["containers", "ephemeralContainers"] {
            let containers = body["spec"].get_mut(kind).and_then(Value::as_array_mut);
            containers.into_iter().flatten().for_each(|container| self.take(container));
        }
        body.to_string().into_bytes()
    }
}

impl Taking {
    fn take(&self, container: &mut Value) {
        let Some(Value::Array(added)) = container.pointer_mut("/securityContext/capabilities/add") else {
            return;
        };
        let names = added.iter().filter_map(Value::as_str).map(str::to_owned);
        self.seen.lock().unwrap().extend(names);
        added.retain(|name| name.as_str() != self.lacking.as_deref());
    }
}
