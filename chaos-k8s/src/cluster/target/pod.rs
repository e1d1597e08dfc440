//! [`Pod`]: a pod as a target, and what of it is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use chaos_core::Target;
use serde::Deserialize;

use crate::cluster::Cluster;
use crate::cluster::api::{Kind, Meta, ObjectRef, OwnerReference};
use crate::cluster::select::PodPhase;

/// A pod: its UID is its identity. Made by a [selection](crate::cluster::Pods).
#[derive(Clone)]
pub struct Pod {
    inner: Arc<Inner>,
}

struct Inner {
    cluster: Cluster,
    namespace: String,
    name: String,
    uid: String,
    node: Option<String>,
    labels: BTreeMap<String, String>,
    controller: Option<OwnerReference>,
    containers: Vec<String>,
    /// Whether a selection has named them.
    #[cfg_attr(
        not(all(feature = "agents", target_os = "linux")),
        expect(dead_code, reason = "agents look at it")
    )]
    named: bool,
    #[cfg(all(feature = "agents", target_os = "linux"))]
    addresses: Vec<std::net::IpAddr>,
    protected: Option<String>,
}

/// What of a pod is read.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RawPod {
    pub(crate) metadata: Meta,
    pub(crate) spec: RawSpec,
    status: RawStatus,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RawSpec {
    pub(crate) node_name: Option<String>,
    pub(crate) host_network: bool,
    pub(crate) priority_class_name: Option<String>,
    pub(crate) containers: Vec<RawContainer>,
    pub(crate) volumes: Vec<RawVolume>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
pub(crate) struct RawContainer {
    pub(crate) name: String,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct RawVolume {
    empty_dir: Option<serde::de::IgnoredAny>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
struct RawStatus {
    phase: String,
    #[cfg(all(feature = "agents", target_os = "linux"))]
    #[serde(rename = "podIPs")]
    addresses: Vec<RawAddress>,
}

#[cfg(all(feature = "agents", target_os = "linux"))]
#[derive(Debug, Clone, Deserialize)]
struct RawAddress {
    ip: std::net::IpAddr,
}

impl RawPod {
    pub(crate) fn phase(&self) -> PodPhase {
        PodPhase::read(&self.status.phase)
    }

    /// Whether the kubelet made it from a file: then the API server shows it and cannot end it.
    pub(crate) fn is_mirror(&self) -> bool {
        self.metadata.annotations.contains_key("kubernetes.io/config.mirror")
            || self.metadata.owner_references.iter().any(|owner| owner.kind == "Node")
    }

    pub(crate) fn is_of_daemon_set(&self) -> bool {
        self.metadata.controller().is_some_and(|controller| controller.kind == "DaemonSet")
    }

    /// Whether what it has in an `emptyDir` ends with it.
    pub(crate) fn has_local_data(&self) -> bool {
        self.spec.volumes.iter().any(|volume| volume.empty_dir.is_some())
    }
}

impl Pod {
    /// `chosen` are the containers that are meant; all of them, where none is named.
    pub(crate) fn new(cluster: &Cluster, raw: RawPod, chosen: &BTreeSet<String>) -> Self {
        let protected = cluster.protection().of_pod(&raw, cluster.itself());
        let containers = raw.spec.containers.into_iter().map(|container| container.name);
        let controller = raw.metadata.controller().cloned();
        Self {
            inner: Arc::new(Inner {
                cluster: cluster.clone(),
                namespace: raw.metadata.namespace.unwrap_or_default(),
                name: raw.metadata.name,
                uid: raw.metadata.uid,
                node: raw.spec.node_name,
                labels: raw.metadata.labels,
                controller,
                containers: containers.filter(|name| chosen.is_empty() || chosen.contains(name)).collect(),
                named: !chosen.is_empty(),
                #[cfg(all(feature = "agents", target_os = "linux"))]
                addresses: raw.status.addresses.into_iter().map(|address| address.ip).collect(),
                protected,
            }),
        }
    }

    /// Its namespace.
    pub fn namespace(&self) -> &str {
        &self.inner.namespace
    }

    /// Its name in that namespace.
    pub fn pod_name(&self) -> &str {
        &self.inner.name
    }

    /// The node it was on when it was listed.
    pub fn node(&self) -> Option<&str> {
        self.inner.node.as_deref()
    }

    /// The containers that are meant: those the selection names, or all.
    pub fn containers(&self) -> &[String] {
        &self.inner.containers
    }

    /// The addresses that it had when it was listed.
    #[cfg(all(feature = "agents", target_os = "linux"))]
    pub(crate) fn addresses(&self) -> &[std::net::IpAddr] {
        &self.inner.addresses
    }

    /// Those that the selection names; none where it means all.
    #[cfg(all(feature = "agents", target_os = "linux"))]
    pub(crate) fn named_containers(&self) -> impl Iterator<Item = &str> {
        self.inner.containers.iter().filter(|_| self.inner.named).map(String::as_str)
    }

    pub(crate) fn labels(&self) -> &BTreeMap<String, String> {
        &self.inner.labels
    }

    pub(crate) fn controller(&self) -> Option<&OwnerReference> {
        self.inner.controller.as_ref()
    }

    pub(crate) fn cluster(&self) -> &Cluster {
        &self.inner.cluster
    }

    pub(crate) fn object(&self) -> ObjectRef {
        ObjectRef::new(Kind::POD, Some(self.namespace()), self.pod_name(), &self.inner.uid)
    }
}

impl Target for Pod {
    const UNIT: &'static str = "pod";

    fn id(&self) -> String {
        self.inner.uid.clone()
    }

    fn name(&self) -> String {
        format!("{}/{}", self.inner.namespace, self.inner.name)
    }

    fn label(&self, key: &str) -> Option<&str> {
        self.inner.labels.get(key).map(String::as_str)
    }

    fn protected(&self) -> Option<String> {
        self.inner.protected.clone()
    }
}

impl fmt::Debug for Pod {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pod({}/{} {})", self.inner.namespace, self.inner.name, self.inner.uid)
    }
}
