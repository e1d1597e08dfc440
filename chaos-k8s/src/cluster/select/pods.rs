//! [`Pods`]: which pods of a cluster, looked up each time it is asked.

use std::collections::BTreeSet;
use std::fmt;

use chaos_core::{Error, Result, Select};

use super::data::PodSelector;
use super::fields::FieldSelector;
use super::labels::LabelSelector;
use super::owner::{OwnedBy, WorkloadKind};
use super::phase::{PhaseTerm, PodPhase, selects};
use super::resolve;
use crate::cluster::Cluster;
use crate::cluster::api::{Kind, Query};
use crate::cluster::rights::{Needs, Place, Right, Rights};
use crate::cluster::target::{Pod, RawPod};

/// Which pods of a cluster; made by [`Cluster::pods`]. Each method narrows it down.
///
/// ```no_run
/// # async fn example() -> chaos_core::Result<()> {
/// use chaos_k8s::cluster::{Cluster, WorkloadKind, PodPhase};
/// let cluster = Cluster::connect().await?;
/// let carts = cluster.pods().in_namespace("shop").label("app", "cart")?.phase(PodPhase::Running);
/// let database = cluster.pods().in_namespace("shop").owned_by(WorkloadKind::StatefulSet, "postgres")?;
/// let on_a_node = cluster.pods().in_all_namespaces().labels("tier notin (db, queue), app")?.on_node("worker-3");
/// # let _ = (carts, database, on_a_node);
/// # Ok(())
/// # }
/// ```
///
/// Pods that have ended or are being deleted are not selected. What [protects](crate::cluster::Protection) a pod is
/// looked at when it is listed; protected pods are named in the plan and never hit.
#[derive(Clone)]
#[must_use = "a selection does nothing until a fault acts on it"]
pub struct Pods {
    cluster: Cluster,
    selector: PodSelector,
}

impl Pods {
    pub(crate) fn new(cluster: &Cluster, selector: PodSelector) -> Self {
        Self { cluster: cluster.clone(), selector }
    }

    /// In this namespace; said again, in that one as well.
    pub fn in_namespace(mut self, namespace: impl Into<String>) -> Self {
        self.selector.namespaces.insert(namespace.into());
        self
    }

    /// In every namespace that is not protected. Needs something else that narrows it down.
    pub fn in_all_namespaces(mut self) -> Self {
        self.selector.all_namespaces = true;
        self
    }

    /// The pod with this name; said again, that one as well. One that is not there is an error, never nothing.
    pub fn pod(mut self, namespace: impl Into<String>, name: impl Into<String>) -> Self {
        self.selector.pods.entry(namespace.into()).or_default().insert(name.into());
        self
    }

    /// Only those whose label `key` has this value.
    ///
    /// # Errors
    /// What Kubernetes does not take for a key or a value.
    pub fn label(self, key: impl Into<String>, value: impl Into<String>) -> Result<Self> {
        Ok(self.with_labels(LabelSelector::equals(key, value)?))
    }

    /// Only those with these labels, in the syntax of [`LabelSelector`]: `"app in (a, b), !canary"`.
    ///
    /// # Errors
    /// What is not in that syntax.
    pub fn labels(self, selector: &str) -> Result<Self> {
        Ok(self.with_labels(selector.parse()?))
    }

    /// Only those with these labels.
    pub fn with_labels(mut self, labels: LabelSelector) -> Self {
        self.selector.labels = Some(match self.selector.labels.take() {
            Some(already) => already.and(labels),
            None => labels,
        });
        self
    }

    /// Only those whose annotation `key` has exactly this value.
    pub fn annotation(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.selector.annotations.insert(key.into(), value.into());
        self
    }

    /// Only those with these fields, in the syntax of [`FieldSelector`]: `"spec.serviceAccountName=cart"`.
    ///
    /// # Errors
    /// What is not in that syntax, or a field that the API server does not select by.
    pub fn fields(mut self, selector: &str) -> Result<Self> {
        let fields: FieldSelector = selector.parse()?;
        self.selector.fields = Some(match self.selector.fields.take() {
            Some(already) => already.and(fields),
            None => fields,
        });
        Ok(self)
    }

