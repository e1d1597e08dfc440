//! A controller of a fault that a sweep alone takes back dies at each of its requests that change something.

use std::path::Path;

use chaos_core::{Fault, Owner, Select, ledger};
use chaos_k8s::cluster::{WorkloadKind, pods, workloads};
use serde_json::{Value, json};

use super::death::Death;
use super::life::{Life, SERVICE, Wanted};
use super::said::Said;
use crate::scene::{Scene, all, until};
use crate::server::really;

/// From where a sweep takes what to put back.
#[derive(Debug, Clone, Copy)]
enum By {
    Ledger,
    Marks,
}

pub(super) fn a_scale() {
    at_each_request(Wanted::Scale);
}

pub(super) fn a_leave() {
    at_each_request(Wanted::Leave);
}

fn at_each_request(fault: Wanted) {
    really(async {
        let scene = Scene::new().await;
        scene.service(SERVICE, 80).await;
        let target = Target::new(&scene, fault, "whole").await;
        assert_eq!(owner(&scene, &target).await, Owner::Sweep, "the plan names who takes it back");
        let home = tempfile::tempdir().unwrap();
        let life = |target: &Target, death, dir: &str| Life {
            ledger: Some(home.path().join(dir)),
            ..Life::new(fault, scene.namespace(), &target.name, death)
        };
        let requests = Said::by_one_alone(life(&target, None, "whole")).await.unwrap().requests();
        let deaths = Death::at_each(requests + 1);
        let deaths = deaths.into_iter().flat_map(|death| [(death, By::Ledger), (death, By::Marks)]);
        let (here, life) = (&scene, &life);
        let lives = deaths.enumerate().map(|(number, (death, by))| async move {
            let name = format!("{SERVICE}-{number}");
            let target = Target::new(here, fault, &name).await;
            one(here, life(&target, Some(death), &name), &target, by).await
        });
        let came: Vec<bool> = all(lives).await.into_iter().flatten().collect();
        println!(
            "{fault:?}, without a guardian pod: {} deaths of the controller at {requests} requests; changed until a sweep after {}",
            came.len(),
            came.iter().filter(|is_changed| **is_changed).count()
        );
        scene.over().await;
    });
}

/// Whether it was changed until it was swept; none where its controller did not die.
async fn one(scene: &Scene, life: Life, target: &Target, by: By) -> Option<bool> {
    let (death, dir) = (life.death.unwrap(), life.ledger.clone().unwrap());
    let said = Said::by_one_alone(life).await.unwrap();
    if !said.has_died() {
        return None;
    }
    let is_changed = target.is_changed(scene).await;
    let marks = async || {
        let swept = scene.server.cluster().sweep().of_run(said.run().parse().unwrap()).await.unwrap();
        assert!(swept.is_clean(), "{death}, {by:?}: {swept}");
    };
    match by {
        By::Ledger => sweep(scene, &dir).await,
        By::Marks => marks().await,
    }
    assert_eq!(target.object(scene).await, target.found, "{death}, {by:?}: {said}");
    // The other finds nothing to do, or does no harm.
    match by {
        By::Ledger => marks().await,
        By::Marks => sweep(scene, &dir).await,
    }
    assert_eq!(target.object(scene).await, target.found, "{death}, after both sweeps");
    Some(is_changed)
}

async fn sweep(scene: &Scene, dir: &Path) {
    let swept = ledger::sweep(dir, &scene.server.cluster().undos().unwrap()).await.unwrap();
    assert!(swept.is_clean() && swept.live().is_empty(), "{swept}");
}

async fn owner(scene: &Scene, target: &Target) -> Owner {
    match target.fault {
        Wanted::Scale => {
            let workloads = scene.cluster.workloads(WorkloadKind::Deployment);
            let found = workloads.in_namespace(scene.namespace()).named(&target.name).select().await.unwrap();
            workloads::scale_to(0).prepare(&found[0]).await.unwrap().owner()
        }
        _ => {
            let found = scene.cluster.pods().pod(scene.namespace(), &target.name).select().await.unwrap();
            let service = scene.cluster.service(scene.namespace(), SERVICE);
            pods::leave_service(service).prepare(&found[0]).await.unwrap().owner()
        }
    }
}

/// What is changed, and how it was found.
struct Target {
    fault: Wanted,
    name: String,
    path: String,
    found: Value,
}

impl Target {
    async fn new(scene: &Scene, fault: Wanted, name: &str) -> Self {
        let labels = json!({"app": SERVICE, "one": name});
        let meta = json!({"name": name, "namespace": scene.namespace(), "labels": labels});
        let spec = json!({
            "nodeSelector": {"kubernetes.io/hostname": "nowhere"},
            "containers": [{"name": "web", "image": "localhost/shop:1"}],
        });
        let template = json!({"metadata": {"labels": labels}, "spec": spec});
        let object = match fault {
            Wanted::Scale => json!({
                "apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta,
                "spec": {"replicas": 1, "selector": {"matchLabels": labels}, "template": template},
            }),
            _ => json!({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}),
        };
        let path = format!("{}/{name}", scene.server.path(&object));
        scene.server.create(object).await;
        let is_settled = async || {
            // A deployment is counted for the first time.
            fault != Wanted::Scale || scene.server.ask(&path).await.1["status"]["unavailableReplicas"] == 1
        };
        until(&is_settled).await;
        let mut target = Self { fault, name: name.to_owned(), path, found: Value::Null };
        target.found = target.object(scene).await;
        target
    }

    /// What of it a fault changes, its marks included.
    async fn object(&self, scene: &Scene) -> Value {
        let (_, object) = scene.server.ask(&self.path).await;
        let mut marks = object["metadata"]["annotations"].as_object().cloned().unwrap_or_default();
        marks.retain(|name, _| name.starts_with("chaos-sdk.dev/"));
        json!({"labels": object["metadata"]["labels"], "replicas": object["spec"]["replicas"], "marks": marks})
    }

    /// Whether somebody who uses it sees the fault.
    async fn is_changed(&self, scene: &Scene) -> bool {
        let now = self.object(scene).await;
        now["replicas"] != self.found["replicas"] || now["labels"]["app"] != self.found["labels"]["app"]
    }
}
