//! What faults do to objects, and what comes back.

use chaos_core::units::secs;
use chaos_core::{BlastRadius, Chaos, Fault, Injection, Ledger, Mode, Select, Target};
use chaos_k8s::cluster::nodes::TaintEffect;
use chaos_k8s::cluster::pods::Enforced;
use chaos_k8s::cluster::testing::FakeApi;
use chaos_k8s::cluster::{Cluster, Pods, WorkloadKind, nodes, pods, workloads};
use serde_json::{Value, json};

use crate::scene::{bare, node, pass, paused, pod, pod_of, shop};
use crate::support::Test;

pub(crate) const TESTS: &[Test] = &[
    ("effects_kill_hits_no_successor", &[], kill_hits_no_successor),
    ("effects_kill_grace", &[], kill_grace),
    ("effects_evict_heeds_budgets", &[], evict_heeds_budgets),
    ("effects_fail_and_back", &[], fail_and_back),
    ("effects_fail_some_containers", &[], fail_some_containers),
    ("effects_leave_service", &[], leave_service),
    ("effects_isolate", &[], isolate),
    ("effects_isolate_unenforced", &[], isolate_unenforced),
    ("effects_scale", &[], scale),
    ("effects_scale_of_others_stays", &[], scale_of_others_stays),
    ("effects_restart", &[], restart),
    ("effects_cordon_only_its_own", &[], cordon_only_its_own),
    ("effects_taint_keeps_others", &[], taint_keeps_others),
    ("effects_drain", &[], drain),
    ("effects_drain_gives_up", &[], drain_gives_up),
    ("effects_delete_node", &[], delete_node),
    ("effects_caps_round_down", &[], caps_round_down),
    ("effects_deadlines", &[], deadlines),
];

pub(crate) async fn begin(
    cluster: &Cluster,
    step: impl Into<chaos_core::experiment::Step>,
) -> chaos_core::Result<Injection> {
    let ledger = Ledger::in_memory(cluster.undos()?);
    Chaos::seeded(7).inject(step, BlastRadius::percent(100)?).ledger(ledger).begin().await
}

async fn details(injection: &Injection) -> String {
    let seen = injection.observe().await.into_iter().map(|(name, seen)| match seen {
        Ok(seen) => format!("{name}: {}", seen.detail()),
        Err(error) => format!("{name}: {}", error.chain()),
    });
    seen.collect::<Vec<_>>().join("; ")
}

fn carts(cluster: &Cluster) -> Pods {
    cluster.pods().in_namespace("shop").label("app", "cart").unwrap()
}

/// A pod that came later under the name of one that was selected is never hit.
fn kill_hits_no_successor() {
    paused(async {
        for fault in 0..5 {
            let api = shop(1);
            let cluster = api.cluster();
            let server = api.clone();
            // Between the last look and the effect, the pod is replaced.
            api.meet(move |call| {
                if call.is_write()
                    && server
                        .get("pods", "shop", "cart-5d-0")
                        .is_some_and(|pod| pod["spec"]["later"].is_null())
                {
                    server.remove("pods", "shop", "cart-5d-0");
                    let mut later = pod("shop", "cart-5d-0", "cart");
                    later["spec"]["later"] = json!(true);
                    server.put(later);
                }
                chaos_k8s::cluster::testing::Meet::Serve
            });
            let one = carts(&cluster);
            let begun = match fault {
                0 => begin(&cluster, pods::kill().grace(secs(0)).unwrap().on(one, Mode::ALL)).await,
                1 => begin(&cluster, pods::evict().on(one, Mode::ALL)).await,
                2 => begin(&cluster, pods::fail().on(one, Mode::ALL)).await,
                3 => begin(&cluster, pods::isolate(Enforced::believed()).on(one, Mode::ALL)).await,
                _ => {
                    begin(&cluster, pods::leave_service(cluster.service("shop", "cart")).on(one, Mode::ALL))
                        .await
                }
            };
            let later = api.get("pods", "shop", "cart-5d-0").unwrap();
            let mut as_made = pod("shop", "cart-5d-0", "cart");
            as_made["spec"]["later"] = json!(true);
            assert_eq!(bare(Some(later)), Some(as_made), "fault {fault}");
            match begun {
                // A kill and an eviction are done: the pod that was meant is gone.
                Ok(begun) => begun.revert().await.unwrap(),
                Err(error) => assert!(error.to_string().contains("it is gone"), "fault {fault}: {error}"),
            }
            let policies = api.state().into_iter().filter(|object| object["kind"] == "NetworkPolicy").count();
            assert_eq!(policies, 0, "fault {fault}");
        }
    });
}

