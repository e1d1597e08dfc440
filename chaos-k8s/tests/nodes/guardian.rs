//! Guardian pods: what a fault changed through the API is put back from inside the cluster when its controller is killed.

use std::time::{Duration, Instant};

use chaos_core::units::{ms, secs};
use chaos_core::{BlastRadius, Chaos, Clock, Fault, Injection, Ledger, Mode, Result};
use chaos_k8s::Cluster;
use chaos_k8s::cluster::agents::Agents;
use chaos_k8s::cluster::kube::Client;
use chaos_k8s::cluster::kube::client::Body;
use chaos_k8s::cluster::pods::Enforced;
use chaos_k8s::cluster::rights::Rights;
use chaos_k8s::cluster::{WorkloadKind, nodes, pods, workloads};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use crate::controller::Controller;
use crate::gate::{Gate, behind};
use crate::scene::script;
use crate::scene::{AGENTS, Scene, agents_of, until};
use crate::server::{Server, really, user};
use crate::support::{Need, Test};

pub(crate) const TESTS: &[Test] = &[
    ("guardian_pods_take_back_what_a_killed_controller_changed", &[Need::Nodes], killed),
    ("a_guardian_pod_whose_container_is_killed_too_goes_on", &[Need::Nodes], killed_too),
    ("a_revert_dismisses_the_guardian_pod", &[Need::Nodes], dismissed),
    ("a_guardian_pod_waits_as_long_as_its_fault_is_extended", &[Need::Nodes], extended),
    ("a_sweep_ends_what_controller_and_guardian_pod_left", &[Need::Nodes], swept),
    ("a_guardian_pod_that_cannot_be_had_refuses_the_fault", &[Need::Nodes], refused),
    ("the_printed_roles_suffice_for_a_guardian_pod", &[Need::Nodes], suffice),
    ("each_right_to_make_a_guardian_pod_is_needed", &[Need::Nodes], needed),
    ("each_right_of_a_guardian_pod_is_needed", &[Need::Nodes], each_is_needed),
    ("a_guardian_pod_that_lost_a_right_goes_on_to_try", &[Need::Nodes], goes_on_to_try),
    // The last: the garbage collector takes a minute to come back to an API server that was away.
    ("a_guardian_pod_waits_for_the_api_server", &[Need::Nodes], api_is_away),
];

/// How long the faults here last.
const LASTING: Duration = secs(10);
/// How long after that an effect may be felt: what issue and documentation promise.
const AFTER: Duration = secs(15);

/// What one test changes: objects of its own, the node one without a machine.
#[derive(Debug, Clone)]
struct Things {
    namespace: String,
    node: String,
}

const WORKLOAD: &str = "asleep";
const LABELLED: &str = "labelled";
const CUT_OFF: &str = "cut-off";

impl Things {
    async fn new(scene: &Scene) -> Self {
        let things = Self { namespace: scene.namespace().to_owned(), node: scene.server.name("guarded") };
        let node = json!({"apiVersion": "v1", "kind": "Node", "metadata": {"name": things.node}});
        scene.server.create(node).await;
        let nowhere = json!({"kubernetes.io/hostname": "nowhere"});
        let spec =
            json!({"nodeSelector": nowhere, "containers": [{"name": "web", "image": "localhost/shop:1"}]});
        for name in [LABELLED, CUT_OFF] {
            let meta = json!({"name": name, "namespace": things.namespace, "labels": {"app": name}});
            scene
                .server
                .create(json!({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}))
                .await;
        }
        let labels = json!({"app": WORKLOAD});
        let deployment = json!({
            "apiVersion": "apps/v1", "kind": "Deployment",
            "metadata": {"name": WORKLOAD, "namespace": things.namespace},
            "spec": {
                "replicas": 2, "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": spec},
            },
        });
        scene.server.create(deployment).await;
        scene.service(LABELLED, 80).await;
        things
    }

    fn node_path(&self) -> String {
        format!("/api/v1/nodes/{}", self.node)
    }

    fn pod_path(&self, name: &str) -> String {
        format!("/api/v1/namespaces/{}/pods/{name}", self.namespace)
    }

    /// What is changed: whether the node is cordoned, how many replicas, whether the label is missing, how many policies.
    async fn state(&self, server: &Server) -> [Value; 4] {
        let of = async |path: &str| server.ask(path).await.1;
        let workload = format!("/apis/apps/v1/namespaces/{}/deployments/{WORKLOAD}", self.namespace);
        let policies = format!("/apis/networking.k8s.io/v1/namespaces/{}/networkpolicies", self.namespace);
        [
            of(&self.node_path()).await["spec"]["unschedulable"].clone(),
            of(&workload).await["spec"]["replicas"].clone(),
            of(&self.pod_path(LABELLED)).await["metadata"]["labels"]["app"].clone(),
            json!(of(&policies).await["items"].as_array().map_or(0, Vec::len)),
        ]
    }

    async fn over(&self, scene: Scene) {
        scene.server.delete(&self.node_path(), &json!({})).await;
        scene.over().await;
    }
}

