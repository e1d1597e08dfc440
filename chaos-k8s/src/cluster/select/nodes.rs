//! [`Nodes`]: which nodes of a cluster, looked up each time it is asked.

use std::collections::BTreeSet;
use std::fmt;

use chaos_core::{Error, Result, Select};

use super::labels::LabelSelector;
use super::names;
use crate::cluster::Cluster;
use crate::cluster::api::{Bare, Kind, Query};
use crate::cluster::rights::{Needs, Place, Right, Rights};
use crate::cluster::target::ClusterNode;

/// Which nodes of a cluster; made by [`Cluster::nodes`]. Nodes of the control plane are protected.
///
/// ```no_run
/// # async fn example(cluster: chaos_k8s::Cluster) -> chaos_core::Result<()> {
/// let spot = cluster.nodes().label("capacity", "spot")?;
/// let two = cluster.nodes().named("worker-1").named("worker-2");
/// # let _ = (spot, two);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
#[must_use = "a selection does nothing until a fault acts on it"]
pub struct Nodes {
    cluster: Cluster,
    names: BTreeSet<String>,
    labels: Option<LabelSelector>,
}

impl Nodes {
    pub(crate) fn new(cluster: &Cluster) -> Self {
        Self { cluster: cluster.clone(), names: BTreeSet::new(), labels: None }
    }

    /// The node with this name; said again, that one as well. One that is not there is an error.
    pub fn named(mut self, name: impl Into<String>) -> Self {
        self.names.insert(name.into());
        self
    }

    /// Only those whose label `key` has this value.
    ///
    /// # Errors
    /// What Kubernetes does not take for a key or a value.
    pub fn label(self, key: impl Into<String>, value: impl Into<String>) -> Result<Self> {
        Ok(self.with_labels(LabelSelector::equals(key, value)?))
    }

    /// Only those with these labels, in the syntax of [`LabelSelector`].
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
        Rights::from_iter([Right::new("list", Kind::NODE, None)])
    }

    /// What looking them up and `fault` on them take from the API server.
    pub fn rights_for(&self, fault: &impl Needs) -> Rights {
        let mut rights = self.rights();
        rights.extend(fault.needs(Place::new(Kind::NODE, None)));
        rights
    }

    async fn list(&self) -> Result<Vec<ClusterNode>> {
        if self.names.is_empty() && self.labels.is_none() {
            return Err(Error::invalid("a selection of nodes says nothing: name nodes or give labels"));
        }
        self.names.iter().try_for_each(|name| names::subdomain("node", name))?;
        let mut query = Query::metadata();
        if let Some(labels) = &self.labels {
            query = query.labels(labels.to_string());
        }
        let keep = |node: Bare| {
            let meant = (self.names.is_empty() || self.names.contains(&node.metadata.name))
                && self.labels.as_ref().is_none_or(|labels| labels.matches(&node.metadata.labels));
            meant.then(|| ClusterNode::new(&self.cluster, node))
        };
        let nodes = self.cluster.api().list(Kind::NODE, None, &query, keep).await?;
        let seen: BTreeSet<String> = nodes.iter().map(chaos_core::Target::name).collect();
        if let Some(missing) = self.names.iter().find(|name| !seen.contains(*name)) {
            return Err(Error::refused(format!("node {missing} is not there, or not as selected ({self})")));
        }
        if nodes.is_empty() {
            return Err(Error::refused(format!("no node is selected by: {self}")));
        }
        Ok(nodes)
    }
}

impl Select<ClusterNode> for Nodes {
    async fn select(&self) -> Result<Vec<ClusterNode>> {
        self.list().await
    }

    fn describe(&self) -> String {
        self.to_string()
    }
}

impl fmt::Display for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self.names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        match (&self.labels, names.is_empty()) {
            (None, _) => write!(f, "nodes {names}"),
            (Some(labels), true) => write!(f, "nodes with {labels}"),
            (Some(labels), false) => write!(f, "nodes {names} with {labels}"),
        }
    }
}

impl fmt::Debug for Nodes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Nodes({self})")
    }
}