fn kill_grace() {
    paused(async {
        let api = shop(1);
        let cluster = api.cluster();
        let killed = begin(&cluster, pods::kill().grace(secs(20)).unwrap().on(carts(&cluster), Mode::ALL))
            .await
            .unwrap();
        assert!(details(&killed).await.contains("is being deleted"));
        assert_eq!(
            api.get("pods", "shop", "cart-5d-0").unwrap()["metadata"]["deletionGracePeriodSeconds"],
            20
        );
        tokio::time::advance(secs(21)).await;
        assert!(details(&killed).await.contains("it is gone"));
        killed.revert().await.unwrap();
        let plan = chaos_core::Experiment::new(&Chaos::seeded(1), "t")
            .fault(pods::kill().on(cluster.pods().pod("shop", "db-0"), Mode::ONE))
            .blast_radius(BlastRadius::count(1).unwrap())
            .lasting(secs(1));
        let plan = plan.plan().await.unwrap();
        assert!(!plan.is_reversible() && plan.to_string().contains("nothing makes another"), "{plan}");
    });
}

fn budget(api: &FakeApi, spec: Value) {
    let mut spec = spec;
    spec["selector"] = json!({"matchLabels": {"app": "cart"}});
    api.put(json!({
        "apiVersion": "policy/v1", "kind": "PodDisruptionBudget",
        "metadata": {"name": "carts", "namespace": "shop"}, "spec": spec,
    }));
}

fn evict_heeds_budgets() {
    paused(async {
        let api = shop(3);
        budget(&api, json!({"minAvailable": 2}));
        let cluster = api.cluster();
        let error = begin(&cluster, pods::evict().on(carts(&cluster), Mode::ALL)).await.unwrap_err();
        let text = error.to_string();
        assert!(text.contains("needs 2 healthy pods and has 2 currently"), "{text}");
        let left =
            api.state().iter().filter(|object| object["metadata"].get("deletionTimestamp").is_some()).count();
        assert_eq!(left, 1, "one went, two stay");
        let refused = api.writes().iter().filter(|call| call.code == 429).count();
        assert_eq!(refused, 2, "a budget is asked once and not pressed");
    });
}

fn fail_and_back() {
    paused(async {
        let api = shop(2);
        let cluster = api.cluster();
        let before = api.state();
        let failed = begin(&cluster, pods::fail().on(carts(&cluster), Mode::ALL)).await.unwrap();
        let pod = api.get("pods", "shop", "cart-5d-0").unwrap();
        let images: Vec<&Value> = pod["spec"]["containers"]
            .as_array()
            .unwrap()
            .iter()
            .map(|container| &container["image"])
            .collect();
        assert_eq!(images, ["chaos-sdk.invalid/failed:1", "chaos-sdk.invalid/failed:1"]);
        assert_eq!(pod["metadata"]["labels"]["chaos-sdk.dev/under-fault"], "true");
        assert!(
            pod["metadata"]["annotations"]["chaos-sdk.dev/faults"]
                .as_str()
                .unwrap()
                .contains("shop/side@sha256:0123")
        );
        api.change("pods", "shop", "cart-5d-0", |pod| {
            pod["status"]["containerStatuses"][0] =
                json!({"name": "web", "restartCount": 4, "state": {"waiting": {"reason": "ErrImagePull"}}});
        });
        assert!(
            details(&failed).await.contains("web waits: ErrImagePull, 4 restarts"),
            "{}",
            details(&failed).await
        );
        let counts = json!([{"name": "web", "restartCount": 3}, {"name": "side", "restartCount": 0}]);
        api.change("pods", "shop", "cart-5d-0", |pod| pod["status"]["containerStatuses"] = counts.clone());
        failed.revert().await.unwrap();
        assert_eq!(api.state(), before);
    });
}

