//! [`RawNode`]: what of a node an agent there is told, and is looked at.

use std::collections::BTreeSet;
use std::net::IpAddr;

use chaos_core::Result;
use serde::Deserialize;

use crate::cluster::ClusterNode;
use crate::cluster::api::{Kind, Meta, Request};

/// What of a node is read here.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct RawNode {
    metadata: Meta,
    status: RawStatus,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawStatus {
    conditions: Vec<RawCondition>,
    addresses: Vec<RawAddress>,
    #[serde(rename = "nodeInfo")]
    node_info: RawInfo,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct RawInfo {
    #[serde(rename = "bootID")]
    boot_id: String,
}

#[derive(Debug, Deserialize)]
struct RawAddress {
    r#type: String,
    address: String,
}

#[derive(Debug, Deserialize)]
struct RawCondition {
    r#type: String,
    status: String,
}

impl RawNode {
    /// The node; none where it is gone, or another has its name.
    pub(super) async fn read(node: &ClusterNode) -> Result<Option<Self>> {
        let object = node.object();
        let found: Option<Self> =
            node.cluster().api().find(Request::get(Kind::NODE, None, &object.name)).await?;
        Ok(found.filter(|found| found.metadata.uid == object.uid))
    }

    pub(super) fn is_ready(&self) -> bool {
        let ready = self.status.conditions.iter().find(|condition| condition.r#type == "Ready");
        ready.is_some_and(|ready| ready.status == "True")
    }

    /// Those that it has itself, and not what leads to it from elsewhere.
    pub(super) fn addresses(&self) -> BTreeSet<IpAddr> {
        let own = self.status.addresses.iter().filter(|address| address.r#type == "InternalIP");
        own.filter_map(|address| address.address.parse().ok()).collect()
    }

    /// What tells one start of its machine from the next.
    pub(super) fn boot(&self) -> &str {
        &self.status.node_info.boot_id
    }
}
