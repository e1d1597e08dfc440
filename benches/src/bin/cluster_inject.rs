//! What it takes to put a fault in force at many pods of a real cluster, by one agent on each node: time, and requests for each
//! target.
//!
//! ```text
//! cargo build --release -p chaos-benches --features cluster --bin cluster_inject
//! cargo xtask agent && testbed/cluster/up --nodes 2 --image target/chaos-agent.tar
//! testbed/cluster/exec target/release/cluster_inject          # 200 pods
//! testbed/cluster/exec target/release/cluster_inject 50
//! ```
//!
//! It makes the pods, lets none of their packets out (by nf_tables alone, which every node has), asks each of them over HTTP
//! before, during and after, and takes everything away. It runs on the testbed's cluster only.

use std::error::Error;

#[cfg(target_os = "linux")]
fn main() -> Result<(), Box<dyn Error>> {
    linux::main()
}

#[cfg(not(target_os = "linux"))]
fn main() -> Result<(), Box<dyn Error>> {
    use std::io::Write;

    Ok(writeln!(std::io::stdout(), "not run: no Linux")?)
}

#[cfg(target_os = "linux")]
mod linux {
    use std::error::Error;
    use std::io::{self, Write};
    use std::time::{Duration, Instant};

    use chaos_core::units::{ms, secs};
    use chaos_core::{BlastRadius, Chaos, Clock, Experiment, Fault, Ledger, Mode};
    use chaos_k8s::Cluster;
    use chaos_k8s::cluster::agents::Delivery;
    use chaos_k8s::cluster::kube::{Client, Config};
    use chaos_k8s::node::net;
    use http::Method;
    use serde_json::{Value, json};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpStream;
    use tokio::task::JoinSet;

    type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

    const PODS: usize = 200;
    const NAMESPACE: &str = "chaos-bench";
    const AGENTS: &str = "chaos";
    const AGENT: &str = concat!("localhost/chaos-agent:", env!("CARGO_PKG_VERSION"));
    const PORT: u16 = 8080;
    /// How long the pods may take to run.
    const READY: Duration = secs(600);
    /// How long one of them may take to answer.
    const ANSWERS: Duration = secs(3);