fn fail_some_containers() {
    paused(async {
        let api = shop(1);
        let cluster = api.cluster();
        let failed =
            begin(&cluster, pods::fail().on(carts(&cluster).container("side"), Mode::ALL)).await.unwrap();
        let pod = api.get("pods", "shop", "cart-5d-0").unwrap();
        assert_eq!(pod["spec"]["containers"][0]["image"], "shop/web:1.2");
        assert_eq!(pod["spec"]["containers"][1]["image"], "chaos-sdk.invalid/failed:1");
        // What somebody else puts there stays, and is said.
        api.change("pods", "shop", "cart-5d-0", |pod| {
            pod["spec"]["containers"][1]["image"] = json!("shop/side:2")
        });
        assert!(details(&failed).await.contains("something else has changed it"));
        failed.revert().await.unwrap();
        let pod = api.get("pods", "shop", "cart-5d-0").unwrap();
        assert_eq!(pod["spec"]["containers"][1]["image"], "shop/side:2");
        assert!(pod["metadata"].get("annotations").is_none());
    });
}

fn leave_service() {
    paused(async {
        let api = shop(2);
        let cluster = api.cluster();
        let before = api.state();
        let fault = pods::leave_service(cluster.service("shop", "cart"));
        let left = begin(&cluster, fault.on(carts(&cluster), Mode::ONE)).await.unwrap();
        let without = api
            .state()
            .iter()
            .filter(|object| object["kind"] == "Pod" && object["metadata"]["labels"]["app"].is_null())
            .count();
        assert_eq!(without, 1);
        left.revert().await.unwrap();
        assert_eq!(api.state(), before);
    });
}

fn isolate() {
    paused(async {
        let api = shop(2);
        let cluster = api.cluster();
        let before = api.state();
        let fault =
            pods::isolate(Enforced::believed()).inbound().only("10.1.2.3/16".parse().unwrap()).unwrap();
        assert_eq!(fault.describe(), "isolate by network policy from 10.1.0.0/16, inbound");
        let cut = begin(&cluster, fault.on(carts(&cluster), Mode::ALL)).await.unwrap();
        let objects = api.state();
        let policies: Vec<&Value> =
            objects.iter().filter(|object| object["kind"] == "NetworkPolicy").collect();
        assert_eq!(policies.len(), 2);
        for policy in &policies {
            let wanted = policy["spec"]["podSelector"]["matchLabels"].as_object().unwrap();
            let (label, value) = wanted.iter().next().unwrap();
            let has = |object: &&Value| {
                object["kind"] == "Pod" && object["metadata"]["labels"].get(label) == Some(value)
            };
            assert_eq!(
                (wanted.len(), objects.iter().filter(has).count()),
                (1, 1),
                "it selects its pod alone"
            );
            assert_eq!(policy["spec"]["policyTypes"], json!(["Ingress"]));
            assert_eq!(policy["metadata"]["ownerReferences"][0]["kind"], "Pod");
            assert_eq!(policy["metadata"]["labels"]["chaos-sdk.dev/run"], cluster.run().to_string());
        }
        assert!(details(&cut).await.contains("nobody looked"));
        // Somebody takes one away.
        let name = policies[0]["metadata"]["name"].as_str().unwrap();
        api.remove("networkpolicies", "shop", name);
        assert!(details(&cut).await.contains("is not there"));
        cut.revert().await.unwrap();
        assert_eq!(api.state(), before);
    });
}

fn isolate_unenforced() {
    paused(async {
        let api = shop(1);
        let before = api.state();
        let cluster = api.cluster();
        let fault = pods::isolate(Enforced::seen_by(|_| async { Ok(false) }));
        let error = begin(&cluster, fault.on(carts(&cluster), Mode::ALL)).await.unwrap_err();
        assert!(error.to_string().contains("does this cluster enforce policies?"), "{error}");
        assert_eq!(api.state(), before, "and taken back");
    });
}

fn cart(cluster: &Cluster) -> chaos_k8s::cluster::Workloads {
    cluster.workloads(WorkloadKind::Deployment).in_namespace("shop").named("cart")
}

