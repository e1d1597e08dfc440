//! [`ClusterNode`]: a node of the cluster as a target, as the API server knows it.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use chaos_core::Target;

use crate::cluster::Cluster;
use crate::cluster::api::{Bare, Kind, ObjectRef};

/// A node of the cluster, as the API server knows it; the engines of the host itself are [`Node`](crate::Node)'s. Its
/// UID is its identity. Made by a [selection](crate::cluster::Nodes).
#[derive(Clone)]
pub struct ClusterNode {
    inner: Arc<Inner>,
}

struct Inner {
    cluster: Cluster,
    name: String,
    uid: String,
    labels: BTreeMap<String, String>,
    protected: Option<String>,
}

impl ClusterNode {
    pub(crate) fn new(cluster: &Cluster, node: Bare) -> Self {
        let protected = cluster.protection().of_node(&node.metadata);
        let Bare { metadata } = node;
        Self {
            inner: Arc::new(Inner {
                cluster: cluster.clone(),
                name: metadata.name,
                uid: metadata.uid,
                labels: metadata.labels,
                protected,
            }),
        }
    }

    pub(crate) fn cluster(&self) -> &Cluster {
        &self.inner.cluster
    }

    pub(crate) fn object(&self) -> ObjectRef {
        ObjectRef::new(Kind::NODE, None, &self.inner.name, &self.inner.uid)
    }
}

impl Target for ClusterNode {
    const UNIT: &'static str = "node";

    fn id(&self) -> String {
        self.inner.uid.clone()
    }

    fn name(&self) -> String {
        self.inner.name.clone()
    }

    fn label(&self, key: &str) -> Option<&str> {
        self.inner.labels.get(key).map(String::as_str)
    }

    fn protected(&self) -> Option<String> {
        self.inner.protected.clone()
    }
}

impl fmt::Debug for ClusterNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ClusterNode({} {})", self.inner.name, self.inner.uid)
    }
}
