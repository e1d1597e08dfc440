//! [`Workloads`]: which deployments or other things that make pods, looked up each time it is asked.

use std::collections::BTreeSet;
use std::fmt;

use chaos_core::{Error, Result, Select};

use super::labels::LabelSelector;
use super::names;
use super::owner::WorkloadKind;
use crate::cluster::Cluster;
use crate::cluster::api::{Bare, Query};
use crate::cluster::rights::{Needs, Place, Right, Rights};
use crate::cluster::target::Workload;

/// Which workloads of one kind; made by [`Cluster::workloads`]. A namespace must be named, and names or labels narrow it
/// down.
///
/// ```no_run
/// # async fn example(cluster: chaos_k8s::Cluster) -> chaos_core::Result<()> {
/// use chaos_k8s::cluster::WorkloadKind;
/// let cart = cluster.workloads(WorkloadKind::Deployment).in_namespace("shop").named("cart");
/// # let _ = cart;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a selection does nothing until a fault acts on it"]
pub struct Workloads {
    cluster: Cluster,
    kind: WorkloadKind,
    namespaces: BTreeSet<String>,
    names: BTreeSet<String>,
    labels: Option<LabelSelector>,
}

impl Workloads {
    pub(crate) fn new(cluster: &Cluster, kind: WorkloadKind) -> Self {
        let (namespaces, names) = (BTreeSet::new(), BTreeSet::new());
        Self { cluster: cluster.clone(), kind, namespaces, names, labels: None }
    }

    /// In this namespace; said again, in that one as well.
    pub fn in_namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespaces.insert(namespace.into());
        self
    }

    /// The one with this name; said again, that one as well. One that is not there is an error.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.names.insert(name.into());
        self
    }

    /// Only those whose own label `key` has this value.
    ///
    /// # Errors
    /// What Kubernetes does not take for a key or a value.
    pub fn label(self, key: impl Into<String>, value: impl Into<String>) -> Result<Self> {
        Ok(self.with_labels(LabelSelector::equals(key, value)?))
    }

    /// Only those that have these labels themselves, in the syntax of [`LabelSelector`].
    ///
    /// # Errors
    /// What is not in that syntax.
    pub fn labels(self, selector: &str) -> Result<Self> {
        Ok(self.with_labels(selector.parse()?))
    }

    fn with_labels(mut self, labels: LabelSelector) -> Self {
        self.labels = Some(match self.labels.take() {
            Some(already) => already.and(labels),
            None => labels,
        });
        self
    }

    /// What looking them up takes from the API server.
    pub fn rights(&self) -> Rights {
        self.namespaces
            .iter()
            .map(|namespace| Right::new("list", self.kind.kind(), Some(namespace)))
            .collect()
    }

    /// What looking them up and `fault` on them take from the API server.
    pub fn rights_for(&self, fault: &impl Needs) -> Rights {
        let mut rights = self.rights();
        for namespace in &self.namespaces {
            rights.extend(fault.needs(Place::new(self.kind.kind(), Some(namespace))));
        }
        rights
    }

    fn check(&self) -> Result<()> {
        if self.namespaces.is_empty() {
            return Err(Error::invalid(format!("a selection of {}s says no namespace: name one", self.kind)));
        }
        self.namespaces.iter().try_for_each(|name| names::label("namespace", name))?;
        self.names.iter().try_for_each(|name| names::subdomain(&self.kind.to_string(), name))?;
        let protection = self.cluster.protection();
        match self.namespaces.iter().find_map(|namespace| protection.of_namespace(namespace)) {
            Some(reason) => Err(Error::refused(reason)),
            None => Ok(()),
        }
    }

    async fn list(&self) -> Result<Vec<Workload>> {
        self.check()?;
        let mut query = Query::metadata();
        if let Some(labels) = &self.labels {
            query = query.labels(labels.to_string());
        }
        let keep = |object: Bare| {
            let meta = &object.metadata;
            let meant = (self.names.is_empty() || self.names.contains(&meta.name))
                && self.labels.as_ref().is_none_or(|labels| labels.matches(&meta.labels))
                && meta.deletion_timestamp.is_none();
            meant.then(|| Workload::new(&self.cluster, self.kind, object))
        };
        let mut workloads = Vec::new();
        for namespace in &self.namespaces {
            workloads.extend(self.cluster.api().list(self.kind.kind(), Some(namespace), &query, keep).await?);
        }
        let seen: BTreeSet<&str> = workloads.iter().map(|workload| workload.object().name.as_str()).collect();
        if let Some(missing) = self.names.iter().find(|name| !seen.contains(name.as_str())) {
            return Err(Error::refused(format!(
                "{} {missing} is not there, or not as selected ({self})",
                self.kind
            )));
        }
        if workloads.is_empty() {
            return Err(Error::refused(format!("nothing is selected by: {self}")));
        }
        Ok(workloads)
    }
}

impl Select<Workload> for Workloads {
    async fn select(&self) -> Result<Vec<Workload>> {
        self.list().await
    }

    fn describe(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Workloads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |names: &BTreeSet<String>| names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        write!(f, "{}s", self.kind)?;
        if !self.names.is_empty() {
            write!(f, " {}", list(&self.names))?;
        }
        write!(f, " in {}", list(&self.namespaces))?;
        match &self.labels {
            Some(labels) => write!(f, " with {labels}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Workloads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Workloads({self})")
    }
}