fn replicas(api: &FakeApi) -> Value {
    api.get("deployments", "shop", "cart").unwrap()["spec"]["replicas"].clone()
}

fn scale() {
    paused(async {
        let api = shop(3);
        let before = api.state();
        let cluster = api.cluster();
        let scaled = begin(&cluster, workloads::scale_to(0).on(cart(&cluster), Mode::ALL)).await.unwrap();
        assert_eq!(replicas(&api), 0);
        assert!(
            details(&scaled).await.contains("0 replicas are asked for, 3 are there"),
            "{}",
            details(&scaled).await
        );
        let through: Vec<String> = api.writes().iter().map(|call| call.resource.clone()).collect();
        assert_eq!(through, ["deployments", "deployments/scale"], "the mark, then the effect");
        scaled.revert().await.unwrap();
        assert_eq!(api.state(), before);
        // Said on purpose, an autoscaler is no reason.
        api.put(json!({
            "apiVersion": "autoscaling/v2", "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": "hpa", "namespace": "shop"},
            "spec": {"scaleTargetRef": {"kind": "Deployment", "name": "cart"}, "maxReplicas": 10},
        }));
        let scaled =
            begin(&cluster, workloads::scale_to(0).despite_autoscaler().on(cart(&cluster), Mode::ALL)).await;
        scaled.unwrap().revert().await.unwrap();
        assert_eq!(replicas(&api), 3);
    });
}

fn scale_of_others_stays() {
    paused(async {
        let api = shop(3);
        let cluster = api.cluster();
        let scaled = begin(&cluster, workloads::scale_to(1).on(cart(&cluster), Mode::ALL)).await.unwrap();
        api.change("deployments", "shop", "cart", |cart| cart["spec"]["replicas"] = json!(7));
        assert!(details(&scaled).await.contains("something else has changed it: replicas is 7"));
        scaled.revert().await.unwrap();
        assert_eq!(replicas(&api), 7);

        // Changed between the mark and the effect: what is put back is what was there at the effect.
        let api = shop(3);
        let cluster = api.cluster();
        let server = api.clone();
        api.meet(move |call| {
            if call.resource == "deployments/scale" && replicas(&server) == 3 {
                server.change("deployments", "shop", "cart", |cart| cart["spec"]["replicas"] = json!(5));
            }
            chaos_k8s::cluster::testing::Meet::Serve
        });
        let scaled = begin(&cluster, workloads::scale_to(1).on(cart(&cluster), Mode::ALL)).await.unwrap();
        assert_eq!(replicas(&api), 1);
        scaled.revert().await.unwrap();
        assert_eq!(replicas(&api), 5);
    });
}

fn restart() {
    paused(async {
        let api = shop(3);
        let cluster = api.cluster();
        let restarted = begin(&cluster, workloads::restart().on(cart(&cluster), Mode::ALL)).await.unwrap();
        let generation = api.get("deployments", "shop", "cart").unwrap()["metadata"]["generation"].clone();
        assert_eq!(generation, 2, "a new template is a new rollout");
        assert!(details(&restarted).await.contains("its rollout was asked for"));
        restarted.revert().await.unwrap();
    });
}

fn cordon_only_its_own() {
    paused(async {
        let api = shop(1);
        let mut cordoned = node("n3");
        cordoned["spec"]["unschedulable"] = json!(true);
        api.put(cordoned);
        let before = api.state();
        let cluster = api.cluster();
        let fault = nodes::cordon().on(cluster.nodes().labels("zone").unwrap(), Mode::ALL);
        let begun = begin(&cluster, fault).await.unwrap();
        for name in ["n1", "n2", "n3"] {
            assert_eq!(api.get("nodes", "", name).unwrap()["spec"]["unschedulable"], true, "{name}");
        }
        begun.revert().await.unwrap();
        assert_eq!(api.state(), before);
        assert_eq!(api.get("nodes", "", "n3").unwrap()["spec"]["unschedulable"], true);
    });
}

