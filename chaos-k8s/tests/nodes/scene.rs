//! [`Scene`]: a namespace with an application in it, whose parts ask each other (`testbed/image/shop.rs`).

use std::sync::{PoisonError, RwLock, RwLockReadGuard, RwLockWriteGuard};
use std::task::Poll;
use std::time::{Duration, Instant};

use chaos_core::units::{ms, secs};
use chaos_core::{BlastRadius, Chaos, Clock, Fault, Injection, Ledger, Mode, Result};
use chaos_k8s::Cluster;
use chaos_k8s::cluster::Pods;
use chaos_k8s::cluster::agents::{Agents, Delivery};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::server::Server;

/// The node on this machine's kernel, and the one on a kernel of its own.
pub(crate) const HERE: &str = "node1";
pub(crate) const UML: &str = "node2";
/// What the nodes have the agent as.
const IMAGE: &str = concat!("localhost/chaos-agent:", env!("CARGO_PKG_VERSION"));
/// The namespace of agents' pods.
pub(crate) const AGENTS: &str = "chaos";
/// How long a pod may take to be ready on a machine that does other work.
const READY: Duration = secs(120);
const PORT: u16 = 8080;

/// What a test does to the cluster itself, others would see.
static CLUSTER: RwLock<()> = RwLock::new(());

#[expect(dead_code, reason = "held, and never looked at")]
enum Share {
    Ours(RwLockReadGuard<'static, ()>),
    Alone(RwLockWriteGuard<'static, ()>),
}

pub(crate) struct Scene {
    _share: Share,
    pub(crate) server: Server,
    pub(crate) cluster: Cluster,
    pub(crate) chaos: Chaos,
}

/// A pod of the application.
#[derive(Debug, Clone)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) address: String,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        Self::with(Share::Ours(CLUSTER.read().unwrap_or_else(PoisonError::into_inner))).await
    }

    /// With no other at the same time: for a test that kills what others need.
    pub(crate) async fn alone() -> Self {
        Self::with(Share::Alone(CLUSTER.write().unwrap_or_else(PoisonError::into_inner))).await
    }

    async fn with(share: Share) -> Self {
        let server = Server::real().await;
        let agents = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": AGENTS}});
        let (code, answer) = server.post("/api/v1/namespaces", &agents).await;
        assert!(code == 201 || code == 409, "{answer}");
        // Pods are refused until their service account is there.
        let account = format!("/api/v1/namespaces/{}/serviceaccounts/default", server.namespace);
        until(|| async { server.ask(&account).await.0 == 200 }).await;
        let cluster = server.cluster();
        Self { _share: share, server, cluster, chaos: Chaos::random() }
    }

    pub(crate) fn namespace(&self) -> &str {
        &self.server.namespace
    }

    /// A part of the application on this node, ready: "db", or one more, "db-2".
    pub(crate) async fn part(&self, name: &str, node: &str) -> Part {
        self.part_with(name, node, json!({})).await
    }

    /// The same with more in its container.
    pub(crate) async fn part_with(&self, name: &str, node: &str, container: Value) -> Part {
        self.part_of(name, node, container, json!([])).await
    }

