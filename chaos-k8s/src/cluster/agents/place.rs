//! [`Place`]: where an agent is, as data.

use chaos_core::ledger::RunId;
use serde::{Deserialize, Serialize};

use crate::agent::spec::Token;
use crate::cluster::api::{Kind, ObjectRef};

/// Where an agent is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) enum Place {
    /// In a pod of its own.
    Pod { namespace: String, name: String, node: String },
    /// In an ephemeral container of its target.
    Container {
        pod: ObjectRef,
        container: String,
        image: String,
        token: Token,
        /// The second since 1970 after which it does not begin any more.
        not_after: u64,
    },
}

impl Place {
    pub(super) fn of_pod(namespace: &str, agent: RunId, node: &str) -> Self {
        let name = super::manifest::name_of(agent);
        Self::Pod { namespace: namespace.to_owned(), name, node: node.to_owned() }
    }

    pub(super) fn of_container(
        pod: ObjectRef,
        agent: RunId,
        image: &str,
        token: Token,
        not_after: u64,
    ) -> Self {
        let container = super::manifest::name_of(agent);
        Self::Container { pod, container, image: image.to_owned(), token, not_after }
    }

    /// The pod that it is in: by its name alone, where it is the agent's own.
    pub(super) fn pod(&self) -> ObjectRef {
        match self {
            Self::Pod { namespace, name, .. } => ObjectRef::new(Kind::POD, Some(namespace), name, ""),
            Self::Container { pod, .. } => pod.clone(),
        }
    }

    /// The container that it is in.
    pub(super) fn container(&self) -> &str {
        match self {
            Self::Pod { .. } => super::manifest::CONTAINER,
            Self::Container { container, .. } => container,
        }
    }
}