fn taint_keeps_others() {
    paused(async {
        let api = shop(1);
        let before = api.state();
        let cluster = api.cluster();
        let fault = nodes::taint(TaintEffect::NoExecute).value("test").unwrap();
        let begun = begin(&cluster, fault.on(cluster.nodes().named("n1"), Mode::ALL)).await.unwrap();
        // The server says when; a controller adds one of its own; an administrator takes one away.
        api.change("nodes", "", "n1", |node| {
            let taints = node["spec"]["taints"].as_array_mut().unwrap();
            assert_eq!(taints.len(), 2);
            taints[1]["timeAdded"] = json!("2026-01-01T00:00:00Z");
            taints.push(json!({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}));
        });
        assert!(details(&begun).await.contains("it has the taint chaos-sdk.dev/fault=test:NoExecute"));
        begun.revert().await.unwrap();
        let mut expected = before;
        let n1 = expected.iter_mut().find(|object| object["metadata"]["name"] == "n1").unwrap();
        n1["spec"]["taints"]
            .as_array_mut()
            .unwrap()
            .push(json!({"key": "node.kubernetes.io/not-ready", "effect": "NoSchedule"}));
        assert_eq!(api.state(), expected);
    });
}

/// Three pods behind a budget, and those that a drain leaves alone.
fn full_node() -> FakeApi {
    let api = shop(3);
    api.remove("pods", "shop", "db-0");
    budget(&api, json!({"maxUnavailable": 1}));
    let daemons = api.put(json!({
        "apiVersion": "apps/v1", "kind": "DaemonSet", "metadata": {"name": "logs", "namespace": "shop"}, "spec": {},
    }));
    api.put(pod_of(&daemons, "logs-0", "logs"));
    let mut mirror = pod("kube-system", "etcd", "etcd");
    mirror["metadata"]["annotations"] = json!({"kubernetes.io/config.mirror": "x"});
    api.put(mirror);
    let mut agent = pod("chaos", "agent", "agent");
    agent["metadata"]["labels"]["chaos-sdk.dev/agent"] = json!("r1");
    api.put(agent);
    let mut done = pod("shop", "bill", "bill");
    done["status"]["phase"] = json!("Succeeded");
    api.put(done);
    api.forget_calls();
    api
}

fn evicted(api: &FakeApi) -> Vec<String> {
    let evictions =
        api.writes().into_iter().filter(|call| call.resource == "pods/eviction" && call.code == 201);
    evictions.map(|call| call.name.unwrap()).collect()
}

fn drain() {
    paused(async {
        let api = full_node();
        let cluster = api.cluster();
        let fault = nodes::drain().on(cluster.nodes().named("n1"), Mode::ALL);
        let drained = begin(&cluster, fault).await.unwrap();
        assert_eq!(api.get("nodes", "", "n1").unwrap()["spec"]["unschedulable"], true);
        assert_eq!(evicted(&api), ["cart-5d-0"]);
        let seen = details(&drained).await;
        assert!(
            seen.contains("1 pods go, 2 stay so far") && seen.contains("carts needs 2 healthy pods"),
            "{seen}"
        );
        // Its successor is ready elsewhere: the next one may go.
        let set = api.get("replicasets", "shop", "cart-5d").unwrap();
        let mut successor = pod_of(&set, "cart-5d-9", "cart");
        successor["spec"]["nodeName"] = json!("n2");
        api.put(successor);
        pass(secs(6)).await;
        assert_eq!(evicted(&api), ["cart-5d-0", "cart-5d-1"]);
        drained.revert().await.unwrap();
        assert!(api.get("nodes", "", "n1").unwrap()["spec"].get("unschedulable").is_none());
        // No eviction after the revert, whatever the budget says.
        api.remove("poddisruptionbudgets", "shop", "carts");
        pass(secs(60)).await;
        assert_eq!(evicted(&api), ["cart-5d-0", "cart-5d-1"]);
    });
}

fn drain_gives_up() {
    paused(async {
        let api = full_node();
        let cluster = api.cluster();
        let fault = nodes::drain().within(secs(12)).unwrap().on(cluster.nodes().named("n1"), Mode::ALL);
        let drained = begin(&cluster, fault).await.unwrap();
        pass(secs(60)).await;
        let asked = api.writes().len();
        let seen = details(&drained).await;
        assert!(seen.contains("2 stay:"), "{seen}");
        pass(secs(60)).await;
        assert_eq!(api.writes().len(), asked, "it has given up");
        drained.revert().await.unwrap();
    });
}

