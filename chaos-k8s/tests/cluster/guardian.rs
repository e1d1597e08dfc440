//! Guardian pods, as far as a server in memory goes: what is made in which order, what refuses a fault, and what goes again.

use std::collections::BTreeSet;

use chaos_core::testing::conformance;
use chaos_core::units::secs;
use chaos_core::{Fault, Injection, Mode, Result, Select, Undo};
use chaos_k8s::cluster::agents::Agents;
use chaos_k8s::cluster::agents::guardian::Entrusted;
use chaos_k8s::cluster::nodes::TaintEffect;
use chaos_k8s::cluster::pods::Enforced;
use chaos_k8s::cluster::rights::Needs;
use chaos_k8s::cluster::testing::{FakeApi, Meet};
use chaos_k8s::cluster::{Cluster, WorkloadKind, nodes, pods, workloads};
use serde_json::{Value, json};

use crate::effects::begin;
use crate::scene::{pass, paused, shop};
use crate::support::Test;

pub(crate) const TESTS: &[Test] = &[
    ("guardian_is_armed_before_anything_is_changed", &[], armed_first),
    ("guardian_that_cannot_be_had_refuses_the_fault", &[], cannot_be_had),
    ("guardian_is_dismissed_by_the_revert", &[], dismissed),
    ("guardian_left_behind_is_swept", &[], swept),
    ("guardian_takes_the_rights_that_are_named", &[], rights),
    ("guardian_is_named_by_the_plan", &[], planned),
    ("guardian_watches_over_all_targets_of_an_injection", &[], several),
    ("guardian_keeps_the_contract_of_every_fault", &[], contract),
    ("guardian_that_is_lost_is_said_when_the_fault_is_looked_at", &[], lost),
];