    /// The same with volumes.
    pub(crate) async fn part_of(&self, name: &str, node: &str, container: Value, volumes: Value) -> Part {
        let pod = json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {"name": name, "namespace": self.namespace(), "labels": {"app": name.split('-').next()}},
            "spec": Self::spec(node, &container, &volumes),
        });
        self.server.create(pod).await;
        let path = format!("/api/v1/namespaces/{}/pods/{name}", self.namespace());
        let begun = Instant::now();
        loop {
            let (_, pod) = self.server.ask(&path).await;
            if let Some(part) = Part::of(&pod) {
                return part;
            }
            assert!(begun.elapsed() < READY, "{name} is not ready: {}", pod["status"]);
            Clock::real().sleep(ms(200)).await;
        }
    }

    /// A deployment of so many parts, ready.
    pub(crate) async fn deployment(&self, name: &str, node: &str, replicas: usize) -> Vec<Part> {
        let labels = json!({"app": name});
        let deployment = json!({
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name, "namespace": self.namespace()},
            "spec": {
                "replicas": replicas,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": Self::spec(node, &json!({}), &json!([]))},
            },
        });
        self.server.create(deployment).await;
        until(|| async { self.parts(name).await.len() == replicas }).await;
        self.parts(name).await
    }

    /// The parts of this name that are ready now, and stay.
    pub(crate) async fn parts(&self, name: &str) -> Vec<Part> {
        let path = format!("/api/v1/namespaces/{}/pods?labelSelector=app%3D{name}", self.namespace());
        let (_, pods) = self.server.ask(&path).await;
        let pods = pods["items"].as_array().into_iter().flatten();
        pods.filter(|pod| pod["metadata"]["deletionTimestamp"].is_null()).filter_map(Part::of).collect()
    }

    /// Deletes the pod of a part.
    pub(crate) async fn delete(&self, name: &str) {
        let path = format!("/api/v1/namespaces/{}/pods/{name}", self.namespace());
        let (code, answer) = self.server.delete(&path, &json!({})).await;
        assert_eq!(code, 200, "{answer}");
    }

    fn spec(node: &str, container: &Value, volumes: &Value) -> Value {
        let mut web = json!({
            "name": "web", "image": "localhost/shop:1", "imagePullPolicy": "IfNotPresent",
            "ports": [{"containerPort": PORT}],
            "readinessProbe": {"httpGet": {"path": "/health", "port": PORT}, "periodSeconds": 1},
        });
        for (key, value) in container.as_object().unwrap() {
            web[key] = value.clone();
        }
        json!({
            "nodeSelector": {"kubernetes.io/hostname": node},
            "terminationGracePeriodSeconds": 1,
            "containers": [web],
            "volumes": volumes,
        })
    }

    /// A service with the name of the part that it leads to, and its address.
    pub(crate) async fn service(&self, name: &str, port: u16) -> String {
        let service = json!({
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": name, "namespace": self.namespace()},
            "spec": {"selector": {"app": name}, "ports": [{"port": port, "targetPort": PORT}]},
        });
        let made = self.server.create(service).await;
        let address = format!("{}:{port}", made["spec"]["clusterIP"].as_str().unwrap());
        // Nodes hear of it a moment later.
        address
    }

    /// The pods of this part.
    pub(crate) fn pods(&self, name: &str) -> Pods {
        self.cluster.pods().in_namespace(self.namespace()).label("app", name).unwrap()
    }

    pub(crate) fn agents(&self, by: Delivery) -> Agents {
        self.agents_of(&self.cluster, by)
    }

    /// Whichever delivery a plan chooses.
    pub(crate) fn any_agents(&self) -> Agents {
        agents_of(&self.cluster)
    }

    /// The level of Pod Security that is enforced in the scene's namespace from now on.
    pub(crate) async fn enforce(&self, level: &str) {
        let labels = json!({"metadata": {"labels": {"pod-security.kubernetes.io/enforce": level}}});
        let path = format!("/api/v1/namespaces/{}", self.namespace());
        let (code, answer) = self.server.patch(&path, crate::server::MERGE, &labels).await;
        assert_eq!(code, 200, "{answer}");
    }

    pub(crate) fn agents_of(&self, cluster: &Cluster, by: Delivery) -> Agents {
        cluster.agents(IMAGE).unwrap().in_namespace(AGENTS).unwrap().only_by(by)
    }

    /// Puts the fault in force, and sees it there.
    pub(crate) async fn inject<F>(&self, fault: F, pods: Pods) -> Result<Injection>
    where
        F: Fault<Target = chaos_k8s::cluster::Pod>,
    {
        self.inject_as(&self.cluster, fault, pods).await
    }

    /// The same as somebody else.
    pub(crate) async fn inject_as<F>(&self, cluster: &Cluster, fault: F, pods: Pods) -> Result<Injection>
    where
        F: Fault<Target = chaos_k8s::cluster::Pod>,
    {
        let ledger = Ledger::in_memory(cluster.undos()?);
        let inject = self.chaos.inject(fault.on(pods, Mode::ALL), BlastRadius::count(500)?).ledger(ledger);
        let injection = inject.begin().await?;
        for (name, seen) in injection.observe().await {
            let seen = seen?;
            assert!(seen.is_in_force(), "{name}: {}", seen.detail());
        }
        Ok(injection)
    }

    /// That no agent of this scene is left: no pod, and no container that runs.
    pub(crate) async fn nothing_is_left(&self) {
        let run = self.cluster.run();
        let path = format!("/api/v1/namespaces/{AGENTS}/pods?labelSelector=chaos-sdk.dev%2Frun%3D{run}");
        let (_, agents) = self.server.ask(&path).await;
        assert_eq!(agents["items"].as_array().map_or(0, Vec::len), 0, "{agents}");
        let (_, pods) = self.server.ask(&format!("/api/v1/namespaces/{}/pods", self.namespace())).await;
        for pod in pods["items"].as_array().unwrap() {
            for status in pod["status"]["ephemeralContainerStatuses"].as_array().into_iter().flatten() {
                assert!(status["state"]["running"].is_null(), "{status}");
            }
        }
    }

    /// Takes it all away, and does not wait for that.
    pub(crate) async fn over(self) {
        self.nothing_is_left().await;
        let path = format!("/api/v1/namespaces/{}", self.namespace());
        self.server.delete(&path, &json!({})).await;
    }
}

