//! [`cordon`]: a node takes no more pods.

use chaos_core::{Approved, Fault, Observed, Owner, Plan, Result};
use serde_json::json;

use super::PLACE;
use crate::cluster::mark::{Field, Fields, Release};
use crate::cluster::rights::{Needs, Place, Rights};
use crate::cluster::{Cluster, ClusterNode};

/// Makes the node unschedulable, as `kubectl cordon` does: what runs there goes on, and nothing new comes.
///
/// Only what this cordoned is uncordoned: a node that was cordoned before stays so.
pub fn cordon() -> Cordon {
    Cordon(())
}

/// See [`cordon`](cordon()).
#[derive(Debug, Clone)]
#[must_use = "a fault does nothing until it is injected"]
pub struct Cordon(());

impl Needs for Cordon {
    fn needs(&self, place: Place<'_>) -> Rights {
        Rights::from_iter([place.right("get"), place.right("patch")])
    }
}

/// What a cordon of `node` would do, for `fault`.
pub(super) async fn plan(node: &ClusterNode, fault: &str) -> Result<(String, Release)> {
    let wants = Fields::from([(Field::Unschedulable, json!(true))]);
    let (_, undo) = Release::plan(node.cluster(), &node.object(), fault, wants).await?;
    let was = undo.found[&Field::Unschedulable] == json!(true);
    let change = if was { "is cordoned already, and stays so" } else { "takes no more pods" };
    Ok((change.to_owned(), undo))
}

impl Fault for Cordon {
    type Target = ClusterNode;
    type Undo = Release;

    fn describe(&self) -> String {
        "cordon".to_owned()
    }

    fn via<'a>(&'a self, node: &'a ClusterNode) -> &'a Cluster {
        node.cluster()
    }

    async fn prepare(&self, node: &ClusterNode) -> Result<Plan<Release>> {
        node.cluster().require(&self.needs(PLACE)).await?;
        let (change, undo) = plan(node, "nodes::cordon").await?;
        Ok(Plan::reversible(change, undo).owned_by(Owner::Sweep))
    }

    async fn inject(&self, node: &Approved<ClusterNode>, undo: &Release) -> Result<()> {
        undo.take(node.cluster(), node.lasting()).await
    }

    async fn extend(&self, node: &Approved<ClusterNode>, undo: &Release) -> Result<()> {
        undo.extend(node.cluster(), node.lasting()).await
    }

    async fn observe(&self, node: &ClusterNode, undo: &Release) -> Result<Observed> {
        undo.observe(node.cluster(), |_| "it is unschedulable".to_owned()).await
    }
}
