//! [`drain`]: a cordon, and every pod asked to go.

mod pods;
mod task;

use std::time::Duration;

use chaos_core::units::secs;
use chaos_core::{Approved, Error, Fault, Observed, Owner, Plan, Result, Target, Undo};
use serde::{Deserialize, Serialize};

use super::{PLACE, cordon};
use crate::cluster::api::Kind;
use crate::cluster::mark::Release;
use crate::cluster::rights::{Needs, Place, Right, Rights};
use crate::cluster::{Cluster, ClusterNode};

pub(crate) use task::Drains;

/// How long the inject waits for the first round of evictions.
const FIRST_ROUND: Duration = secs(15);

/// Drains the node, as `kubectl drain` does: it is cordoned, then its pods are evicted. Disruption budgets are heeded;
/// what they keep is asked again until [`within`](Drain::within) is over, then left and reported, never forced.
///
/// Pods of daemon sets, pods that a kubelet made from a file, pods that have ended and our own agents stay. A pod that
/// nothing would make anew, or that has data in an `emptyDir`, refuses the drain, unless
/// [`also_unmanaged`](Drain::also_unmanaged) and [`also_local_data`](Drain::also_local_data) say otherwise.
///
/// The undo uncordons the node, if this cordoned it, and stops evicting. Pods that went do not come back by themselves.
/// The cap counts nodes; the plan says how many pods go with each.
///
/// ```no_run
/// # async fn example(chaos: chaos_core::Chaos, cluster: chaos_k8s::Cluster) -> chaos_core::Result<()> {
/// use chaos_core::{BlastRadius, Fault, Ledger, Mode, units::secs};
/// use chaos_k8s::cluster::nodes;
/// let workers = cluster.nodes().label("role", "worker")?;
/// let ledger = Ledger::open("/var/lib/chaos", cluster.undos()?)?;
/// let drain = nodes::drain().within(secs(120))?.on(workers, Mode::ONE);
/// let drained = chaos.inject(drain, BlastRadius::count(1)?).ledger(ledger).begin().await?;
/// drained.revert().await?;
/// # Ok(())
/// # }
/// ```
pub fn drain() -> Drain {
    Drain { within: secs(300), unmanaged: false, local_data: false }
}

/// See [`drain`](drain()).
#[derive(Debug, Clone)]
#[must_use = "a fault does nothing until it is injected"]
pub struct Drain {
    within: Duration,
    unmanaged: bool,
    local_data: bool,
}

impl Drain {
    /// How long pods are asked to go; five minutes unless said otherwise.
    ///
    /// # Errors
    /// Less than a second, or more than a day.
    pub fn within(mut self, bound: Duration) -> Result<Self> {
        if !(secs(1)..=secs(86_400)).contains(&bound) {
            return Err(Error::invalid(format!("a drain within {bound:?} is not in 1s..=1day")));
        }
        self.within = bound;
        Ok(self)
    }

    /// Also pods without a controller: nothing makes them anew.
    pub fn also_unmanaged(mut self) -> Self {
        self.unmanaged = true;
        self
    }

    /// Also pods with data in an `emptyDir`: it is lost.
    pub fn also_local_data(mut self) -> Self {
        self.local_data = true;
        self
    }
}

impl Needs for Drain {
    fn needs(&self, place: Place<'_>) -> Rights {
        let pods =
            [Right::new("list", Kind::POD, None), Right::new("create", Kind::POD, None).on("eviction")];
        [place.right("get"), place.right("patch")].into_iter().chain(pods).collect()
    }
}

/// The undo of [`drain`](drain()): no more evictions, and the node takes pods again if the drain had cordoned it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Drained {
    pub(crate) cordon: Release,
}

impl Undo for Drained {
    const KIND: &'static str = "chaos-k8s/cluster-drained/1";
    type Via = Cluster;

    async fn revert(&self, cluster: &Cluster) -> Result<()> {
        // Where another process drains, its evictions end with it.
        cluster.drains().stop(self.cordon.claim.id);
        self.cordon.revert(cluster).await
    }

    async fn is_gone(&self, cluster: &Cluster) -> Result<bool> {
        Ok(!cluster.drains().is_going(self.cordon.claim.id) && self.cordon.is_gone(cluster).await?)
    }
}

impl Fault for Drain {
    type Target = ClusterNode;
    type Undo = Drained;

    fn describe(&self) -> String {
        format!("drain within {}", chaos_core::units::duration::brief(self.within))
    }

    fn via<'a>(&'a self, node: &'a ClusterNode) -> &'a Cluster {
        node.cluster()
    }

    async fn prepare(&self, node: &ClusterNode) -> Result<Plan<Drained>> {
        node.cluster().require(&self.needs(PLACE)).await?;
        let going = pods::on(node).await?;
        if let Some(pod) = going.iter().find(|pod| pod.is_unmanaged && !self.unmanaged) {
            return Err(Error::refused(format!(
                "nothing makes pod {} anew: say `also_unmanaged` to drain node {} all the same",
                pod.object,
                node.name()
            )));
        }
        if let Some(pod) = going.iter().find(|pod| pod.has_local_data && !self.local_data) {
            return Err(Error::refused(format!(
                "pod {} has data on node {} that would be lost: say `also_local_data` to drain it all the same",
                pod.object,
                node.name()
            )));
        }
        let (cordoned, cordon) = cordon::plan(node, "nodes::drain").await?;
        let undo = Drained { cordon };
        let change = format!("{cordoned}; {} of its pods are asked to go, for good", going.len());
        Ok(Plan::reversible(change, undo).owned_by(Owner::Sweep))
    }

    async fn inject(&self, node: &Approved<ClusterNode>, undo: &Drained) -> Result<()> {
        undo.cordon.take(node.cluster(), node.lasting()).await?;
        let first_round = task::start(node, undo.cordon.claim.id, self.within);
        // Longer than that, it goes on behind us, and the looks say how far it is.
        let _ = node.cluster().api().clock().timeout(FIRST_ROUND, first_round).await;
        Ok(())
    }

    async fn extend(&self, node: &Approved<ClusterNode>, undo: &Drained) -> Result<()> {
        undo.cordon.extend(node.cluster(), node.lasting()).await
    }

    async fn observe(&self, node: &ClusterNode, undo: &Drained) -> Result<Observed> {
        let progress = node.cluster().drains().progress(undo.cordon.claim.id);
        let progress =
            progress.unwrap_or_else(|| "another process asks, or asked, its pods to go".to_owned());
        undo.cordon.observe(node.cluster(), |_| format!("it is unschedulable; {progress}")).await
    }
}
