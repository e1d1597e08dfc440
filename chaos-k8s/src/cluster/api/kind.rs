//! [`Kind`]: a kind of object, as the API server calls it.

use std::fmt;

use chaos_core::Error;
use serde::{Deserialize, Deserializer, Serialize};

/// A kind of object. Its text is `plural.group`, as `kubectl get` takes it: "pods", "deployments.apps".
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(into = "String")]
pub(crate) struct Kind {
    pub(crate) group: &'static str,
    pub(crate) version: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) namespaced: bool,
}

macro_rules! kinds {
    ($($name:ident: $group:literal $version:literal $plural:literal $kind:literal $namespaced:literal;)*) => {
        impl Kind {
            $(pub(crate) const $name: Self = Self {
                group: $group, version: $version, plural: $plural, kind: $kind, namespaced: $namespaced,
            };)*
            /// Every kind that faults, selectors and the sweep deal with.
            pub(crate) const ALL: &'static [Self] = &[$(Self::$name),*];
        }
    };
}

kinds! {
    POD: "" "v1" "pods" "Pod" true;
    NODE: "" "v1" "nodes" "Node" false;
    NAMESPACE: "" "v1" "namespaces" "Namespace" false;
    SERVICE: "" "v1" "services" "Service" true;
    ENDPOINT_SLICE: "discovery.k8s.io" "v1" "endpointslices" "EndpointSlice" true;
    REPLICATION_CONTROLLER: "" "v1" "replicationcontrollers" "ReplicationController" true;
    DEPLOYMENT: "apps" "v1" "deployments" "Deployment" true;
    STATEFUL_SET: "apps" "v1" "statefulsets" "StatefulSet" true;
    DAEMON_SET: "apps" "v1" "daemonsets" "DaemonSet" true;
    REPLICA_SET: "apps" "v1" "replicasets" "ReplicaSet" true;
    JOB: "batch" "v1" "jobs" "Job" true;
    CRON_JOB: "batch" "v1" "cronjobs" "CronJob" true;
    ROLLOUT: "argoproj.io" "v1alpha1" "rollouts" "Rollout" true;
    DEPLOYMENT_CONFIG: "apps.openshift.io" "v1" "deploymentconfigs" "DeploymentConfig" true;
    AUTOSCALER: "autoscaling" "v2" "horizontalpodautoscalers" "HorizontalPodAutoscaler" true;
    NETWORK_POLICY: "networking.k8s.io" "v1" "networkpolicies" "NetworkPolicy" true;
    BUDGET: "policy" "v1" "poddisruptionbudgets" "PodDisruptionBudget" true;
    SERVICE_ACCOUNT: "" "v1" "serviceaccounts" "ServiceAccount" true;
    ROLE: "rbac.authorization.k8s.io" "v1" "roles" "Role" true;
    ROLE_BINDING: "rbac.authorization.k8s.io" "v1" "rolebindings" "RoleBinding" true;
    CLUSTER_ROLE: "rbac.authorization.k8s.io" "v1" "clusterroles" "ClusterRole" false;
    CLUSTER_ROLE_BINDING: "rbac.authorization.k8s.io" "v1" "clusterrolebindings" "ClusterRoleBinding" false;
    ACCESS_REVIEW: "authorization.k8s.io" "v1" "selfsubjectaccessreviews" "SelfSubjectAccessReview" false;
}

impl Kind {
    /// `v1`, `apps/v1`.
    pub(crate) fn api_version(self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    /// Whether it is one of Kubernetes' own, and not somebody's who need not be there.
    pub(crate) fn is_built_in(self) -> bool {
        self != Self::ROLLOUT && self != Self::DEPLOYMENT_CONFIG
    }

    /// The path of the collection; of all namespaces, without one.
    pub(crate) fn path(self, namespace: Option<&str>) -> String {
        let root = if self.group.is_empty() { "/api" } else { "/apis" };
        let namespace = namespace.map_or_else(String::new, |name| format!("namespaces/{name}/"));
        format!("{root}/{}/{namespace}{}", self.api_version(), self.plural)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.plural)?;
        if self.group.is_empty() { Ok(()) } else { write!(f, ".{}", self.group) }
    }
}

impl fmt::Debug for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl From<Kind> for String {
    fn from(kind: Kind) -> Self {
        kind.to_string()
    }
}

impl TryFrom<String> for Kind {
    type Error = Error;
    fn try_from(text: String) -> Result<Self, Error> {
        let known = Self::ALL.iter().find(|kind| kind.to_string() == text);
        known.copied().ok_or_else(|| Error::invalid(format!("{text:?} is not a kind of object known here")))
    }
}

// Derived, it would ask for text that lives for ever.
impl<'de> Deserialize<'de> for Kind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::try_from(String::deserialize(deserializer)?).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_the_api_server() {
        assert_eq!(Kind::POD.path(Some("shop")), "/api/v1/namespaces/shop/pods");
        assert_eq!(Kind::NODE.path(None), "/api/v1/nodes");
        assert_eq!(Kind::DEPLOYMENT.path(None), "/apis/apps/v1/deployments");
    }

    #[test]
    fn texts_are_unambiguous_and_come_back() {
        for kind in Kind::ALL {
            assert_eq!(Kind::try_from(kind.to_string()).unwrap(), *kind);
        }
        assert!(Kind::try_from("secrets".to_owned()).unwrap_err().is_invalid());
    }
}
