//! What it takes to plan faults on a large cluster: time, memory and requests, beside what the answers weigh.
//!
//! ```text
//! cargo run --release -p chaos-benches --features cluster --bin cluster_plan          # 10,000 pods
//! cargo run --release -p chaos-benches --features cluster --bin cluster_plan -- 50000
//! ```
//!
//! The API server is one in memory, in a process of its own (the same program, started again), over HTTP on the loopback:
//! so that the memory of the planner is the planner's. Its pods are as large as real ones.

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
    use std::io::{self, BufRead, BufReader, Write};
    use std::process::{Child, Command, Stdio};
    use std::time::Instant;

    use chaos_core::units::secs;
    use chaos_core::{BlastRadius, Chaos, Experiment, Fault, Ledger, Mode};
    use chaos_k8s::Cluster;
    use chaos_k8s::cluster::testing::FakeApi;
    use chaos_k8s::cluster::{Pod, WorkloadKind, kube, pods};
    use serde_json::{Value, json};

    type Result<T = ()> = std::result::Result<T, Box<dyn Error>>;

    const PODS: usize = 10_000;
    const SERVE: &str = "serve";

    pub(super) fn main() -> Result {
        let args: Vec<String> = std::env::args().skip(1).collect();
        match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            [] => measure(PODS),
            [SERVE, pods] => serve(pods.parse()?),
            [pods] => measure(pods.parse()?),
            _ => Err("say nothing, or a number of pods".into()),
        }
    }

    /// The server, and its end.
    struct Server(Child);

    impl Drop for Server {
        fn drop(&mut self) {
            // It is ours, and holds nothing.
            let _ = self.0.kill();
            let _ = self.0.wait();
        }
    }

    #[allow(clippy::disallowed_methods, reason = "the server is this program, in a process of its own")]
    fn measure(pods: usize) -> Result {
        let mut command = Command::new(std::env::current_exe()?);
        command.args([SERVE, &pods.to_string()]).stdout(Stdio::piped());
        let mut server = Server(command.spawn()?);
        let mut first = String::new();
        BufReader::new(server.0.stdout.take().ok_or("no output")?).read_line(&mut first)?;
        let (port, weight) = first.trim().split_once(' ').ok_or("the server did not start")?;
        let url: http::Uri = format!("http://127.0.0.1:{port}").parse()?;
        let mut out = io::stdout();
        writeln!(out, "{pods} pods of {weight} bytes of JSON each, in pages of 500")?;
        writeln!(out, "{:<44} {:>9} {:>9} {:>12}", "", "time", "requests", "peak memory")?;
        tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(async {
            let connect = || {
                Ok::<_, kube::Error>(Cluster::new(kube::Client::try_from(kube::Config::new(url.clone()))?))
            };
            let carts = |cluster: &Cluster| cluster.pods().in_namespace("shop").label("app", "cart");
            let all = Mode::ALL;
            report(&mut out, "kill, all of them", &connect()?, |c| Ok((pods::kill(), carts(c)?, all)))
                .await?;
            let fifty = Mode::percent(50)?;
            report(&mut out, "evict, 50 % of a deployment's", &connect()?, |c| {
                let of = c.pods().in_namespace("shop").owned_by(WorkloadKind::Deployment, "cart")?;
                Ok((pods::evict(), of, fifty))
            })
            .await?;
            let hundred = Mode::fixed(100)?;
            report(&mut out, "fail, 100 of them", &connect()?, |c| Ok((pods::fail(), carts(c)?, hundred)))
                .await?;
            report(&mut out, "fail, all of them (each is read)", &connect()?, |c| {
                Ok((pods::fail(), carts(c)?, all))
            })
            .await
        })
    }

    async fn report<F: Fault<Target = Pod>>(
        out: &mut impl Write,
        what: &str,
        cluster: &Cluster,
        make: impl FnOnce(&Cluster) -> chaos_core::Result<(F, chaos_k8s::cluster::Pods, Mode)>,
    ) -> Result {
        let (fault, targets, mode) = make(cluster)?;
        let begun = Instant::now();
        let plan = Experiment::new(&Chaos::seeded(7), what)
            .fault(fault.on(targets, mode))
            .blast_radius(BlastRadius::percent(100)?)
            .lasting(secs(60))
            .ledger(Ledger::in_memory(cluster.undos()?))
            .plan()
            .await?;
        if let Some(refusal) = plan.refusal() {
            return Err(refusal.to_owned().into());
        }
        let took = begun.elapsed();
        let targets = plan.targets().count();
        let what = format!("{what}: {targets}");
        writeln!(
            out,
            "{what:<44} {:>7.2} s {:>9} {:>8} MiB",
            took.as_secs_f64(),
            cluster.requests(),
            peak()?
        )?;
        Ok(())
    }

    /// The most memory this process had at once so far, in MiB: VmHWM of proc_pid_status(5).
    fn peak() -> Result<u64> {
        let status = std::fs::read_to_string("/proc/self/status")?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).ok_or("no VmHWM")?;
        Ok(line.trim().trim_end_matches(" kB").trim().parse::<u64>()? / 1024)
    }

    /// Serves so many pods on the loopback until it is killed; says where, and how large a pod is.
    fn serve(pods: usize) -> Result {
        tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
            let api = FakeApi::new();
            let mut meta = json!({"name": "cart", "namespace": "shop"});
            let deployment =
                api.put(json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": {}}));
            meta["name"] = json!("cart-5d9c7b8f6d");
            meta["ownerReferences"] = json!([owner(&deployment)]);
            let set =
                api.put(json!({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta, "spec": {}}));
            let mut weight = 0;
            for n in 0..pods {
                weight = api.put(pod(&set, n)).to_string().len();
            }
            let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
            writeln!(io::stdout(), "{} {weight}", listener.local_addr()?.port())?;
            let client = api.client();
            loop {
                let (stream, _) = listener.accept().await?;
                let client = client.clone();
                let service =
                    hyper::service::service_fn(move |request: http::Request<hyper::body::Incoming>| {
                        let client = client.clone();
                        async move {
                            let (parts, body) = request.into_parts();
                            let body = http_body_util::BodyExt::collect(body).await?.to_bytes();
                            let request = http::Request::from_parts(parts, kube::client::Body::from(body));
                            client.send(request).await.map_err(Box::<dyn Error + Send + Sync>::from)
                        }
                    });
                tokio::spawn(
                    hyper::server::conn::http1::Builder::new()
                        .serve_connection(hyper_util::rt::TokioIo::new(stream), service),
                );
            }
        })
    }

    fn owner(object: &Value) -> Value {
        let meta = &object["metadata"];
        json!({"apiVersion": "apps/v1", "kind": object["kind"], "name": meta["name"], "uid": meta["uid"], "controller": true})
    }

    /// About as much as a real one weighs: managed fields, environment, probes, volumes, conditions.
    fn pod(set: &Value, n: usize) -> Value {
        let env: Vec<Value> = (0..20)
            .map(|n| json!({"name": format!("SHOP_SETTING_{n}"), "value": "a value of some length, as such values have"}))
            .collect();
        let probe =
            json!({"httpGet": {"path": "/health", "port": 8080, "scheme": "HTTP"}, "periodSeconds": 10});
        let container = |name: &str| {
            json!({
                "name": name, "image": format!("registry.example.org/shop/{name}@sha256:{:064x}", n), "env": env,
                "livenessProbe": probe, "readinessProbe": probe, "imagePullPolicy": "IfNotPresent",
                "resources": {"limits": {"cpu": "1", "memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "256Mi"}},
                "volumeMounts": [{"name": "token", "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "readOnly": true}],
            })
        };
        let conditions = ["Ready", "Initialized", "ContainersReady", "PodScheduled"].map(
            |kind| json!({"type": kind, "status": "True", "lastTransitionTime": "2026-01-01T00:00:00Z"}),
        );
        let id = format!("containerd://{:064x}", n);
        let statuses = ["web", "proxy"]
            .map(|name| json!({"name": name, "ready": true, "restartCount": 0, "containerID": id}));
        let fields: Vec<String> = (0..60).map(|n| format!("f:field-number-{n}")).collect();
        json!({
            "apiVersion": "v1", "kind": "Pod",
            "metadata": {
                "name": format!("cart-5d9c7b8f6d-{n:05}"), "namespace": "shop", "ownerReferences": [owner(set)],
                "labels": {
                    "app": "cart", "pod-template-hash": "5d9c7b8f6d", "app.kubernetes.io/name": "cart", "tier": "web",
                    "app.kubernetes.io/instance": "shop", "app.kubernetes.io/version": "1.2.3", "team": "checkout",
                },
                "annotations": {"prometheus.io/scrape": "true", "prometheus.io/port": "9090", "checksum": "0".repeat(64)},
                "managedFields": [{"manager": "kube-controller-manager", "operation": "Update", "fieldsV1": fields}],
            },
            "spec": {
                "nodeName": format!("node-{}", n % 200), "containers": [container("web"), container("proxy")],
                "volumes": [{"name": "token", "projected": {"sources": [{"serviceAccountToken": {"path": "token"}}]}}],
                "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "tolerationSeconds": 300}],
            },
            "status": {
                "phase": "Running", "podIP": "10.0.0.1", "hostIP": "192.0.2.1",
                "conditions": conditions, "containerStatuses": statuses,
            },
        })
    }
}
