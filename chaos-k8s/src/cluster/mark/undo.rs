//! [`Release`]: the undo of every fault that changes an object.

use std::time::Duration;

use chaos_core::ledger::RunId;
use chaos_core::{Error, Observed, Result, Undo};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::claim::Grip;
use super::field::Field;
use super::held::{Claim, Fields};
use crate::cluster::Cluster;
use crate::cluster::api::ObjectRef;

/// What a look says of a fault on an object that is there.
pub(crate) enum Look {
    InForce,
    NotHeld,
    Differs(String),
}

/// The undo of a fault that changes an object: lets go of it. The last fault that lets go puts back what the first one
/// found; what somebody else has changed meanwhile stays; an object that is gone needs nothing.
///
/// What was found stands on the object itself, shared by all faults that have hold of it. The undo carries what was seen
/// when the fault was planned, for the reader of a ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Release {
    pub(crate) object: ObjectRef,
    pub(crate) claim: Claim,
    pub(crate) found: Fields,
}

impl Release {
    /// What `fault` would do to the object: make its fields what `wants` says. Looks, and touches nothing.
    pub(crate) async fn plan(
        cluster: &Cluster,
        object: &ObjectRef,
        fault: &str,
        wants: Fields,
    ) -> Result<(Value, Self)> {
        let seen = Grip { cluster, object }.look().await?;
        let Some((now, _)) = seen else { return Err(Error::refused(format!("{object} is gone"))) };
        let found = wants.keys().map(|field| (field.clone(), field.read(&now))).collect();
        let claim = Claim {
            id: RunId::fresh(),
            run: cluster.run(),
            fault: fault.to_owned(),
            until: cluster.deadline(None)?,
            wants,
        };
        Ok((now, Self { object: object.clone(), claim, found }))
    }

    /// Makes it so, for `lasting`. An object that is gone meanwhile needs nothing: a look says so.
    pub(crate) async fn take(&self, cluster: &Cluster, lasting: Option<Duration>) -> Result<()> {
        let claim = Claim { until: cluster.deadline(lasting)?, ..self.claim.clone() };
        self.grip(cluster).take(&claim).await.map(drop)
    }

    /// It may last this long from here on.
    pub(crate) async fn extend(&self, cluster: &Cluster, lasting: Option<Duration>) -> Result<()> {
        let until = cluster.deadline(lasting)?;
        self.grip(cluster).prolong(self.claim.id, until).await
    }

    /// Whether this fault has hold of the object and its fields are what it wants; `None` where the object is gone.
    pub(crate) async fn look(&self, cluster: &Cluster) -> Result<Option<(Value, Look)>> {
        let Some((now, held)) = self.grip(cluster).look().await? else { return Ok(None) };
        let differs = |(field, wanted): &(&Field, &Value)| !field.is(&field.read(&now), wanted);
        let look = match held.claim(self.claim.id) {
            None => Look::NotHeld,
            Some(claim) => match claim.wants.iter().find(differs) {
                Some((field, _)) => Look::Differs(format!("{field} is {}", field.read(&now))),
                None => Look::InForce,
            },
        };
        Ok(Some((now, look)))
    }

    /// As [`Observed`]; `detail` says what is seen of an object that is under this fault.
    pub(crate) async fn observe(
        &self,
        cluster: &Cluster,
        detail: impl FnOnce(&Value) -> String,
    ) -> Result<Observed> {
        Ok(match self.look(cluster).await? {
            None => Observed::absent("it is gone"),
            Some((_, Look::NotHeld)) => Observed::absent("this fault has no hold of it"),
            Some((_, Look::Differs(what))) => {
                Observed::absent(format!("something else has changed it: {what}"))
            }
            Some((now, Look::InForce)) => Observed::in_force(detail(&now)),
        })
    }

    /// Lets go of the object, as the undo does.
    pub(crate) async fn let_go(&self, cluster: &Cluster) -> Result<()> {
        self.grip(cluster).release(self.claim.id).await
    }

    pub(crate) fn grip<'a>(&'a self, cluster: &'a Cluster) -> Grip<'a> {
        Grip { cluster, object: &self.object }
    }
}

impl Undo for Release {
    const KIND: &'static str = "chaos-k8s/cluster-release/1";
    type Via = Cluster;

    async fn revert(&self, cluster: &Cluster) -> Result<()> {
        super::reverted(cluster, self.claim.id, self.let_go(cluster)).await
    }

    async fn is_gone(&self, cluster: &Cluster) -> Result<bool> {
        let seen = self.grip(cluster).look().await?;
        Ok(seen.is_none_or(|(_, held)| held.claim(self.claim.id).is_none()))
    }
}
