//! [`OwnedBy`]: the workloads that pods belong to.

use std::fmt;

use chaos_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::labels::LabelSelector;
use super::names;
use crate::cluster::api::Kind;

/// What kind of workload owns a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum WorkloadKind {
    /// `apps/v1`, through its replica sets.
    Deployment,
    /// `apps/v1`.
    StatefulSet,
    /// `apps/v1`.
    DaemonSet,
    /// `apps/v1`, of a deployment or not.
    ReplicaSet,
    /// `v1`.
    ReplicationController,
    /// `batch/v1`.
    Job,
    /// `batch/v1`, through its jobs.
    CronJob,
    /// Argo's `argoproj.io/v1alpha1`, through its replica sets.
    Rollout,
    /// OpenShift's `apps.openshift.io/v1`, through its replication controllers.
    DeploymentConfig,
}

impl WorkloadKind {
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Deployment => Kind::DEPLOYMENT,
            Self::StatefulSet => Kind::STATEFUL_SET,
            Self::DaemonSet => Kind::DAEMON_SET,
            Self::ReplicaSet => Kind::REPLICA_SET,
            Self::ReplicationController => Kind::REPLICATION_CONTROLLER,
            Self::Job => Kind::JOB,
            Self::CronJob => Kind::CRON_JOB,
            Self::Rollout => Kind::ROLLOUT,
            Self::DeploymentConfig => Kind::DEPLOYMENT_CONFIG,
        }
    }

    /// What stands between it and its pods.
    pub(crate) fn through(self) -> Option<Kind> {
        match self {
            Self::Deployment | Self::Rollout => Some(Kind::REPLICA_SET),
            Self::CronJob => Some(Kind::JOB),
            Self::DeploymentConfig => Some(Kind::REPLICATION_CONTROLLER),
            _ => None,
        }
    }
}

impl fmt::Display for WorkloadKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.kind().kind.to_ascii_lowercase())
    }
}

/// The workloads that pods belong to: of a kind, the one with a name, or those with labels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OwnedBy {
    pub(super) kind: WorkloadKind,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) name: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) labels: Option<LabelSelector>,
}

impl OwnedBy {
    /// The one with this name.
    ///
    /// # Errors
    /// What Kubernetes does not take for a name.
    pub fn named(kind: WorkloadKind, name: impl Into<String>) -> Result<Self> {
        let owner = Self { kind, name: Some(name.into()), labels: None };
        owner.check()?;
        Ok(owner)
    }

    /// Those that have these labels themselves; their pods need not.
    pub fn labeled(kind: WorkloadKind, labels: LabelSelector) -> Self {
        Self { kind, name: None, labels: Some(labels) }
    }

    /// All of the kind.
    pub fn any(kind: WorkloadKind) -> Self {
        Self { kind, name: None, labels: None }
    }

    pub(super) fn check(&self) -> Result<()> {
        match &self.name {
            Some(_) if self.labels.is_some() => Err(Error::invalid(format!(
                "a {} is meant by its name or by its labels, not by both",
                self.kind
            ))),
            Some(name) => names::subdomain(&self.kind.to_string(), name),
            None => Ok(()),
        }
    }
}

impl fmt::Display for OwnedBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.name, &self.labels) {
            (Some(name), _) => write!(f, "{} {name}", self.kind),
            (None, Some(labels)) => write!(f, "{}s with {labels}", self.kind),
            (None, None) => write!(f, "any {}", self.kind),
        }
    }
}