const FOUND: fn() -> [Value; 4] = || [Value::Null, json!(2), json!(LABELLED), json!(0)];
const CHANGED: fn() -> [Value; 4] = || [json!(true), json!(0), Value::Null, json!(1)];

async fn begin<F: Fault>(cluster: &Cluster, on: chaos_core::injection::On<F>) -> Result<Injection> {
    let ledger = Ledger::in_memory(cluster.undos()?);
    let radius = BlastRadius::count(10)?;
    Chaos::random().inject(on, radius).ledger(ledger).begin().await
}

async fn cordon(agents: &Agents, cluster: &Cluster, node: &str) -> Result<Injection> {
    begin(cluster, agents.guarded(nodes::cordon()).on(cluster.nodes().named(node), Mode::ALL)).await
}

/// One of the four, with a guardian pod of its own.
async fn one_of_four(
    number: usize,
    agents: &Agents,
    cluster: &Cluster,
    things: &Things,
) -> Result<Injection> {
    let pod = |name| cluster.pods().pod(&things.namespace, name);
    match number {
        0 => cordon(agents, cluster, &things.node).await,
        1 => {
            let workloads = cluster.workloads(WorkloadKind::Deployment);
            let workload = workloads.in_namespace(&things.namespace).named(WORKLOAD);
            begin(cluster, agents.guarded(workloads::scale_to(0)).on(workload, Mode::ALL)).await
        }
        2 => {
            let leave = pods::leave_service(cluster.service(&things.namespace, LABELLED));
            begin(cluster, agents.guarded(leave).on(pod(LABELLED), Mode::ALL)).await
        }
        _ => {
            let isolate = pods::isolate(Enforced::believed());
            begin(cluster, agents.guarded(isolate).on(pod(CUT_OFF), Mode::ALL)).await
        }
    }
}

async fn all_four(agents: &Agents, cluster: &Cluster, things: &Things) -> Result<[Injection; 4]> {
    let one = |number| one_of_four(number, agents, cluster, things);
    let (cordoned, scaled, left, isolated) = tokio::join!(one(0), one(1), one(2), one(3));
    Ok([cordoned?, scaled?, left?, isolated?])
}

/// The controller of a test: puts all four in force, and waits to be killed.
pub(crate) fn control(on: &str) {
    let (namespace, node) = on.split_once('/').unwrap();
    let things = Things { namespace: namespace.to_owned(), node: node.to_owned() };
    really(async {
        let cluster = Cluster::new(Client::try_default().await.unwrap()).lasting_at_most(LASTING).unwrap();
        let agents = agents_of(&cluster);
        let held = all_four(&agents, &cluster, &things).await.unwrap();
        println!("in force: {}", cluster.run());
        Clock::real().sleep(secs(600)).await;
        drop(held);
    });
}

/// Such a controller, killed; its run.
fn killed_controller(things: &Things) -> String {
    let mut controller = Controller::new("guardian", &format!("{}/{}", things.namespace, things.node));
    let run = controller.says("in force");
    controller.kill();
    run
}

/// What was made for guardians of this run and is still there.
pub(crate) async fn left(server: &Server, run: &str) -> Vec<String> {
    let selector = format!("labelSelector=chaos-sdk.dev%2Frun%3D{run}");
    let rbac = "/apis/rbac.authorization.k8s.io/v1";
    let paths = [
        "/api/v1/pods".to_owned(),
        "/api/v1/serviceaccounts".to_owned(),
        format!("{rbac}/roles"),
        format!("{rbac}/rolebindings"),
        format!("{rbac}/clusterroles"),
        format!("{rbac}/clusterrolebindings"),
    ];
    let mut left = Vec::new();
    for path in paths {
        let (code, list) = server.ask(&format!("{path}?{selector}")).await;
        assert_eq!(code, 200, "{list}");
        let names = list["items"].as_array().unwrap().iter().map(|item| item["metadata"]["name"].to_string());
        left.extend(names.map(|name| format!("{} {name}", path.rsplit('/').next().unwrap())));
    }
    left
}

