//! The pods of a node that a drain asks to go.

use chaos_core::{Result, Target};

use crate::cluster::ClusterNode;
use crate::cluster::api::{Kind, ObjectRef, Query};
use crate::cluster::mark::AGENT;
use crate::cluster::target::RawPod;

/// A pod that has to go.
#[derive(Debug, Clone)]
pub(super) struct Going {
    pub(super) object: ObjectRef,
    pub(super) is_unmanaged: bool,
    pub(super) has_local_data: bool,
}

/// The pods on `node` that a drain asks to go and that are not going already.
pub(super) async fn on(node: &ClusterNode) -> Result<Vec<Going>> {
    let name = node.name();
    let query = Query::default().fields(format!("spec.nodeName={name}"));
    let itself = node.cluster().itself();
    let keep = |pod: RawPod| {
        let meta = &pod.metadata;
        let namespace = meta.namespace.as_deref().unwrap_or_default();
        let stays = pod.spec.node_name.as_deref() != Some(name.as_str())
            || pod.is_mirror()
            || pod.is_of_daemon_set()
            || pod.phase().has_ended()
            || meta.deletion_timestamp.is_some()
            || meta.labels.contains_key(AGENT)
            || itself == Some((namespace, meta.name.as_str()));
        (!stays).then(|| Going {
            object: ObjectRef::new(Kind::POD, Some(namespace), &meta.name, &meta.uid),
            is_unmanaged: meta.controller().is_none(),
            has_local_data: pod.has_local_data(),
        })
    };
    Ok(node.cluster().api().list(Kind::POD, None, &query, keep).await?)
}
