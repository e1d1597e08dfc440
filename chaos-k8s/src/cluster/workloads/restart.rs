//! [`restart`]: a rollout of what is there.

use chaos_core::ledger::RunId;
use chaos_core::{Approved, Error, Fault, NoUndo, Observed, Plan, Result, Target};
use serde_json::{Value, json};

use super::place;
use crate::cluster::mark::Grip;
use crate::cluster::rights::{Needs, Place, Rights};
use crate::cluster::{Workload, WorkloadKind};

/// On the template of pods that were restarted, with what restarted them.
const RESTARTED: &str = "chaos-sdk.dev/restarted";

/// Restarts every pod of the workload, as `kubectl rollout restart` does: by its own strategy, some at a time.
///
/// It cannot be undone: going back would restart them again. Deployments, stateful sets and daemon sets only.
pub fn restart() -> Restart {
    Restart { id: RunId::fresh() }
}

/// See [`restart`](restart()).
#[derive(Debug, Clone)]
#[must_use = "a fault does nothing until it is injected"]
pub struct Restart {
    id: RunId,
}

impl Restart {
    fn is_done(&self, workload: &Value) -> bool {
        workload["spec"]["template"]["metadata"]["annotations"][RESTARTED] == self.id.to_string()
    }
}

impl Needs for Restart {
    fn needs(&self, place: Place<'_>) -> Rights {
        Rights::from_iter([place.right("get"), place.right("patch")])
    }
}

impl Fault for Restart {
    type Target = Workload;
    type Undo = NoUndo;

    fn describe(&self) -> String {
        "rollout restart".to_owned()
    }

    fn via<'a>(&'a self, _: &'a Workload) -> &'a () {
        &()
    }

    async fn prepare(&self, workload: &Workload) -> Result<Plan<NoUndo>> {
        use WorkloadKind::{DaemonSet, Deployment, StatefulSet};
        if !matches!(workload.kind(), Deployment | StatefulSet | DaemonSet) {
            return Err(Error::invalid(format!(
                "a {} is not rolled out: it cannot be restarted",
                workload.kind()
            )));
        }
        workload.cluster().require(&self.needs(place(workload))).await?;
        let grip = Grip { cluster: workload.cluster(), object: workload.object() };
        let Some(now) = grip.read().await? else {
            return Err(Error::refused(format!("{} is gone", workload.object())));
        };
        if now["spec"]["paused"] == true {
            return Err(Error::refused(format!(
                "the rollout of {} is paused: nothing would restart",
                workload.name()
            )));
        }
        if now["spec"]["updateStrategy"]["type"] == "OnDelete" {
            return Err(Error::refused(format!(
                "{} replaces its pods only when they are deleted: nothing would restart",
                workload.name()
            )));
        }
        Ok(Plan::irreversible("restarts each of its pods, by its own strategy"))
    }

    async fn inject(&self, workload: &Approved<Workload>, _: &NoUndo) -> Result<()> {
        let grip = Grip { cluster: workload.cluster(), object: workload.object() };
        let id = self.id.to_string();
        let mark = |_: &Value| json!({"spec": {"template": {"metadata": {"annotations": {RESTARTED: id}}}}});
        grip.patch_with(mark).await.map(drop)
    }

    async fn observe(&self, workload: &Workload, _: &NoUndo) -> Result<Observed> {
        let grip = Grip { cluster: workload.cluster(), object: workload.object() };
        let Some(now) = grip.read().await? else { return Ok(Observed::absent("it is gone")) };
        let count = |path: &str| now.pointer(path).and_then(Value::as_u64).unwrap_or(0);
        let updated = count("/status/updatedReplicas").max(count("/status/updatedNumberScheduled"));
        Ok(if self.is_done(&now) {
            Observed::in_force(format!("its rollout was asked for; {updated} pods are of it so far"))
        } else {
            Observed::absent("its rollout was not asked for")
        })
    }
}
