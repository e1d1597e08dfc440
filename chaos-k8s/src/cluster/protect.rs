//! [`Protection`]: what is never hit.

use std::collections::BTreeSet;

use chaos_core::Result;

use super::api::Meta;
use super::mark::{AGENT, ALLOW};
use super::select::names;
use super::target::RawPod;

/// Namespaces of the control plane and of what the cluster itself stands on. Kubernetes keeps `kube-` for itself.
const PREFIXES: [&str; 8] = ["kube-", "openshift-", "calico-", "tigera-", "cilium-", "gke-", "gmp-", "aks-"];
const NAMESPACES: [&str; 3] = ["openshift", "istio-system", "linkerd"];

/// What is never hit: by default the namespaces of the control plane, its nodes, pods in their node's own network, pods
/// that a kubelet made from a file, what the cluster calls critical, this program and its agents, and whatever carries
/// the annotation `chaos-sdk.dev/allow: "false"`.
///
/// ```
/// use chaos_k8s::cluster::Protection;
/// let protection = Protection::standard()
///     .namespace("vault")?                          // never this one either
///     .allowing("istio-system")?                    // on purpose
///     .only_allowed();                              // and only what says `chaos-sdk.dev/allow: "true"`
/// # let _ = protection;
/// # Ok::<(), chaos_core::Error>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[must_use = "give it to `Cluster::protecting`"]
pub struct Protection {
    more: BTreeSet<String>,
    allowed: BTreeSet<String>,
    only_allowed: bool,
}

impl Protection {
    /// The default.
    pub fn standard() -> Self {
        Self::default()
    }

    /// And nothing in this namespace.
    ///
    /// # Errors
    /// What Kubernetes does not take for a namespace.
    pub fn namespace(mut self, name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        names::label("namespace", &name)?;
        self.allowed.remove(&name);
        self.more.insert(name);
        Ok(self)
    }

    /// But this namespace may be hit, though it is one of the protected. What protects single pods still does.
    ///
    /// # Errors
    /// What Kubernetes does not take for a namespace.
    pub fn allowing(mut self, name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        names::label("namespace", &name)?;
        self.more.remove(&name);
        self.allowed.insert(name);
        Ok(self)
    }

    /// Only what says so itself, by the annotation `chaos-sdk.dev/allow: "true"`, is hit.
    pub fn only_allowed(mut self) -> Self {
        self.only_allowed = true;
        self
    }

    /// Why nothing in this namespace is hit, if nothing is.
    pub(crate) fn of_namespace(&self, name: &str) -> Option<String> {
        if self.allowed.contains(name) {
            return None;
        }
        if self.more.contains(name) {
            return Some(format!("namespace {name} is protected"));
        }
        let is_system = NAMESPACES.contains(&name) || PREFIXES.iter().any(|prefix| name.starts_with(prefix));
        is_system.then(|| {
            format!(
                "namespace {name} is protected: it belongs to the control plane (see Protection::allowing)"
            )
        })
    }

    pub(crate) fn of_pod(&self, pod: &RawPod, itself: Option<(&str, &str)>) -> Option<String> {
        let (meta, spec) = (&pod.metadata, &pod.spec);
        let namespace = meta.namespace.as_deref().unwrap_or_default();
        if itself == Some((namespace, meta.name.as_str())) {
            return Some("it is this program".to_owned());
        }
        if meta.labels.contains_key(AGENT) {
            return Some("it is at work for a fault, or takes one back".to_owned());
        }
        if let Some(reason) = self.of_namespace(namespace) {
            return Some(reason);
        }
        if pod.is_mirror() {
            return Some("its kubelet made it from a file, and makes it anew".to_owned());
        }
        if spec.host_network {
            return Some("it is in its node's own network".to_owned());
        }
        if let Some(class @ ("system-cluster-critical" | "system-node-critical")) =
            spec.priority_class_name.as_deref()
        {
            return Some(format!("its priority is {class}"));
        }
        self.of_annotations(meta)
    }

    pub(crate) fn of_node(&self, meta: &Meta) -> Option<String> {
        let role = ["node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master"];
        if role.iter().any(|role| meta.labels.contains_key(*role)) {
            return Some("it is a node of the control plane".to_owned());
        }
        self.of_annotations(meta)
    }

    pub(crate) fn of_workload(&self, meta: &Meta) -> Option<String> {
        let namespace = meta.namespace.as_deref().unwrap_or_default();
        self.of_namespace(namespace).or_else(|| self.of_annotations(meta))
    }

    fn of_annotations(&self, meta: &Meta) -> Option<String> {
        match meta.annotations.get(ALLOW).map(String::as_str) {
            Some("true") => None,
            Some("false") => Some(format!("its annotation {ALLOW} says \"false\"")),
            _ if self.only_allowed => Some(format!("it does not say {ALLOW}: \"true\"")),
            // Neither a yes nor a no: somebody meant something.
            Some(other) => Some(format!(
                "its annotation {ALLOW} says {other:?}, which is neither \"true\" nor \"false\""
            )),
            None => None,
        }
    }
}
