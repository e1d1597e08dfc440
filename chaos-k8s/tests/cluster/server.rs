//! [`Server`]: an API server, in memory or real, that tests speak to in the same words.

use std::future::Future;

use chaos_core::Clock;
use chaos_core::ledger::RunId;
use chaos_core::units::ms;
use chaos_k8s::Cluster;
use chaos_k8s::cluster::kube::config::{KubeConfigOptions, Kubeconfig};
use chaos_k8s::cluster::kube::{Client, Config};
use chaos_k8s::cluster::rights::{Rights, Subject};
use chaos_k8s::cluster::testing::FakeApi;
use http::Method;
use serde_json::{Value, json};

use crate::support::need::kubeconfig;

/// An API server, with a namespace and names that belong to one test.
#[derive(Clone)]
pub(crate) struct Server {
    pub(crate) client: Client,
    pub(crate) namespace: String,
    mark: String,
}

/// An answer: its code and its body.
pub(crate) type Answer = (u16, Value);

pub(crate) const MERGE: &str = "application/merge-patch+json";
pub(crate) const OPERATIONS: &str = "application/json-patch+json";

impl Server {
    async fn new(client: Client) -> Self {
        let mark = RunId::fresh().to_string();
        let server = Self { client, namespace: format!("test-{mark}"), mark };
        let namespace =
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": server.namespace}});
        server.create(namespace).await;
        server
    }

    /// In memory.
    pub(crate) async fn fake() -> Self {
        Self::new(FakeApi::new().client()).await
    }

    /// The one that is there for tests.
    pub(crate) async fn real() -> Self {
        Self::new(Client::try_from(config().await).unwrap()).await
    }

    /// The same as somebody else, whom nothing is allowed yet.
    pub(crate) async fn as_user(&self, user: &str) -> Cluster {
        let mut config = config().await;
        config.auth_info.impersonate = Some(user.to_owned());
        Cluster::new(Client::try_from(config).unwrap())
    }

    pub(crate) fn cluster(&self) -> Cluster {
        Cluster::new(self.client.clone())
    }

    /// A name that no other test has, for what lies in no namespace.
    pub(crate) fn name(&self, name: &str) -> String {
        format!("{name}-{}", self.mark)
    }

    pub(crate) fn path(&self, object: &Value) -> String {
        let plural = match object["kind"].as_str().unwrap() {
            "NetworkPolicy" => "networkpolicies".to_owned(),
            kind => format!("{}s", kind.to_ascii_lowercase()),
        };
        let root = if object["apiVersion"] == "v1" { "api" } else { "apis" };
        let namespace = match object["metadata"]["namespace"].as_str() {
            Some(namespace) => format!("namespaces/{namespace}/"),
            None => String::new(),
        };
        format!("/{root}/{}/{namespace}{plural}", object["apiVersion"].as_str().unwrap())
    }

    pub(crate) async fn send(&self, method: Method, path: &str, content_type: &str, body: &str) -> Answer {
        let request = http::Request::builder().method(method).uri(path).header("content-type", content_type);
        let request = request.body(body.as_bytes().to_vec().into()).unwrap();
        let response = self.client.send(request).await.unwrap();
        let code = response.status().as_u16();
        let body = response.into_body().collect_bytes().await.unwrap();
        (code, serde_json::from_slice(&body).unwrap_or_default())
    }

    pub(crate) async fn ask(&self, path: &str) -> Answer {
        self.send(Method::GET, path, "application/json", "").await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(Method::POST, path, "application/json", &body.to_string()).await
    }

    pub(crate) async fn patch(&self, path: &str, content_type: &str, body: &Value) -> Answer {
        self.send(Method::PATCH, path, content_type, &body.to_string()).await
    }

    pub(crate) async fn delete(&self, path: &str, options: &Value) -> Answer {
        self.send(Method::DELETE, path, "application/json", &options.to_string()).await
    }

    /// Makes the object with its status, and returns it as it is kept.
    pub(crate) async fn create(&self, object: Value) -> Value {
        let path = self.path(&object);
        let (code, made) = self.post(&path, &object).await;
        assert_eq!(code, 201, "{object}: {made}");
        let Some(status) = object.get("status") else { return made };
        let path = format!("{path}/{}/status", object["metadata"]["name"].as_str().unwrap());
        let (code, made) = self.patch(&path, MERGE, &json!({"status": status})).await;
        assert_eq!(code, 200, "{object}: {made}");
        made
    }

    /// The object as it is now, without what the server writes by itself.
    pub(crate) async fn bare(&self, path: &str) -> Option<Value> {
        let (code, mut object) = self.ask(path).await;
        if code == 404 {
            return None;
        }
        assert_eq!(code, 200, "{path}: {object}");
        let meta = object["metadata"].as_object_mut().unwrap();
        for made in ["resourceVersion", "generation", "uid", "creationTimestamp", "managedFields"] {
            meta.remove(made);
        }
        Some(object)
    }
}

async fn config() -> Config {
    let path = kubeconfig().unwrap();
    let config = Kubeconfig::read_from(path).unwrap();
    Config::from_custom_kubeconfig(config, &KubeConfigOptions::default()).await.unwrap()
}

/// Runs `test` in real time, on a real server.
pub(crate) fn really(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .unwrap()
        .block_on(test);
}

/// As `kubectl apply -f -` does it, for objects that are not there yet.
async fn apply(server: &Server, manifest: &str) {
    for document in manifest.split("---\n").filter(|document| !document.trim().is_empty()) {
        let field = |name: &str| {
            let line = document.lines().find(|line| line.starts_with(name)).unwrap();
            line.split_once(": ").unwrap().1.trim_matches('"').to_owned()
        };
        let namespace = match field("kind").starts_with("Cluster") {
            true => String::new(),
            false => format!("namespaces/{}/", field("  namespace:")),
        };
        let plural = format!("{}s", field("kind").to_ascii_lowercase());
        let path = format!("/apis/rbac.authorization.k8s.io/v1/{namespace}{plural}");
        let (code, answer) = server.send(Method::POST, &path, "application/yaml", document).await;
        assert_eq!(code, 201, "{document}: {answer}");
    }
}

/// A user to whom these rights are given, and nothing else.
pub(crate) async fn user(server: &Server, name: &str, rights: &Rights) -> Cluster {
    let name = server.name(name);
    apply(server, &rights.manifest(&name, &Subject::user(name.clone()).unwrap()).unwrap()).await;
    // The server hears of roles a moment later. What it said is believed for a while: each try is a handle of its own.
    for _ in 0..100 {
        let cluster = server.as_user(&name).await;
        if cluster.lacks(rights).await.unwrap().is_empty() {
            return cluster;
        }
        Clock::real().sleep(ms(50)).await;
    }
    panic!("{rights} are not given");
}