fn delete_node() {
    paused(async {
        let api = shop(1);
        let cluster = api.cluster();
        let before = bare(api.get("nodes", "", "n1"));
        let gone = begin(&cluster, nodes::delete().on(cluster.nodes().named("n1"), Mode::ALL)).await.unwrap();
        assert_eq!(api.get("nodes", "", "n1"), None);
        // Its kubelet was faster: it made a bare one.
        let mut bare_node = node("n1");
        bare_node["metadata"]["labels"] = json!({"kubernetes.io/hostname": "n1", "zone": "moved"});
        bare_node["spec"] = json!({"podCIDR": "10.0.0.0/24"});
        api.put(bare_node);
        assert!(details(&gone).await.contains("made anew"));
        gone.revert().await.unwrap();
        let mut expected = before.unwrap();
        expected["metadata"]["labels"]["zone"] = json!("moved");
        assert_eq!(bare(api.get("nodes", "", "n1")), Some(expected));
    });
}

fn caps_round_down() {
    paused(async {
        let api = shop(7);
        let cluster = api.cluster();
        let ledger = Ledger::in_memory(cluster.undos().unwrap());
        let radius = BlastRadius::percent(40).unwrap();
        let chaos = Chaos::seeded(7);
        let failed = chaos
            .inject(pods::fail().on(carts(&cluster), Mode::ALL), radius)
            .ledger(ledger)
            .begin()
            .await
            .unwrap();
        let hit = |api: &FakeApi| -> Vec<String> {
            let hit = api
                .state()
                .into_iter()
                .filter(|object| object["metadata"]["labels"]["chaos-sdk.dev/under-fault"] == "true");
            hit.map(|object| object["metadata"]["name"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(hit(&api).len(), 2, "40 % of 7");
        failed.revert().await.unwrap();
        let listed: Vec<String> = carts(&cluster).select().await.unwrap().iter().map(Target::name).collect();
        assert_eq!(listed.len(), 7);
    });
}

/// How long a fault may last stands on what it changes, and follows an extension.
fn deadlines() {
    paused(async {
        let api = shop(1);
        let until = |api: &FakeApi| -> std::time::SystemTime {
            let pod = api.get("pods", "shop", "cart-5d-0").unwrap();
            let faults = pod["metadata"]["annotations"]["chaos-sdk.dev/faults"].as_str().unwrap().to_owned();
            let faults: Value = serde_json::from_str(&faults).unwrap();
            humantime::parse_rfc3339(faults["claims"][0]["until"].as_str().unwrap()).unwrap()
        };
        let in_about = |then: std::time::SystemTime, seconds: u64| {
            let left = then.duration_since(std::time::SystemTime::now()).unwrap().as_secs();
            assert!(
                (seconds.saturating_sub(60)..=seconds + 8).contains(&left),
                "{left} s, and {seconds} were meant"
            );
        };
        let cluster = api.cluster().lasting_at_most(secs(7200)).unwrap();
        let held = begin(&cluster, pods::fail().on(carts(&cluster), Mode::ALL)).await.unwrap();
        in_about(until(&api), 7200);
        held.revert().await.unwrap();
        let lasting = pods::fail().on(carts(&cluster), Mode::ALL).lasting(secs(600));
        let held = begin(&cluster, lasting).await.unwrap();
        in_about(until(&api), 600);
        held.extend(secs(1200)).await.unwrap();
        in_about(until(&api), 1200);
        let error = held.extend(secs(7300)).await.unwrap_err();
        assert!(error.is_refused() && error.to_string().contains("at most 7200s"), "{error}");
        let _ = api.cluster().sweep().also_of_live_runs().await.unwrap();
        let error = held.extend(secs(1200)).await.unwrap_err();
        assert!(error.to_string().contains("taken back already"), "{error}");
        held.revert().await.unwrap();

        let before = api.state();
        let too_long = pods::fail().on(carts(&cluster), Mode::ALL).lasting(secs(7300));
        let error = begin(&cluster, too_long).await.unwrap_err();
        assert!(error.is_refused() && error.to_string().contains("lasting_at_most"), "{error}");
        assert_eq!(api.state(), before);
    });
}