/// Waits until the roles are gone, which a guardian or its controller takes away; how long that took.
async fn until_no_role_is_left(server: &Server, run: &str) -> Duration {
    let begun = Instant::now();
    loop {
        let mut left = left(server, run).await;
        left.retain(|name| name.starts_with("roles ") || name.starts_with("clusterroles "));
        if left.is_empty() {
            return begun.elapsed();
        }
        assert!(begun.elapsed() < AFTER, "left: {left:?}");
        Clock::real().sleep(ms(200)).await;
    }
}

/// Waits until nothing of them is left; how long that took. What belongs to the roles is for the garbage collector, which may
/// have lost its API server a moment ago.
pub(crate) async fn until_nothing_is_left(server: &Server, run: &str) -> Duration {
    let begun = Instant::now();
    until_no_role_is_left(server, run).await;
    until(|| async { left(server, run).await.is_empty() }).await;
    begun.elapsed()
}

/// Waits until all is as it was found.
async fn until_it_is_back(scene: &Scene, things: &Things, since: Instant) {
    while things.state(&scene.server).await != FOUND() {
        assert!(since.elapsed() < LASTING + AFTER, "still {:?}", things.state(&scene.server).await);
        Clock::real().sleep(ms(100)).await;
    }
}

fn killed() {
    really(async {
        let scene = Scene::new().await;
        let things = Things::new(&scene).await;
        assert_eq!(things.state(&scene.server).await, FOUND());
        let run = killed_controller(&things);
        let since = Instant::now();
        assert_eq!(things.state(&scene.server).await, CHANGED());
        until_it_is_back(&scene, &things, since).await;
        let back = since.elapsed();
        assert!(back > LASTING - secs(3), "too early: {back:?}");
        let gone = until_nothing_is_left(&scene.server, &run).await;
        println!(
            "controller killed: all four back {back:.1?} after they came into force, {LASTING:?} asked; guardian pods gone \
             {gone:.1?} later"
        );
        things.over(scene).await;
    });
}

/// The names of the guardian pods of a run, and their nodes.
async fn guardians(server: &Server, run: &str) -> Vec<(String, String)> {
    let selector = format!("labelSelector=chaos-sdk.dev%2Frun%3D{run}");
    let (_, pods) = server.ask(&format!("/api/v1/namespaces/{AGENTS}/pods?{selector}")).await;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let pods = pods["items"].as_array().unwrap().iter();
    pods.map(|pod| (text(&pod["metadata"]["name"]), text(&pod["spec"]["nodeName"]))).collect()
}

fn killed_too() {
    really(async {
        let scene = Scene::alone().await;
        let things = Things::new(&scene).await;
        let run = killed_controller(&things);
        let since = Instant::now();
        let pods = guardians(&scene.server, &run).await;
        assert_eq!(pods.len(), 4, "{pods:?}");
        let on: std::collections::BTreeSet<&str> = pods.iter().map(|(_, node)| node.as_str()).collect();
        for node in on {
            script("gx", &[node, "kill -9 $(pgrep -f '[c]haos-agent guard')"]);
        }
        until_it_is_back(&scene, &things, since).await;
        let back = since.elapsed();
        let gone = until_nothing_is_left(&scene.server, &run).await;
        println!(
            "controller and guardian pods' containers killed: back after {back:.1?}, gone {gone:.1?} later"
        );
        things.over(scene).await;
    });
}

async fn is_there(server: &Server) -> bool {
    let request = http::Request::get("/readyz").body(Body::empty()).unwrap();
    server.client.send(request).await.is_ok_and(|answer| answer.status().is_success())
}

/// The API server is dead from before the deadline until after it.
fn api_is_away() {
    really(async {
        let scene = Scene::alone().await;
        let things = Things::new(&scene).await;
        let run = killed_controller(&things);
        let since = Instant::now();
        script("component", &["kill", "kube-apiserver"]);
        Clock::real().sleep((LASTING + secs(8)).saturating_sub(since.elapsed())).await;
        script("component", &["start", "kube-apiserver"]);
        until(|| is_there(&scene.server)).await;
        let again = Instant::now();
        while things.state(&scene.server).await != FOUND() {
            assert!(again.elapsed() < AFTER + secs(15), "still {:?}", things.state(&scene.server).await);
            Clock::real().sleep(ms(100)).await;
        }
        println!("controller and API server killed: back {:.1?} after that is there again", again.elapsed());
        until_no_role_is_left(&scene.server, &run).await;
        things.over(scene).await;
    });
}

