//! [`PodSelector`]: which pods, as data.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use chaos_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::fields::FieldSelector;
use super::labels::LabelSelector;
use super::names;
use super::owner::OwnedBy;
use super::phase::PhaseTerm;

/// Which pods, as data: what a file says, and what the methods of [`Pods`](super::Pods) build.
///
/// Everything said must hold. A list of owners, nodes, phases or containers holds when one of it does; `nodes` and
/// `node-labels` together name nodes.
///
/// | here | Chaos Mesh's `selector` | Litmus's `appinfo` |
/// |---|---|---|
/// | `namespaces` | `namespaces` | `appns` |
/// | `labels` | `labelSelectors`, `expressionSelectors` | `applabel` |
/// | `annotations` | `annotationSelectors` | |
/// | `fields` | `fieldSelectors` | |
/// | `phases` (`Running`, `!Pending`) | `podPhaseSelectors` | |
/// | `nodes`, `node-labels` | `nodes`, `nodeSelectors` | |
/// | `pods` (names by namespace) | `pods` | `TARGET_PODS` |
/// | `owners` (kind, and name or labels) | | `appkind`, workloads |
/// | `containers` | `containerNames` | `TARGET_CONTAINER` |
///
/// ```
/// use chaos_k8s::cluster::PodSelector;
/// let selector: PodSelector = serde_json::from_str(r#"{
///     "namespaces": ["shop"],
///     "labels": "app in (cart, checkout), !canary",
///     "owners": [{"kind": "deployment", "name": "cart"}],
///     "phases": ["Running"]
/// }"#)?;
/// selector.check()?;
/// let empty: PodSelector = serde_json::from_str("{}")?;
/// assert!(empty.check().unwrap_err().is_invalid());            // never "everything"
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct PodSelector {
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) namespaces: BTreeSet<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub(crate) all_namespaces: bool,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) pods: BTreeMap<String, BTreeSet<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) labels: Option<LabelSelector>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) annotations: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) fields: Option<FieldSelector>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) phases: Vec<PhaseTerm>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) nodes: BTreeSet<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) node_labels: Option<LabelSelector>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) owners: Vec<OwnedBy>,
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub(crate) containers: BTreeSet<String>,
}

impl PodSelector {
    /// Whether it can be meant: names that can be names, and never nothing said.
    ///
    /// # Errors
    /// No namespace, or all of them and nothing that narrows them down; what Kubernetes does not take for a name.
    pub fn check(&self) -> Result<()> {
        let scopes = usize::from(!self.namespaces.is_empty()) + usize::from(self.all_namespaces);
        if scopes == 0 && self.pods.is_empty() {
            return Err(Error::invalid(
                "a selection of pods says no namespace: name one, or all of them with something that narrows them down",
            ));
        }
        if scopes == 2 {
            return Err(Error::invalid(
                "a selection of pods names namespaces and says all of them: leave one out",
            ));
        }
        if self.all_namespaces && !self.narrows() {
            return Err(Error::invalid(
                "all pods in all namespaces is too much: add a label, an owner, a node or names (what only leaves out does \
                 not count)",
            ));
        }
        for namespace in self.namespaces.iter().chain(self.pods.keys()) {
            names::label("namespace", namespace)?;
        }
        for (namespace, pods) in &self.pods {
            if pods.is_empty() {
                return Err(Error::invalid(format!("namespace {namespace} is named without a pod in it")));
            }
            if !self.namespaces.is_empty() && !self.namespaces.contains(namespace) {
                return Err(Error::invalid(format!(
                    "a pod in {namespace} is named, and that namespace is not among the selected"
                )));
            }
        }
        self.pods.values().flatten().try_for_each(|pod| names::subdomain("pod", pod))?;
        self.nodes.iter().try_for_each(|node| names::subdomain("node", node))?;
        self.containers.iter().try_for_each(|container| names::label("container", container))?;
        self.annotations.keys().try_for_each(|key| names::key("annotation", key))?;
        self.owners.iter().try_for_each(OwnedBy::check)
    }

    fn narrows(&self) -> bool {
        self.labels.as_ref().is_some_and(LabelSelector::narrows)
            || self.node_labels.as_ref().is_some_and(LabelSelector::narrows)
            || self.fields.as_ref().is_some_and(FieldSelector::narrows)
            || !(self.pods.is_empty()
                && self.annotations.is_empty()
                && self.nodes.is_empty()
                && self.owners.is_empty()
                && self.containers.is_empty())
    }

    /// Where it looks: in these namespaces, or in all where there is none.
    pub(crate) fn scope(&self) -> BTreeSet<&str> {
        if self.all_namespaces {
            return BTreeSet::new();
        }
        if self.pods.is_empty() {
            return self.namespaces.iter().map(String::as_str).collect();
        }
        self.pods.keys().map(String::as_str).collect()
    }
}

