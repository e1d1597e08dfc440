//! [`scale_to`]: another number of replicas, and back.

use chaos_core::{Approved, Error, Fault, Observed, Owner, Plan, Result, Target};
use serde_json::{Value, json};

use super::{autoscaler, place};
use crate::cluster::api::Kind;
use crate::cluster::mark::{Field, Fields, Release};
use crate::cluster::rights::{Needs, Place, Rights};
use crate::cluster::{Cluster, Workload, WorkloadKind};

/// Gives the workload `replicas` replicas, through its `scale` subresource, and back.
///
/// Where an autoscaler scales it, the plan is refused: it would take the fault back, or the undo would fight it. See
/// [`despite_autoscaler`](Scale::despite_autoscaler). A replica number that somebody else sets while the fault is in
/// force stays.
///
/// ```no_run
/// # async fn example(chaos: chaos_core::Chaos, cluster: chaos_k8s::Cluster) -> chaos_core::Result<()> {
/// use chaos_core::{BlastRadius, Fault, Ledger, Mode};
/// use chaos_k8s::cluster::{WorkloadKind, workloads};
/// let cart = cluster.workloads(WorkloadKind::Deployment).in_namespace("shop").named("cart");
/// let ledger = Ledger::open("/var/lib/chaos", cluster.undos()?)?;
/// let scaled = workloads::scale_to(1).on(cart, Mode::ALL);
/// let scaled = chaos.inject(scaled, BlastRadius::count(1)?).ledger(ledger).begin().await?;
/// scaled.revert().await?;
/// # Ok(())
/// # }
/// ```
pub fn scale_to(replicas: u32) -> Scale {
    Scale { replicas, despite_autoscaler: false }
}

/// See [`scale_to`].
#[derive(Debug, Clone)]
#[must_use = "a fault does nothing until it is injected"]
pub struct Scale {
    replicas: u32,
    despite_autoscaler: bool,
}

impl Scale {
    /// Also where an autoscaler scales the workload. One with zero replicas is left alone by its autoscaler; any other
    /// number it may change at once, and the report says so.
    pub fn despite_autoscaler(mut self) -> Self {
        self.despite_autoscaler = true;
        self
    }
}

impl Needs for Scale {
    fn needs(&self, place: Place<'_>) -> Rights {
        let mut rights =
            Rights::from_iter([place.right("get"), place.right("patch"), place.right("patch").on("scale")]);
        rights.insert(place.right_on("list", Kind::AUTOSCALER));
        rights
    }
}

impl Fault for Scale {
    type Target = Workload;
    type Undo = Release;

    fn describe(&self) -> String {
        format!("scale to {}", self.replicas)
    }

    fn via<'a>(&'a self, workload: &'a Workload) -> &'a Cluster {
        workload.cluster()
    }

    async fn prepare(&self, workload: &Workload) -> Result<Plan<Release>> {
        if matches!(workload.kind(), WorkloadKind::DaemonSet | WorkloadKind::Job | WorkloadKind::CronJob) {
            return Err(Error::invalid(format!("a {} has no number of replicas", workload.kind())));
        }
        workload.cluster().require(&self.needs(place(workload))).await?;
        let autoscaler = autoscaler::of(workload).await?;
        if let (Some(autoscaler), false) = (&autoscaler, self.despite_autoscaler) {
            return Err(Error::refused(format!(
                "autoscaler {autoscaler} scales {}: say `despite_autoscaler` to scale it all the same",
                workload.name()
            )));
        }
        let wants = Fields::from([(Field::Replicas, json!(self.replicas))]);
        let (now, undo) =
            Release::plan(workload.cluster(), workload.object(), "workloads::scale_to", wants).await?;
        if let Some(owner) = now.pointer("/metadata/ownerReferences/0") {
            return Err(Error::refused(format!(
                "{} belongs to {} {}: scale that",
                workload.name(),
                owner["kind"].as_str().unwrap_or("something"),
                owner["name"].as_str().unwrap_or_default()
            )));
        }
        let mut change = format!("{} replicas become {}", undo.found[&Field::Replicas], self.replicas);
        match autoscaler {
            Some(name) if self.replicas == 0 => {
                change.push_str(&format!("; autoscaler {name} leaves a workload without replicas alone"));
            }
            Some(name) => change.push_str(&format!("; autoscaler {name} may change that at once")),
            None => {}
        }
        Ok(Plan::reversible(change, undo).owned_by(Owner::Sweep))
    }

    async fn inject(&self, workload: &Approved<Workload>, undo: &Release) -> Result<()> {
        undo.take(workload.cluster(), workload.lasting()).await
    }

    async fn extend(&self, workload: &Approved<Workload>, undo: &Release) -> Result<()> {
        undo.extend(workload.cluster(), workload.lasting()).await
    }

    async fn observe(&self, workload: &Workload, undo: &Release) -> Result<Observed> {
        let detail = |now: &Value| {
            let there = now.pointer("/status/replicas").and_then(Value::as_u64).unwrap_or(0);
            format!("{} replicas are asked for, {there} are there", self.replicas)
        };
        undo.observe(workload.cluster(), detail).await
    }
}
