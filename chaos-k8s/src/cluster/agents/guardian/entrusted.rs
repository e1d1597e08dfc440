//! [`Entrusted`]: an undo that a guardian pod can be given.

use chaos_core::ledger::RunId;
use chaos_core::{Result, Undo};
use serde::{Deserialize, Serialize};

use super::grant::Named;
use crate::cluster::Cluster;
use crate::cluster::api::Kind;
use crate::cluster::mark::{Field, Release};
use crate::cluster::nodes::Drained;
use crate::cluster::pods::Rejoin;
use crate::cluster::rights::Right;

/// An undo that a guardian pod can be given: of a fault that changes an object, and marks it. It is made of the undo itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entrusted(Kept);

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kept {
    Release(Release),
    Rejoin(Rejoin),
    Drained(Drained),
}

impl From<Release> for Entrusted {
    fn from(undo: Release) -> Self {
        Self(Kept::Release(undo))
    }
}

impl From<Rejoin> for Entrusted {
    fn from(undo: Rejoin) -> Self {
        Self(Kept::Rejoin(undo))
    }
}

impl From<Drained> for Entrusted {
    fn from(undo: Drained) -> Self {
        Self(Kept::Drained(undo))
    }
}

impl Entrusted {
    /// What holds the mark.
    pub(super) fn marked(&self) -> &Release {
        match &self.0 {
            Kept::Release(undo) => undo,
            Kept::Rejoin(undo) => &undo.pod,
            Kept::Drained(undo) => &undo.cordon,
        }
    }

    pub(super) fn claim(&self) -> RunId {
        self.marked().claim.id
    }

    /// What it takes from the API server, on which objects.
    pub(super) fn needs(&self) -> Vec<Named> {
        let Release { object, claim, .. } = self.marked();
        let on = |right: Right, name: &str| Named { right, name: name.to_owned() };
        let of = |verb| Right::new(verb, object.kind, object.namespace());
        let mut needs = vec![on(of("get"), &object.name), on(of("patch"), &object.name)];
        if claim.wants.contains_key(&Field::Replicas) {
            needs.push(on(of("patch").on("scale"), &object.name));
        }
        if let Kept::Rejoin(undo) = &self.0 {
            let policy = undo.policy_name();
            for verb in ["get", "delete"] {
                needs.push(on(Right::new(verb, Kind::NETWORK_POLICY, object.namespace()), &policy));
            }
        }
        needs
    }

    pub(super) async fn revert(&self, cluster: &Cluster) -> Result<()> {
        match &self.0 {
            Kept::Release(undo) => undo.revert(cluster).await,
            Kept::Rejoin(undo) => undo.revert(cluster).await,
            Kept::Drained(undo) => undo.revert(cluster).await,
        }
    }

    pub(super) async fn is_gone(&self, cluster: &Cluster) -> Result<bool> {
        match &self.0 {
            Kept::Release(undo) => undo.is_gone(cluster).await,
            Kept::Rejoin(undo) => undo.is_gone(cluster).await,
            Kept::Drained(undo) => undo.is_gone(cluster).await,
        }
    }
}