impl fmt::Display for PodSelector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |names: &BTreeSet<String>| names.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
        let mut words = Vec::new();
        for (namespace, pods) in &self.pods {
            words.extend(pods.iter().map(|pod| format!("{namespace}/{pod}")));
        }
        let mut text = if words.is_empty() { "pods".to_owned() } else { words.join(", ") };
        if self.all_namespaces {
            text.push_str(" in all namespaces");
        } else if !self.namespaces.is_empty() {
            text.push_str(&format!(" in {}", list(&self.namespaces)));
        }
        let mut with = Vec::new();
        with.extend(self.labels.as_ref().map(ToString::to_string));
        with.extend(self.annotations.iter().map(|(key, value)| format!("annotation {key}={value:?}")));
        with.extend(self.fields.as_ref().map(ToString::to_string));
        if !with.is_empty() {
            text.push_str(&format!(" with {}", with.join(", ")));
        }
        if !self.owners.is_empty() {
            let owners: Vec<String> = self.owners.iter().map(ToString::to_string).collect();
            text.push_str(&format!(" of {}", owners.join(" or ")));
        }
        let mut on = Vec::new();
        if !self.nodes.is_empty() {
            on.push(format!("node {}", list(&self.nodes)));
        }
        on.extend(self.node_labels.as_ref().map(|labels| format!("nodes with {labels}")));
        if !on.is_empty() {
            text.push_str(&format!(" on {}", on.join(" or ")));
        }
        if !self.phases.is_empty() {
            let phases: Vec<String> = self.phases.iter().map(ToString::to_string).collect();
            text.push_str(&format!(", {}", phases.join(" or ")));
        }
        if !self.containers.is_empty() {
            text.push_str(&format!(", container {}", list(&self.containers)));
        }
        f.write_str(&text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(json: &str) -> PodSelector {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn what_cannot_be_meant_is_an_error() {
        let cases = [
            (r#"{}"#, "no namespace"),
            (r#"{"labels": "app=cart"}"#, "no namespace"),
            (r#"{"all-namespaces": true}"#, "too much"),
            (r#"{"all-namespaces": true, "phases": ["Running"]}"#, "too much"),
            (r#"{"all-namespaces": true, "labels": "app!=cart,!db"}"#, "too much"),
            (r#"{"all-namespaces": true, "fields": "spec.nodeName!=n1"}"#, "too much"),
            (r#"{"all-namespaces": true, "namespaces": ["shop"], "labels": "app"}"#, "leave one out"),
            (r#"{"namespaces": ["Shop"]}"#, "namespace \"Shop\""),
            (r#"{"namespaces": ["../kube-system"]}"#, "namespace"),
            (r#"{"pods": {"shop": []}}"#, "without a pod"),
            (r#"{"pods": {"shop": ["$(id)"]}}"#, "pod"),
            (r#"{"pods": {"shop": ["a"]}, "namespaces": ["other"]}"#, "not among"),
            (r#"{"namespaces": ["shop"], "nodes": ["n 1"]}"#, "node"),
            (r#"{"namespaces": ["shop"], "containers": [""]}"#, "container"),
            (r#"{"namespaces": ["shop"], "annotations": {"a b": "c"}}"#, "annotation"),
            (
                r#"{"namespaces": ["shop"], "owners": [{"kind": "job", "name": "a", "labels": "b"}]}"#,
                "not by both",
            ),
        ];
        for (json, expected) in cases {
            let error = read(json).check().unwrap_err();
            assert!(error.is_invalid() && error.to_string().contains(expected), "{json}: {error}");
        }
        for json in [
            r#"{"namespace": "shop"}"#,
            r#"{"labels": ""}"#,
            r#"{"phases": ["Sleeping"]}"#,
            r#"{"owners": [{"kind": "secret"}]}"#,
            r#"{"fields": "spec.image=x"}"#,
        ] {
            assert!(serde_json::from_str::<PodSelector>(json).is_err(), "{json}");
        }
    }

    #[test]
    fn it_says_what_it_selects_and_comes_back() {
        let selector = read(
            r#"{"namespaces": ["shop", "web"], "labels": "app=cart", "annotations": {"team": "a"}, "fields": "status.phase=Running",
                "phases": ["Running", "!Pending"], "nodes": ["n1"], "node-labels": "zone=a", "containers": ["web"],
                "owners": [{"kind": "deployment", "name": "cart"}, {"kind": "daemonset"}]}"#,
        );
        selector.check().unwrap();
        assert_eq!(
            selector.to_string(),
            "pods in shop, web with app=cart, annotation team=\"a\", status.phase=Running of deployment cart or any daemonset \
             on node n1 or nodes with zone=a, Running or !Pending, container web"
        );
        assert_eq!(read(&serde_json::to_string(&selector).unwrap()), selector);
        assert_eq!(read(r#"{"pods": {"shop": ["b", "a"]}}"#).to_string(), "shop/a, shop/b");
    }
}