/// What a node's kubelet makes of a guardian pod.
#[derive(Debug, Clone, Copy)]
enum Kubelet {
    /// It is armed after so many seconds.
    Arms(u64),
    Says(&'static str),
    CannotPull,
}

const READY: &str = r#"{"prepared":{"target":"u","plan":"armed","owner":"deadline"}}"#;

/// What one says that watches over so many faults at the most.
fn lines(said: &str) -> String {
    (0..8).map(|number| line(number, said)).collect()
}

fn line(number: u32, said: &str) -> String {
    let n = number + 1;
    format!(
        r#"{{"start":"0000000000aa-00000000000000bb","n":{n},"ms":1,"item":{{"number":{number},{}}}}}{}"#,
        &said[1..said.len() - 1],
        "\n"
    )
}

/// Looks after the guardian pods of this server, for ever: each Job has one.
async fn kubelet(api: FakeApi, does: Kubelet) {
    for number in 0.. {
        pass(secs(1)).await;
        for job in api.state() {
            let job_name = job["metadata"]["name"].as_str().unwrap_or_default();
            if job["kind"] != "Job" || pod_of(&api, job_name).is_some() {
                continue;
            }
            let name = &format!("{job_name}-{number}");
            let mut pod = job["spec"]["template"].clone();
            pod["apiVersion"] = json!("v1");
            pod["kind"] = json!("Pod");
            pod["metadata"]["name"] = json!(name);
            pod["metadata"]["namespace"] = json!("chaos");
            pod["metadata"]["ownerReferences"] = json!([{
                "apiVersion": "batch/v1", "kind": "Job", "name": job_name, "uid": job["metadata"]["uid"], "controller": true,
            }]);
            api.put(pod);
            let state = match does {
                Kubelet::CannotPull => {
                    json!({"waiting": {"reason": "ErrImagePull", "message": "no such image"}})
                }
                Kubelet::Says(said) => {
                    api.set_log("chaos", name, lines(said));
                    json!({"running": {}})
                }
                Kubelet::Arms(after) => {
                    pass(secs(after)).await;
                    api.set_log("chaos", name, lines(READY));
                    json!({"running": {}})
                }
            };
            api.change("pods", "chaos", name, |pod| {
                pod["status"] =
                    json!({"phase": "Running", "containerStatuses": [{"name": "agent", "state": state}]});
            });
        }
    }
}

fn pod_of(api: &FakeApi, job: &str) -> Option<String> {
    let owned = |object: &Value| object["metadata"]["ownerReferences"][0]["name"] == job;
    let pod = api.state().into_iter().find(|object| object["kind"] == "Pod" && owned(object))?;
    Some(pod["metadata"]["name"].as_str().unwrap().to_owned())
}

fn agents(cluster: &Cluster) -> Agents {
    cluster.agents("registry.example.org/chaos-agent:0.1.0").unwrap()
}

fn cluster(api: &FakeApi, does: Kubelet) -> Cluster {
    tokio::spawn(kubelet(api.clone(), does));
    api.cluster()
}

async fn cordon(cluster: &Cluster) -> Result<Injection> {
    let guarded = agents(cluster).guarded(nodes::cordon());
    begin(cluster, guarded.on(cluster.nodes().named("n1"), Mode::ALL)).await
}

fn writes(api: &FakeApi) -> Vec<String> {
    api.writes().into_iter().map(|call| format!("{} {}", call.verb, call.resource)).collect()
}

fn armed_first() {
    paused(async {
        let api = shop(1);
        let cluster = cluster(&api, Kubelet::Arms(20));
        let inject = cordon(&cluster);
        let look = async {
            pass(secs(15)).await;
            assert_eq!(api.get("nodes", "", "n1").unwrap()["spec"]["unschedulable"], Value::Null);
            writes(&api)
        };
        let (injection, before) = tokio::join!(inject, look);
        // Two of the roles were tried before.
        let made = [
            "create clusterroles",
            "create clusterrolebindings",
            "create roles",
            "create serviceaccounts",
            "create rolebindings",
            // Tried, and not made.
            "create pods",
            "create jobs",
        ];
        assert_eq!(before[..2], ["create clusterroles", "create roles"]);
        assert_eq!(before[2..], made);
        assert_eq!(writes(&api)[before.len()..], ["patch nodes"]);
        injection.unwrap().revert().await.unwrap();
    });
}

fn cannot_be_had() {
    let missing = r#"{"failed":{"error":"missing right of the guardian pod: patch nodes"}}"#;
    let ways = [
        (Kubelet::CannotPull, "no such image"),
        (Kubelet::Says(missing), "patch nodes"),
        (Kubelet::Arms(200), "not armed"),
    ];
    for (does, words) in ways {
        paused(async {
            let api = shop(1);
            let before = api.state();
            let error = cordon(&cluster(&api, does)).await.unwrap_err();
            let said = error.chain();
            assert!(
                error.is_refused() && said.contains(words) && said.contains("guardian pod chaos/"),
                "{said}"
            );
            assert!(!writes(&api).contains(&"patch nodes".to_owned()), "{:?}", writes(&api));
            api.collect_garbage();
            assert_eq!(api.state(), before);
        });
    }
}

fn dismissed() {
    paused(async {
        let api = shop(1);
        let before = api.state();
        let cluster = cluster(&api, Kubelet::Arms(1));
        let injection = cordon(&cluster).await.unwrap();
        assert_eq!(api.get("nodes", "", "n1").unwrap()["spec"]["unschedulable"], true);
        injection.revert().await.unwrap();
        api.collect_garbage();
        assert_eq!(api.state(), before);
        // The next injection of the same handle has a guardian of its own.
        cordon(&cluster).await.unwrap().revert().await.unwrap();
    });
}

fn swept() {
    paused(async {
        let api = shop(1);
        let before = api.state();
        let cluster = cluster(&api, Kubelet::Arms(1));
        std::mem::forget(cordon(&cluster).await.unwrap());
        let other = api.cluster();
        let left = other.sweep().await.unwrap();
        assert!(left.ended.is_empty() && left.live.len() == 3, "{left}");
        let swept = other.sweep().of_run(cluster.run()).await.unwrap();
        assert!(swept.is_clean() && swept.ended.len() == 3, "{swept}");
        // The roles come last: as long as something else is not taken back, its guardian may do it.
        let faults: Vec<&str> = swept.ended.iter().map(|ended| ended.fault.as_str()).collect();
        assert_eq!(faults, ["nodes::cordon", "guardian of: cordon", "guardian of: cordon"]);
        api.collect_garbage();
        assert_eq!(api.state(), before);
    });
}

fn rights() {
    paused(async {
        let api = shop(1);
        let cluster = cluster(&api, Kubelet::Arms(1));
        let rights = cluster.nodes().named("n1").rights_for(&agents(&cluster).guarded(nodes::cordon()));
        api.allow_only(&rights);
        cordon(&cluster).await.unwrap().revert().await.unwrap();
        let used: BTreeSet<(String, String)> = api
            .calls()
            .into_iter()
            .filter(|call| call.group != "authorization.k8s.io")
            .map(|call| (call.verb.to_owned(), call.resource))
            .collect();
        let named: BTreeSet<(String, String)> =
            rights.iter().map(|right| (right.verb().to_owned(), right.resource())).collect();
        assert_eq!(used, named);
        for right in rights.iter() {
            let api = shop(1);
            api.forbid(right.clone());
            let error = cordon(&api.cluster()).await.unwrap_err();
            assert!(
                error.is_refused() && error.chain().contains(&right.to_string()),
                "{right}: {}",
                error.chain()
            );
            assert_eq!(api.writes(), [], "{right}");
        }
    });
}

fn planned() {
    paused(async {
        let api = shop(1);
        let cluster = api.cluster();
        let fault = agents(&cluster).in_namespace("ours").unwrap().guarded(nodes::cordon());
        let target = cluster.nodes().named("n1").select().await.unwrap().remove(0);
        let plan = fault.prepare(&target).await.unwrap();
        assert!(
            plan.change().contains("at its deadline guardian pod ours/chaos-guardian-"),
            "{}",
            plan.change()
        );
        assert_eq!(plan.owner(), chaos_core::Owner::Deadline);
    });
}

fn lost() {
    paused(async {
        let api = shop(1);
        let mends = tokio::spawn(kubelet(api.clone(), Kubelet::Arms(1)));
        let cluster = api.cluster();
        let injection = cordon(&cluster).await.unwrap();
        let detail = async || {
            let (_, seen) = injection.observe().await.remove(0);
            let seen = seen.unwrap();
            assert!(seen.is_in_force(), "{}", seen.detail());
            seen.detail().to_owned()
        };
        assert!(!detail().await.contains("guardian"), "{}", detail().await);
        mends.abort();
        let job = api.state().into_iter().find(|object| object["kind"] == "Job").unwrap();
        let job = job["metadata"]["name"].as_str().unwrap();
        api.remove("pods", "chaos", &pod_of(&api, job).unwrap());
        pass(secs(30)).await;
        assert!(detail().await.contains("its pod is gone"), "{}", detail().await);
        // The one that is made in its place is heard.
        let mends = tokio::spawn(kubelet(api.clone(), Kubelet::Arms(1)));
        pass(secs(5)).await;
        assert!(!detail().await.contains("gone"), "{}", detail().await);
        mends.abort();
        injection.revert().await.unwrap();
        assert_eq!(api.get("nodes", "", "n1").unwrap()["spec"]["unschedulable"], Value::Null);
        api.forget_calls();
        pass(secs(60)).await;
        assert_eq!(api.calls(), [], "it is dismissed, and nobody listens to it any more");
    });
}

/// Every fault that can have a guardian keeps the contract of faults with one.
fn contract() {
    async fn on<F>(fault: impl FnOnce(&FakeApi) -> F, find: impl AsyncFn(&Cluster) -> Result<Vec<F::Target>>)
    where
        F: Fault + Needs,
        F::Undo: Undo<Via = Cluster> + Clone + Into<Entrusted>,
    {
        let api = shop(3);
        let cluster = cluster(&api, Kubelet::Arms(1));
        let guarded = agents(&cluster).guarded(fault(&api));
        let target = async || Ok(find(&cluster).await?.remove(0));
        let world = async |_: &F::Target| {
            api.collect_garbage();
            api.state()
        };
        conformance(guarded, target, world).await.assert_passed();
        assert!(writes(&api).contains(&"create jobs".to_owned()));
    }
    paused(async {
        let node = async |cluster: &Cluster| cluster.nodes().named("n1").select().await;
        Box::pin(on(|_| nodes::cordon(), node)).await;
        Box::pin(on(|_| nodes::taint(TaintEffect::NoExecute), node)).await;
        Box::pin(on(|_| nodes::drain().also_unmanaged(), node)).await;
        let pod = async |cluster: &Cluster| cluster.pods().pod("shop", "cart-5d-0").select().await;
        Box::pin(on(|_| pods::fail(), pod)).await;
        Box::pin(on(|_| pods::isolate(Enforced::believed()), pod)).await;
        Box::pin(on(|api| pods::leave_service(api.cluster().service("shop", "cart")), pod)).await;
        let cart = async |cluster: &Cluster| {
            cluster.workloads(WorkloadKind::Deployment).in_namespace("shop").named("cart").select().await
        };
        Box::pin(on(|_| workloads::scale_to(0), cart)).await;
    });
}

fn several() {
    paused(async {
        let api = shop(1);
        let before = api.state();
        let cluster = cluster(&api, Kubelet::Arms(1));
        let both = || {
            agents(&cluster)
                .guarded(nodes::cordon())
                .on(cluster.nodes().label("zone", "a").unwrap(), Mode::ALL)
        };
        let injection = begin(&cluster, both()).await.unwrap();
        let made = |api: &FakeApi| writes(api).iter().filter(|write| *write == "create jobs").count();
        assert_eq!(made(&api), 1);
        let role = api.state().into_iter().find(|object| object["kind"] == "ClusterRole").unwrap();
        assert_eq!(role["rules"][0]["resourceNames"], json!(["n1", "n2"]));
        injection.revert().await.unwrap();
        assert_eq!(writes(&api).iter().filter(|write| *write == "delete clusterroles").count(), 1);
        api.collect_garbage();
        assert_eq!(api.state(), before);
        // Where one of them fails, the other is taken back, and the guardian is dismissed with the last.
        let mut refused = false;
        api.meet(move |call| match (call.verb, call.name.as_deref()) {
            ("patch", Some("n2")) if !std::mem::replace(&mut refused, true) => Meet::Refuse(422),
            _ => Meet::Serve,
        });
        begin(&cluster, both()).await.unwrap_err();
        api.meet_again();
        api.collect_garbage();
        let left: Vec<Value> = api.state().into_iter().filter(|object| object["kind"] != "Node").collect();
        let found: Vec<Value> = before.into_iter().filter(|object| object["kind"] != "Node").collect();
        assert_eq!(left, found);
        assert_eq!(api.get("nodes", "", "n1").unwrap()["spec"]["unschedulable"], Value::Null);
    });
}