    /// Only those in this phase; said again, in that one as well.
    pub fn phase(mut self, phase: PodPhase) -> Self {
        self.selector.phases.push(PhaseTerm { is: true, phase });
        self
    }

    /// Only those that are not in this phase.
    pub fn not_in_phase(mut self, phase: PodPhase) -> Self {
        self.selector.phases.push(PhaseTerm { is: false, phase });
        self
    }

    /// Only those on this node; said again, on that one as well. One that is not there is an error.
    pub fn on_node(mut self, name: impl Into<String>) -> Self {
        self.selector.nodes.insert(name.into());
        self
    }

    /// Only those on nodes with these labels, beside those named by [`on_node`](Self::on_node).
    ///
    /// # Errors
    /// What is not in the syntax of [`LabelSelector`].
    pub fn on_nodes(mut self, labels: &str) -> Result<Self> {
        let labels: LabelSelector = labels.parse()?;
        self.selector.node_labels = Some(match self.selector.node_labels.take() {
            Some(already) => already.and(labels),
            None => labels,
        });
        Ok(self)
    }

    /// Only those of this workload; said again, of that one as well. One that is not there is an error.
    ///
    /// # Errors
    /// What Kubernetes does not take for a name.
    pub fn owned_by(self, kind: WorkloadKind, name: impl Into<String>) -> Result<Self> {
        let owner = OwnedBy::named(kind, name)?;
        Ok(self.of(owner))
    }

    /// Only those of these workloads; said again, of those as well.
    pub fn of(mut self, owner: OwnedBy) -> Self {
        self.selector.owners.push(owner);
        self
    }

    /// Only those that have this container, and of them this container; said again, that one as well. Faults that act on
    /// a pod as a whole leave the others in peace only as far as the pod itself does.
    pub fn container(mut self, name: impl Into<String>) -> Self {
        self.selector.containers.insert(name.into());
        self
    }

    /// The same as data.
    pub fn selector(&self) -> &PodSelector {
        &self.selector
    }

    /// What looking them up and `fault` on them take from the API server.
    pub fn rights_for(&self, fault: &impl Needs) -> Rights {
        let mut rights = self.rights();
        let scope = self.selector.scope();
        if scope.is_empty() {
            rights.extend(fault.needs(Place::new(Kind::POD, None)));
        }
        for namespace in scope {
            rights.extend(fault.needs(Place::new(Kind::POD, Some(namespace))));
        }
        rights
    }

