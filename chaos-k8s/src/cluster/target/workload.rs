//! [`Workload`]: what makes pods, as a target.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

use chaos_core::Target;

use crate::cluster::Cluster;
use crate::cluster::api::{Bare, ObjectRef};
use crate::cluster::select::WorkloadKind;

/// A deployment, a stateful set or another thing that makes pods. Its UID is its identity. Made by a
/// [selection](crate::cluster::Workloads).
#[derive(Clone)]
pub struct Workload {
    inner: Arc<Inner>,
}

struct Inner {
    cluster: Cluster,
    kind: WorkloadKind,
    object: ObjectRef,
    labels: BTreeMap<String, String>,
    protected: Option<String>,
}

impl Workload {
    pub(crate) fn new(cluster: &Cluster, kind: WorkloadKind, object: Bare) -> Self {
        let protected = cluster.protection().of_workload(&object.metadata);
        let Bare { metadata } = object;
        let object =
            ObjectRef::new(kind.kind(), metadata.namespace.as_deref(), &metadata.name, &metadata.uid);
        let inner = Inner { cluster: cluster.clone(), kind, object, labels: metadata.labels, protected };
        Self { inner: Arc::new(inner) }
    }

    /// What it is.
    pub fn kind(&self) -> WorkloadKind {
        self.inner.kind
    }

    /// Its namespace.
    pub fn namespace(&self) -> &str {
        self.inner.object.namespace().unwrap_or_default()
    }

    pub(crate) fn cluster(&self) -> &Cluster {
        &self.inner.cluster
    }

    pub(crate) fn object(&self) -> &ObjectRef {
        &self.inner.object
    }
}

impl Target for Workload {
    const UNIT: &'static str = "workload";

    fn id(&self) -> String {
        self.inner.object.uid.clone()
    }

    fn name(&self) -> String {
        format!("{}/{}", self.namespace(), self.inner.object.name)
    }

    fn label(&self, key: &str) -> Option<&str> {
        self.inner.labels.get(key).map(String::as_str)
    }

    fn protected(&self) -> Option<String> {
        self.inner.protected.clone()
    }
}

impl fmt::Debug for Workload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Workload({} {})", self.inner.object, self.inner.object.uid)
    }
}
