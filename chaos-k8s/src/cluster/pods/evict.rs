//! [`evict`]: asks for a pod's eviction.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chaos_core::{Approved, Fault, NoUndo, Observed, Plan, Result, Target};
use serde_json::Value;

use super::{grace_seconds, grace_text, look_for_end, place, successor};
use crate::cluster::Pod;
use crate::cluster::api::Request;
use crate::cluster::rights::{Needs, Place, Rights};

/// Asks the API server to evict the pod, as a drain does. A disruption budget that says no is heeded: the pod stays, the
/// fault is not in force at it, and the report says which budget. It is never forced.
///
/// It cannot be undone. Only the pod that was selected is evicted, by its UID.
///
/// ```no_run
/// # async fn example(chaos: chaos_core::Chaos, cluster: chaos_k8s::Cluster) -> chaos_core::Result<()> {
/// use chaos_core::{BlastRadius, Fault, Mode};
/// use chaos_k8s::cluster::pods;
/// let carts = cluster.pods().in_namespace("shop").label("app", "cart")?;
/// chaos.inject(pods::evict().on(carts, Mode::fixed(2)?), BlastRadius::count(2)?).begin().await?;
/// # Ok(())
/// # }
/// ```
pub fn evict() -> Evict {
    Evict { grace: None, refused: Arc::default() }
}

/// See [`evict`](evict()).
#[derive(Debug, Clone)]
#[must_use = "a fault does nothing until it is injected"]
pub struct Evict {
    grace: Option<u32>,
    // By UID, what a budget said. The world does not tell: a pod that a budget keeps looks like any other.
    refused: Arc<Mutex<HashMap<String, String>>>,
}

impl Evict {
    /// Another grace period than the pod's own.
    ///
    /// # Errors
    /// Not whole seconds, or more than an hour.
    pub fn grace(mut self, grace: Duration) -> Result<Self> {
        self.grace = Some(grace_seconds(grace)?);
        Ok(self)
    }
}

impl Needs for Evict {
    fn needs(&self, place: Place<'_>) -> Rights {
        Rights::from_iter([place.right("get"), place.right("create").on("eviction")])
    }
}

impl Fault for Evict {
    type Target = Pod;
    type Undo = NoUndo;

    fn describe(&self) -> String {
        format!("evict with {}", grace_text(self.grace))
    }

    fn via<'a>(&'a self, _: &'a Pod) -> &'a () {
        &()
    }

    async fn prepare(&self, pod: &Pod) -> Result<Plan<NoUndo>> {
        pod.cluster().require(&self.needs(place(pod))).await?;
        Ok(Plan::irreversible(format!(
            "asks for its eviction with {}, which a disruption budget may refuse; {}",
            grace_text(self.grace),
            successor(pod)
        )))
    }

    async fn inject(&self, pod: &Approved<Pod>, _: &NoUndo) -> Result<()> {
        let evicted: Result<Value, _> =
            pod.cluster().api().send(Request::evict(&pod.object(), self.grace)).await;
        let Err(trouble) = evicted else { return Ok(()) };
        if let Some(budget) = trouble.budget() {
            self.refused.lock().unwrap_or_else(PoisonError::into_inner).insert(pod.id(), budget);
            return Ok(());
        }
        if trouble.is_not_found() || trouble.is_conflict() { Ok(()) } else { Err(trouble.into()) }
    }

    async fn observe(&self, pod: &Pod, _: &NoUndo) -> Result<Observed> {
        if let Some(end) = look_for_end(pod).await? {
            return Ok(Observed::in_force(end));
        }
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(Observed::absent(match refused.get(&pod.id()) {
            Some(budget) => format!("it was not evicted: {budget}"),
            None => "it is still there".to_owned(),
        }))
    }
}