    /// What looking them up takes from the API server.
    pub fn rights(&self) -> Rights {
        let mut rights = Rights::default();
        let scope = self.selector.scope();
        let mut in_scope = |verb: &'static str, kind: Kind| {
            if scope.is_empty() {
                rights.insert(Right::new(verb, kind, None));
            }
            rights.extend(scope.iter().map(|namespace| Right::new(verb, kind, Some(namespace))));
        };
        in_scope("list", Kind::POD);
        for owner in &self.selector.owners {
            in_scope("list", owner.kind.kind());
            if let Some(between) = owner.kind.through() {
                in_scope("list", between);
            }
        }
        if !self.selector.nodes.is_empty() || self.selector.node_labels.is_some() {
            rights.insert(Right::new("list", Kind::NODE, None));
        }
        rights
    }

    async fn list(&self) -> Result<Vec<Pod>> {
        let selector = &self.selector;
        selector.check()?;
        let protection = self.cluster.protection();
        // Said by name, it is a mistake; met in all namespaces, it is left alone.
        if let Some(reason) = selector.scope().iter().find_map(|namespace| protection.of_namespace(namespace))
        {
            return Err(Error::refused(reason));
        }
        let narrow = resolve::narrow(&self.cluster, selector).await?;
        let scope: Vec<Option<&str>> = match selector.scope() {
            all if all.is_empty() => vec![None],
            some => some.into_iter().map(Some).collect(),
        };
        let mut pods = Vec::new();
        let mut left_out = 0_usize;
        for namespace in scope {
            for query in self.queries(namespace, &narrow) {
                let keep = |raw: RawPod| {
                    if !self.means(&raw, &narrow) {
                        return None;
                    }
                    let alive =
                        raw.metadata.deletion_timestamp.is_none() && selects(&selector.phases, raw.phase());
                    left_out += usize::from(!alive);
                    alive.then(|| Pod::new(&self.cluster, raw, &selector.containers))
                };
                pods.extend(self.cluster.api().list(Kind::POD, namespace, &query, keep).await?);
            }
        }
        self.none_is_missing(&pods, left_out)?;
        Ok(pods)
    }

    /// What is asked of the server: as much as it can select by.
    fn queries(&self, namespace: Option<&str>, narrow: &resolve::Narrow) -> Vec<Query> {
        let selector = &self.selector;
        let mut fields: Vec<String> = selector.fields.iter().map(ToString::to_string).collect();
        if let Some(node) = narrow.only_node() {
            fields.push(format!("spec.nodeName={node}"));
        }
        let base = Query { labels: selector.labels.as_ref().map(ToString::to_string), ..Query::default() };
        let with = |fields: &[String]| {
            if fields.is_empty() { base.clone() } else { base.clone().fields(fields.join(",")) }
        };
        // A request per name, as long as that is less than a page.
        match namespace.and_then(|namespace| selector.pods.get(namespace)) {
            Some(names) if names.len() <= 20 => names
                .iter()
                .map(|name| with(&[&fields[..], &[format!("metadata.name={name}")]].concat()))
                .collect(),
            _ => vec![with(&fields)],
        }
    }

    /// Looks again at everything that can be looked at here: a selector that a server drops selects everything.
    fn means(&self, raw: &RawPod, narrow: &resolve::Narrow) -> bool {
        let selector = &self.selector;
        let namespace = raw.metadata.namespace.as_deref().unwrap_or_default();
        (selector.all_namespaces || selector.scope().contains(namespace))
            && (selector.pods.is_empty()
                || selector.pods.get(namespace).is_some_and(|names| names.contains(&raw.metadata.name)))
            && selector.labels.as_ref().is_none_or(|labels| labels.matches(&raw.metadata.labels))
            && selector
                .annotations
                .iter()
                .all(|(key, value)| raw.metadata.annotations.get(key) == Some(value))
            && (selector.containers.is_empty()
                || raw.spec.containers.iter().any(|container| selector.containers.contains(&container.name)))
            && narrow.allows(raw)
    }

    fn none_is_missing(&self, pods: &[Pod], left_out: usize) -> Result<()> {
        let seen: BTreeSet<(&str, &str)> = pods.iter().map(|pod| (pod.namespace(), pod.pod_name())).collect();
        for (namespace, names) in &self.selector.pods {
            if let Some(name) = names.iter().find(|name| !seen.contains(&(namespace.as_str(), name.as_str())))
            {
                return Err(Error::refused(format!(
                    "pod {namespace}/{name} is not there, or not as selected ({})",
                    self.selector
                )));
            }
        }
        if !pods.is_empty() {
            return Ok(());
        }
        let note = match left_out {
            0 => String::new(),
            1 => "; one would be, but has ended, is being deleted, or is in another phase".to_owned(),
            many => format!("; {many} would be, but have ended, are being deleted, or are in another phase"),
        };
        Err(Error::refused(format!("no pod is selected by: {}{note}", self.selector)))
    }
}

impl Select<Pod> for Pods {
    async fn select(&self) -> Result<Vec<Pod>> {
        self.list().await
    }

    fn describe(&self) -> String {
        self.selector.to_string()
    }
}

impl fmt::Debug for Pods {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Pods({})", self.selector)
    }
}