/// Agents and guardian pods of this handle.
pub(crate) fn agents_of(cluster: &Cluster) -> Agents {
    cluster.agents(IMAGE).unwrap().in_namespace(AGENTS).unwrap()
}

/// What a command prints on a node, which must work.
pub(crate) fn output(args: &[&str; 2]) -> String {
    script("gx", args)
}

/// A script of the testbed's, which must work; what it prints.
pub(crate) fn script(name: &str, args: &[&str]) -> String {
    let folder = std::env::var_os("TESTBED_CLUSTER").unwrap();
    let path = std::path::Path::new(&folder).join(name);
    #[expect(clippy::disallowed_methods, reason = "the cluster is acted on by its scripts")]
    let done = std::process::Command::new(path).args(args).output().unwrap();
    assert!(done.status.success(), "{name} {args:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

/// Waits until it is so.
pub(crate) async fn until<F: Future<Output = bool>>(is_so: impl Fn() -> F) {
    let begun = Instant::now();
    while !is_so().await {
        assert!(begun.elapsed() < READY, "it does not come to that");
        Clock::real().sleep(ms(200)).await;
    }
}

/// All of them at the same time; what came of each.
pub(crate) async fn all<T>(trials: impl Iterator<Item = impl Future<Output = T>>) -> Vec<T> {
    let mut trials: Vec<_> = trials.map(|trial| (Box::pin(trial), None)).collect();
    std::future::poll_fn(|context| {
        for (trial, outcome) in trials.iter_mut().filter(|(_, outcome)| outcome.is_none()) {
            if let Poll::Ready(done) = trial.as_mut().poll(context) {
                *outcome = Some(done);
            }
        }
        match trials.iter().all(|(_, outcome)| outcome.is_some()) {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    })
    .await;
    trials.into_iter().filter_map(|(_, outcome)| outcome).collect()
}

impl Part {
    /// Of a pod that is ready.
    fn of(pod: &Value) -> Option<Self> {
        let conditions = pod["status"]["conditions"].as_array()?;
        conditions.iter().find(|one| one["type"] == "Ready" && one["status"] == "True")?;
        let name = pod["metadata"]["name"].as_str()?.to_owned();
        Some(Self { name, address: pod["status"]["podIP"].as_str()?.to_owned() })
    }

    /// What it answers, with its status.
    pub(crate) async fn try_get(&self, path: &str) -> std::io::Result<(u16, String)> {
        let asking = async {
            let mut stream = TcpStream::connect((self.address.as_str(), PORT)).await?;
            let request = format!("GET {path} HTTP/1.1\r\nhost: {}\r\n\r\n", self.address);
            stream.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            Ok(answer)
        };
        let answer: std::io::Result<String> = tokio::time::timeout(secs(30), asking)
            .await
            .unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into()));
        let answer = answer?;
        let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        let body = answer.split_once("\r\n\r\n").map_or("", |(_, body)| body);
        Ok((status, body.trim().to_owned()))
    }

    pub(crate) async fn get(&self, path: &str) -> Option<String> {
        let (status, body) =
            self.try_get(path).await.unwrap_or_else(|error| panic!("{}: {error}", self.name));
        (status == 200).then_some(body)
    }

    /// How many milliseconds it takes to ask `to`; none where that does not answer within 3 s.
    pub(crate) async fn ask(&self, to: &str) -> Option<f64> {
        self.ask_within(to, secs(3)).await
    }

    pub(crate) async fn ask_within(&self, to: &str, within: Duration) -> Option<f64> {
        let body = self.get(&format!("/ask?to={to}&within={}", within.as_millis())).await?;
        Some(body.parse().unwrap())
    }

    /// The shortest of several: whatever else the machine does makes them longer.
    pub(crate) async fn asks(&self, to: &str) -> f64 {
        let mut shortest = f64::INFINITY;
        for _ in 0..20 {
            let took = self.ask(to).await.unwrap_or_else(|| panic!("{} does not reach {to}", self.name));
            shortest = shortest.min(took);
        }
        shortest
    }

    /// Waits until it reaches `to`.
    pub(crate) async fn reaches(&self, to: &str) {
        let begun = Instant::now();
        while self.ask(to).await.is_none() {
            assert!(begun.elapsed() < secs(60), "{} does not reach {to}", self.name);
            Clock::real().sleep(ms(100)).await;
        }
    }
}
