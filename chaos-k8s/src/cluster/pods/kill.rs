//! [`kill`]: deletes a pod.

use std::time::Duration;

use chaos_core::{Approved, Fault, NoUndo, Observed, Plan, Result};
use serde_json::Value;

use super::{grace_seconds, grace_text, look_for_end, place, successor};
use crate::cluster::Pod;
use crate::cluster::api::Request;
use crate::cluster::rights::{Needs, Place, Rights};

/// Deletes the pod, as `kubectl delete pod` does: its own grace period, then SIGKILL. No disruption budget is asked; for
/// that there is [`evict`](super::evict()).
///
/// It cannot be undone: what made the pod makes another, which is another pod. Only the pod that was selected is deleted,
/// by its UID: one that has its name by then is left alone.
///
/// ```no_run
/// # async fn example(chaos: chaos_core::Chaos, cluster: chaos_k8s::Cluster) -> chaos_core::Result<()> {
/// use chaos_core::{BlastRadius, Fault, Mode, units::secs};
/// use chaos_k8s::cluster::pods;
/// let carts = cluster.pods().in_namespace("shop").label("app", "cart")?;
/// let killed = pods::kill().grace(secs(0))?.on(carts, Mode::ONE);
/// chaos.inject(killed, BlastRadius::count(1)?).begin().await?;
/// # Ok(())
/// # }
/// ```
pub fn kill() -> Kill {
    Kill { grace: None }
}

/// See [`kill`](kill()).
#[derive(Debug, Clone)]
#[must_use = "a fault does nothing until it is injected"]
pub struct Kill {
    grace: Option<u32>,
}

impl Kill {
    /// Another grace period than the pod's own; zero deletes the pod at once and leaves its processes to the kubelet.
    ///
    /// # Errors
    /// Not whole seconds, or more than an hour.
    pub fn grace(mut self, grace: Duration) -> Result<Self> {
        self.grace = Some(grace_seconds(grace)?);
        Ok(self)
    }
}

impl Needs for Kill {
    fn needs(&self, place: Place<'_>) -> Rights {
        Rights::from_iter([place.right("get"), place.right("delete")])
    }
}

impl Fault for Kill {
    type Target = Pod;
    type Undo = NoUndo;

    fn describe(&self) -> String {
        format!("kill with {}", grace_text(self.grace))
    }

    fn via<'a>(&'a self, _: &'a Pod) -> &'a () {
        &()
    }

    async fn prepare(&self, pod: &Pod) -> Result<Plan<NoUndo>> {
        pod.cluster().require(&self.needs(place(pod))).await?;
        Ok(Plan::irreversible(format!("deletes it with {}; {}", grace_text(self.grace), successor(pod))))
    }

    async fn inject(&self, pod: &Approved<Pod>, _: &NoUndo) -> Result<()> {
        let deleted: Result<Value, _> =
            pod.cluster().api().send(Request::delete(&pod.object(), self.grace)).await;
        match deleted {
            // Gone by itself, or another has its name: nothing is left to delete.
            Err(trouble) if trouble.is_not_found() || trouble.is_conflict() => Ok(()),
            Err(trouble) => Err(trouble.into()),
            Ok(_) => Ok(()),
        }
    }

    async fn observe(&self, pod: &Pod, _: &NoUndo) -> Result<Observed> {
        Ok(match look_for_end(pod).await? {
            Some(end) => Observed::in_force(end),
            None => Observed::absent("it is still there"),
        })
    }
}
