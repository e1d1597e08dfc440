//! What a selection of pods says of their owners and nodes, looked up: UIDs and names that exist now.

use std::collections::BTreeSet;

use chaos_core::{Error, Result};

use super::data::PodSelector;
use super::owner::OwnedBy;
use crate::cluster::Cluster;
use crate::cluster::api::{Bare, Kind, Query};
use crate::cluster::target::RawPod;

/// Where pods must be and whose they must be; `None` where nothing is said of it.
#[derive(Debug, Default)]
pub(super) struct Narrow {
    nodes: Option<BTreeSet<String>>,
    controllers: Option<BTreeSet<String>>,
}

impl Narrow {
    pub(super) fn only_node(&self) -> Option<&str> {
        let nodes = self.nodes.as_ref().filter(|nodes| nodes.len() == 1)?;
        nodes.first().map(String::as_str)
    }

    pub(super) fn allows(&self, pod: &RawPod) -> bool {
        let on_node =
            |nodes: &BTreeSet<String>| pod.spec.node_name.as_ref().is_some_and(|node| nodes.contains(node));
        let is_theirs = |uids: &BTreeSet<String>| {
            pod.metadata.controller().is_some_and(|controller| uids.contains(&controller.uid))
        };
        self.nodes.as_ref().is_none_or(on_node) && self.controllers.as_ref().is_none_or(is_theirs)
    }
}

pub(super) async fn narrow(cluster: &Cluster, selector: &PodSelector) -> Result<Narrow> {
    let mut narrow = Narrow::default();
    if !selector.nodes.is_empty() || selector.node_labels.is_some() {
        narrow.nodes = Some(nodes(cluster, selector).await?);
    }
    if !selector.owners.is_empty() {
        let mut uids = BTreeSet::new();
        for owner in &selector.owners {
            controllers(cluster, selector, owner, &mut uids).await?;
        }
        narrow.controllers = Some(uids);
    }
    Ok(narrow)
}

async fn nodes(cluster: &Cluster, selector: &PodSelector) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    for name in &selector.nodes {
        let query = Query::metadata().fields(format!("metadata.name={name}"));
        let is_it = |node: Bare| (node.metadata.name == *name).then_some(node.metadata.name);
        let nodes = cluster.api().list(Kind::NODE, None, &query, is_it).await?;
        if nodes.is_empty() {
            return Err(Error::refused(format!("node {name} is not there: check its name")));
        }
        found.extend(nodes);
    }
    if let Some(labels) = &selector.node_labels {
        let query = Query::metadata().labels(labels.to_string());
        let name = |node: Bare| labels.matches(&node.metadata.labels).then_some(node.metadata.name);
        let nodes = cluster.api().list(Kind::NODE, None, &query, name).await?;
        if nodes.is_empty() {
            return Err(Error::refused(format!("no node has labels {labels}")));
        }
        found.extend(nodes);
    }
    Ok(found)
}

/// The UIDs of what makes the pods of `owner` anew. By UID all the way: what has an owner's name need not be the owner's.
async fn controllers(
    cluster: &Cluster,
    selector: &PodSelector,
    owner: &OwnedBy,
    uids: &mut BTreeSet<String>,
) -> Result<()> {
    let mut found = false;
    let namespaces: Vec<Option<&str>> = match selector.scope() {
        all if all.is_empty() => vec![None],
        some => some.into_iter().map(Some).collect(),
    };
    for namespace in namespaces {
        let mut query = Query::metadata();
        if let Some(name) = &owner.name {
            query = query.fields(format!("metadata.name={name}"));
        }
        if let Some(labels) = &owner.labels {
            query = query.labels(labels.to_string());
        }
        let is_meant = |object: Bare| {
            let meta = object.metadata;
            let meant = owner.name.as_ref().is_none_or(|name| *name == meta.name)
                && owner.labels.as_ref().is_none_or(|labels| labels.matches(&meta.labels));
            meant.then_some(meta.uid)
        };
        let owners = cluster.api().list(owner.kind.kind(), namespace, &query, is_meant).await?;
        found |= !owners.is_empty();
        let Some(between) = owner.kind.through() else {
            uids.extend(owners);
            continue;
        };
        if owners.is_empty() {
            continue;
        }
        let is_theirs = |object: Bare| {
            let controller = object.metadata.controller()?.uid.clone();
            owners.contains(&controller).then_some(object.metadata.uid)
        };
        uids.extend(cluster.api().list(between, namespace, &Query::metadata(), is_theirs).await?);
    }
    if !found && owner.name.is_some() {
        return Err(Error::refused(format!("{owner} is not there: check its name and namespace")));
    }
    Ok(())
}