    pub(super) fn main() -> Result {
        let pods = match std::env::args().nth(1) {
            None => PODS,
            Some(pods) => pods.parse()?,
        };
        if std::env::var_os("TESTBED_NAME").is_none() {
            return Err(
                "run it by testbed/cluster/exec: KUBECONFIG alone may name a cluster that somebody needs"
                    .into(),
            );
        }
        tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
            let api = Api(Client::try_from(Config::infer().await?)?);
            api.make(pods).await?;
            let measured = measure(&api, pods).await;
            api.send(Method::DELETE, &format!("/api/v1/namespaces/{NAMESPACE}"), &json!({})).await?;
            measured
        })
    }

    async fn measure(api: &Api, pods: usize) -> Result {
        let mut out = io::stdout();
        let addresses = api.addresses(pods).await?;
        writeln!(out, "{pods} pods; {} answer", answering(&addresses).await)?;
        writeln!(out, "{:<44} {:>9} {:>9} {:>12}", "", "time", "requests", "for a target")?;
        let cluster = Cluster::new(api.0.clone());
        let targets = || cluster.pods().in_namespace(NAMESPACE).label("app", "many");
        let cut = || {
            let agents = cluster.agents(AGENT)?.in_namespace(AGENTS)?.only_by(Delivery::NodePod);
            Ok::<_, chaos_core::Error>(agents.net(net::drop()))
        };
        let radius = || BlastRadius::percent(100);
        let chaos = Chaos::seeded(7);
        let mut row = |what: &str, took: Duration, requests: u64| {
            let each = requests as f64 / pods as f64;
            writeln!(out, "{what:<44} {:>7.2} s {requests:>9} {each:>12.2}", took.as_secs_f64())
        };

        let (begun, before) = (Instant::now(), cluster.requests());
        let plan = Experiment::new(&chaos, "many are cut off")
            .fault(cut()?.on(targets()?, Mode::ALL))
            .blast_radius(radius()?)
            .lasting(secs(120))
            .ledger(Ledger::in_memory(cluster.undos()?))
            .plan()
            .await?;
        if let Some(refusal) = plan.refusal() {
            return Err(refusal.to_owned().into());
        }
        if plan.targets().count() != pods {
            return Err(format!("{} targets are planned", plan.targets().count()).into());
        }
        row("planned", begun.elapsed(), cluster.requests() - before)?;

        let (begun, before) = (Instant::now(), cluster.requests());
        let inject = chaos.inject(cut()?.on(targets()?, Mode::ALL).lasting(secs(120)), radius()?);
        let injection = inject.ledger(Ledger::in_memory(cluster.undos()?)).begin().await?;
        row("planned, injected, seen in force", begun.elapsed(), cluster.requests() - before)?;

        let (begun, before) = (Instant::now(), cluster.requests());
        let seen = injection.observe().await;
        let in_force =
            seen.iter().filter(|(_, seen)| seen.as_ref().is_ok_and(|seen| seen.is_in_force())).count();
        row("looked at", begun.elapsed(), cluster.requests() - before)?;
        let during = answering(&addresses).await;

        let (begun, before) = (Instant::now(), cluster.requests());
        injection.revert().await?;
        row("reverted, seen gone", begun.elapsed(), cluster.requests() - before)?;
        let after = answering(&addresses).await;
        writeln!(
            io::stdout(),
            "{in_force} seen in force; {during} answer under the fault, {after} after it"
        )?;
        Ok(())
    }

    /// How many of them answer.
    async fn answering(addresses: &[String]) -> usize {
        let mut asking = JoinSet::new();
        for address in addresses {
            let address = address.clone();
            asking.spawn(async move {
                tokio::time::timeout(ANSWERS, ask(&address)).await.is_ok_and(|answer| answer.is_ok())
            });
        }
        asking.join_all().await.into_iter().filter(|answers| *answers).count()
    }

    async fn ask(address: &str) -> io::Result<()> {
        let mut stream = TcpStream::connect((address, PORT)).await?;
        stream.write_all(b"GET /health HTTP/1.1\r\nhost: pod\r\n\r\n").await?;
        let mut answer = [0; 12];
        stream.read_exact(&mut answer).await?;
        match answer.ends_with(b"200") {
            true => Ok(()),
            false => Err(io::ErrorKind::InvalidData.into()),
        }
    }

    /// The API server, for what is made and not measured.
    struct Api(Client);

    impl Api {
        async fn send(&self, method: Method, path: &str, body: &Value) -> Result<Value> {
            let request =
                http::Request::builder().method(method).uri(path).header("content-type", "application/json");
            let answer: Value = self.0.request(request.body(body.to_string().into_bytes())?).await?;
            Ok(answer)
        }

        async fn make(&self, pods: usize) -> Result {
            for name in [NAMESPACE, AGENTS] {
                let namespace = json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}});
                match self.send(Method::POST, "/api/v1/namespaces", &namespace).await {
                    Err(error) if name == AGENTS && error.to_string().contains("already exists") => {}
                    made => drop(made?),
                }
            }
            let labels = json!({"app": "many"});
            let many = json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "many", "namespace": NAMESPACE},
                "spec": {
                    "replicas": pods, "selector": {"matchLabels": labels}, "progressDeadlineSeconds": READY.as_secs(),
                    "template": {"metadata": {"labels": labels}, "spec": {
                        "terminationGracePeriodSeconds": 1, "automountServiceAccountToken": false, "enableServiceLinks": false,
                        "containers": [{
                            "name": "web", "image": "localhost/shop:1", "imagePullPolicy": "IfNotPresent",
                            "resources": {"requests": {"cpu": "1m", "memory": "4Mi"}},
                        }],
                    }},
                },
            });
            self.send(Method::POST, &format!("/apis/apps/v1/namespaces/{NAMESPACE}/deployments"), &many)
                .await?;
            Ok(())
        }

        /// Where the pods are, once all of them run.
        async fn addresses(&self, pods: usize) -> Result<Vec<String>> {
            let begun = Instant::now();
            loop {
                let found = self
                    .send(Method::GET, &format!("/api/v1/namespaces/{NAMESPACE}/pods"), &json!({}))
                    .await?;
                let ready: Vec<String> = found["items"]
                    .as_array()
                    .into_iter()
                    .flatten()
                    .filter(|pod| pod["status"]["containerStatuses"][0]["ready"] == true)
                    .filter_map(|pod| pod["status"]["podIP"].as_str().map(str::to_owned))
                    .collect();
                if ready.len() == pods {
                    return Ok(ready);
                }
                if begun.elapsed() > READY {
                    return Err(format!("{} of {pods} pods run after {READY:?}", ready.len()).into());
                }
                Clock::real().sleep(ms(500)).await;
            }
        }
    }
}