fn dismissed() {
    really(async {
        let scene = Scene::new().await;
        let things = Things::new(&scene).await;
        let injections = all_four(&scene.any_agents(), &scene.cluster, &things).await.unwrap();
        assert_eq!(things.state(&scene.server).await, CHANGED());
        let run = scene.cluster.run().to_string();
        // Four pods and accounts; roles and bindings of three for their own namespace and the targets', of one for the node.
        let made = left(&scene.server, &run).await;
        assert_eq!(made.len(), 4 * (2 + 4), "{made:?}");
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

fn extended() {
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

fn swept() {
    really(async {
        let scene = Scene::new().await;
        let things = Things::new(&scene).await;
        let run = killed_controller(&things);
        for (name, _) in guardians(&scene.server, &run).await {
            let path = format!("/api/v1/namespaces/{AGENTS}/pods/{name}");
            scene.server.delete(&path, &json!({"gracePeriodSeconds": 0})).await;
        }
        // Nobody is left who would.
        Clock::real().sleep(LASTING + secs(10)).await;
        assert_eq!(things.state(&scene.server).await, CHANGED());
        let swept = scene.cluster.sweep().of_run(run.parse().unwrap()).await.unwrap();
        assert!(swept.is_clean() && swept.ended.len() >= 4 + 4, "{swept}");
        assert_eq!(things.state(&scene.server).await, FOUND());
        until_nothing_is_left(&scene.server, &run).await;
        things.over(scene).await;
    });
}

fn refused() {
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

/// What the four faults take, each with its guardian pod.
fn rights(cluster: &Cluster, agents: &Agents, things: &Things) -> Rights {
    let pods = cluster.pods().in_namespace(&things.namespace).label("app", LABELLED).unwrap();
    let workload =
        cluster.workloads(WorkloadKind::Deployment).in_namespace(&things.namespace).named(WORKLOAD);
    let leave = pods::leave_service(cluster.service(&things.namespace, LABELLED));
    let node = cluster.nodes().named(&things.node);
    node.rights_for(&agents.guarded(nodes::cordon()))
        .and(workload.rights_for(&agents.guarded(workloads::scale_to(0))))
        .and(pods.rights_for(&agents.guarded(leave)))
        .and(pods.rights_for(&agents.guarded(pods::isolate(Enforced::believed()))))
}

/// In the namespace of their targets, at the strictest level of Pod Security.
fn suffice() {
    really(async {
        let scene = Scene::new().await;
        let things = Things::new(&scene).await;
        scene.enforce("restricted").await;
        let here = |cluster: &Cluster| agents_of(cluster).in_namespace(&things.namespace).unwrap();
        let rights = rights(&scene.cluster, &here(&scene.cluster), &things);
        let runner = user(&scene.server, "runner", &rights).await;
        for injection in all_four(&here(&runner), &runner, &things).await.unwrap() {
            injection.revert().await.unwrap();
        }
        assert_eq!(things.state(&scene.server).await, FOUND());
        until_nothing_is_left(&scene.server, &runner.run().to_string()).await;
        things.over(scene).await;
    });
}

/// Without any one of them the fault is refused before anything is touched, and the words name it.
fn needed() {
    really(async {
        let scene = Scene::new().await;
        let things = Things::new(&scene).await;
        let cordon_of = |cluster: &Cluster| {
            let fault = agents_of(cluster).guarded(nodes::cordon());
            cluster.nodes().named(&things.node).rights_for(&fault)
        };
        let rights = cordon_of(&scene.cluster);
        for (number, missing) in rights.iter().enumerate() {
            let rest: Rights = rights.iter().filter(|right| *right != missing).cloned().collect();
            let runner = user(&scene.server, &format!("runner{number}"), &rest).await;
            let error = match cordon(&agents_of(&runner), &runner, &things.node).await {
                Ok(injection) => {
                    injection.revert().await.unwrap();
                    panic!("it works without {missing}");
                }
                Err(error) => error,
            };
            let words = error.chain();
            assert!(error.is_refused() && words.contains(&missing.to_string()), "{missing}: {words}");
        }
        println!("a guardian pod of a cordon: {} rights, each of them needed", rights.iter().count());
        assert_eq!(things.state(&scene.server).await, FOUND());
        things.over(scene).await;
    });
}

/// Roles are made without one verb on one resource.
#[derive(Clone)]
struct Without {
    resource: &'static str,
    verb: &'static str,
}

impl Gate for Without {
    fn pass(&self, request: &http::request::Parts, body: Vec<u8>) -> Vec<u8> {
        let is_role = request.method == http::Method::POST && request.uri.path().ends_with("roles");
        if is_role { self.left_out(&body) } else { body }
    }
}

impl Without {
    fn left_out(&self, body: &[u8]) -> Vec<u8> {
        let mut role: Value = serde_json::from_slice(body).unwrap();
        let rules = role["rules"].as_array_mut().unwrap();
        for rule in rules.iter_mut().filter(|rule| rule["resources"] == json!([self.resource])) {
            rule["verbs"].as_array_mut().unwrap().retain(|verb| *verb != self.verb);
        }
        rules.retain(|rule| rule["verbs"] != json!([]));
        role.to_string().into_bytes()
    }
}

/// Which of the four, and what its guardian may do.
const GRANTED: [(usize, &str, &str); 13] = [
    (0, "nodes", "get"),
    (0, "nodes", "patch"),
    (0, "clusterroles", "delete"),
    (0, "roles", "delete"),
    (1, "deployments", "get"),
    (1, "deployments", "patch"),
    (1, "deployments/scale", "patch"),
    (2, "pods", "get"),
    (2, "pods", "patch"),
    (3, "pods", "get"),
    (3, "pods", "patch"),
    (3, "networkpolicies", "get"),
    (3, "networkpolicies", "delete"),
];

/// Without any one of its rights it is not armed, says which, and nothing is changed.
fn each_is_needed() {
    really(async {
        let scene = Scene::new().await;
        let things = Things::new(&scene).await;
        let mut trials = JoinSet::new();
        for (fault, resource, verb) in GRANTED {
            let (client, things) = (scene.server.client.clone(), things.clone());
            trials.spawn(async move {
                let cluster = Cluster::new(behind(Without { resource, verb }, &client));
                let agents = agents_of(&cluster);
                let injected = one_of_four(fault, &agents, &cluster, &things).await;
                let error = injected.err().unwrap_or_else(|| panic!("it works without {verb} {resource}"));
                let words = error.chain();
                let named = format!(
                    "missing right of the guardian pod: {verb} {}",
                    resource.split('/').next().unwrap()
                );
                assert!(error.is_refused() && words.contains(&named), "{verb} {resource}: {words}");
                cluster.run().to_string()
            });
        }
        while let Some(run) = trials.join_next().await {
            until_nothing_is_left(&scene.server, &run.unwrap()).await;
        }
        println!("guardian pods: {} rights, each of them needed", GRANTED.len());
        assert_eq!(things.state(&scene.server).await, FOUND());
        things.over(scene).await;
    });
}

fn goes_on_to_try() {
    really(async {
        let scene = Scene::new().await;
        let things = Things::new(&scene).await;
        let short = scene.cluster.clone().lasting_at_most(LASTING).unwrap();
        let injection = cordon(&agents_of(&short), &short, &things.node).await.unwrap();
        let since = Instant::now();
        std::mem::forget(injection);
        let run = scene.cluster.run().to_string();
        let (_, roles) = scene
            .server
            .ask(&format!(
                "/apis/rbac.authorization.k8s.io/v1/clusterroles?labelSelector=chaos-sdk.dev%2Frun%3D{run}"
            ))
            .await;
        let role = roles["items"][0].clone();
        let path = format!(
            "/apis/rbac.authorization.k8s.io/v1/clusterroles/{}",
            role["metadata"]["name"].as_str().unwrap()
        );
        let set = async |rules: &Value| {
            let (code, answer) =
                scene.server.patch(&path, crate::server::MERGE, &json!({"rules": rules})).await;
            assert_eq!(code, 200, "{answer}");
        };
        set(&json!([])).await;
        Clock::real().sleep((LASTING + secs(12)).saturating_sub(since.elapsed())).await;
        assert_eq!(things.state(&scene.server).await[0], true);
        set(&role["rules"]).await;
        let again = Instant::now();
        while things.state(&scene.server).await[0] == true {
            assert!(again.elapsed() < secs(30), "not taken back");
            Clock::real().sleep(ms(100)).await;
        }
        println!("a guardian pod that got its right back: back {:.1?} later", again.elapsed());
        until_nothing_is_left(&scene.server, &run).await;
        things.over(scene).await;
    });
}
