//! [`Made`]: all that is made for one guardian, from its first role to its last.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use chaos_core::ledger::RunId;
use chaos_core::units::secs;
use chaos_core::{Error, Result};
use serde_json::Value;

use super::super::live::STARTS_WITHIN;
use super::super::speaker::Speaker;
use super::duty::{Duty, name_of};
use super::grant::role_kind;
use super::manifest::{Manifest, Owner};
use crate::cluster::Cluster;
use crate::cluster::api::{Kind, Request};
use crate::cluster::mark::Deadline;

/// How long after the last deadline that it may be given a guardian goes on to try: the API server may be away.
const TRIES_FOR: Duration = secs(15 * 60);

/// All that is made for one guardian, and how it is taken away.
#[derive(Debug)]
pub(super) struct Made {
    pub(super) image: String,
    /// The run of the controller.
    pub(super) run: RunId,
    pub(super) fault: String,
    pub(super) not_on: BTreeSet<String>,
    /// The longest that the faults may be extended to.
    pub(super) at_most: Duration,
    /// How long they last, from their inject on.
    pub(super) lasting: Duration,
    pub(super) duty: Duty,
}

impl Made {
    pub(super) fn speaker(&self) -> Speaker {
        Speaker::Guardian { namespace: self.duty.namespace.clone(), name: name_of(self.duty.guardian) }
    }

    pub(super) fn tasks(&self) -> u32 {
        // More than that are refused when the duty is written.
        u32::try_from(self.duty.undos.len()).unwrap_or(u32::MAX)
    }

    /// Up to how long after it was planned a fault may last: it is injected only once this is armed.
    pub(super) fn serves(&self) -> Duration {
        STARTS_WITHIN + self.at_most.max(self.lasting)
    }

    fn manifest(&self) -> Manifest<'_> {
        let lifetime = self.serves() + TRIES_FOR;
        Manifest {
            image: &self.image,
            run: self.run,
            fault: &self.fault,
            until: Deadline::after(lifetime),
            lifetime,
            not_on: &self.not_on,
            duty: &self.duty,
        }
    }

    /// Asks whether the first role would be made, and makes nothing: its namespace may not be there, or the right to grant
    /// may be missing.
    pub(super) async fn try_out(&self, cluster: &Cluster) -> Result<()> {
        for (namespace, role) in self.manifest().roles() {
            let namespace = namespace.as_deref();
            let request = Request::create(role_kind(namespace), namespace, &role).dry_run();
            let answer: Result<Value, _> = cluster.api().send(request).await;
            match answer {
                Err(trouble) if trouble.is_not_found() => {
                    return Err(Error::refused(format!(
                        "namespace {} is not there: make it for agents and guardian pods, or say `in_namespace`",
                        self.duty.namespace
                    )));
                }
                Err(trouble) => return Err(Error::from(trouble).context(self)),
                Ok(_) => {}
            }
        }
        Ok(())
    }

    /// Makes it all, the Job last.
    pub(super) async fn make(&self, cluster: &Cluster) -> Result<()> {
        // What does not fit is refused before anything is made.
        self.duty.encode()?;
        let manifest = self.manifest();
        let home = Some(self.duty.namespace.as_str());
        let mut owner_at_home = None;
        for (namespace, role) in manifest.roles() {
            let namespace = namespace.as_deref();
            let kind = role_kind(namespace);
            let made = create(cluster, kind, namespace, &role).await?;
            let uid = made["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
            let owner = Owner { kind, uid };
            if namespace == home {
                create(cluster, Kind::SERVICE_ACCOUNT, home, &manifest.account(&owner)).await?;
            }
            let binding = manifest.binding(namespace, &owner);
            let kind = if namespace.is_some() { Kind::ROLE_BINDING } else { Kind::CLUSTER_ROLE_BINDING };
            create(cluster, kind, namespace, &binding).await?;
            if namespace == home {
                owner_at_home = Some(owner);
            }
        }
        let Some(owner) = owner_at_home else { unreachable!("one role is in the guardian's own namespace") };
        // What the server has against such a pod it would say to its Job alone.
        let pod: Result<Value, _> =
            cluster.api().send(Request::create(Kind::POD, home, &manifest.pod(&owner)?).dry_run()).await;
        pod?;
        create(cluster, Kind::JOB, home, &manifest.job(&owner)?).await.map(drop)
    }

    pub(super) async fn take_away(&self, cluster: &Cluster) -> Result<()> {
        self.duty.take_away(cluster).await
    }
}

impl Duty {
    /// Deletes the roles; what belongs to them goes with them. The one of the guardian's own namespace is the last: with
    /// it go its Job with the pod, and its account.
    pub(super) async fn take_away(&self, cluster: &Cluster) -> Result<()> {
        let name = name_of(self.guardian);
        let grants = self.grants().by_namespace;
        let (home, others): (Vec<_>, Vec<_>) = grants
            .keys()
            .map(Option::as_deref)
            .partition(|namespace| *namespace == Some(self.namespace.as_str()));
        for namespace in others.into_iter().chain(home) {
            let request = Request::delete_named(role_kind(namespace), namespace, &name);
            let done: Result<Value, _> = cluster.api().send(request).await;
            match done {
                Err(trouble) if !trouble.is_not_found() => return Err(trouble.into()),
                _ => {}
            }
        }
        Ok(())
    }
}

impl fmt::Display for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "guardian pod {}/{}", self.duty.namespace, name_of(self.duty.guardian))
    }
}

async fn create(cluster: &Cluster, kind: Kind, namespace: Option<&str>, object: &Value) -> Result<Value> {
    let made: Result<Value, _> = cluster.api().send(Request::create(kind, namespace, object)).await;
    Ok(made?)
}
