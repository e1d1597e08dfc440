//! What the API server is asked to make for a guardian. The roles come first; all else belongs to them, and goes with them by
//! Kubernetes' own garbage collection.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use chaos_core::Result;
use chaos_core::ledger::RunId;
use serde_json::{Value, json};

use super::super::manifest::{CONTAINER, security};
use super::super::speaker::INSTANCE;
use super::duty::{Duty, name_of};
use super::grant::{role_kind, rules};
use crate::agent::rights::Rights as AgentRights;
use crate::cluster::api::Kind;
use crate::cluster::mark::{AGENT, Claim, Deadline, FAULTS, Field, Fields, Held, RUN, UNDER_FAULT};

/// How long its kubelet waits for one that is told to end: it has nothing to take back then.
const GRACE_SECONDS: u32 = 5;
const RBAC: &str = "rbac.authorization.k8s.io";
const NO_EXECUTE: &str = "NoExecute";
/// What a node has that its control plane does not hear of.
const LOST: [&str; 2] = ["node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"];

/// What all that is made for one guardian says of it.
#[derive(Debug)]
pub(super) struct Manifest<'a> {
    pub(super) image: &'a str,
    /// The run of the controller.
    pub(super) run: RunId,
    pub(super) fault: &'a str,
    /// When it is over with the guardian, whatever came of it.
    pub(super) until: Deadline,
    pub(super) lifetime: Duration,
    /// Nodes that are targets: it would rather be elsewhere.
    pub(super) not_on: &'a BTreeSet<String>,
    pub(super) duty: &'a Duty,
}

/// What something belongs to.
#[derive(Debug, Clone)]
pub(super) struct Owner {
    pub(super) kind: Kind,
    pub(super) uid: String,
}

impl Manifest<'_> {
    fn name(&self) -> String {
        name_of(self.duty.guardian)
    }

    fn home(&self) -> Option<&str> {
        Some(&self.duty.namespace)
    }

    fn object(&self, kind: Kind, namespace: Option<&str>, owner: Option<&Owner>) -> Value {
        let claim = Claim {
            id: self.duty.guardian,
            run: self.run,
            fault: format!("guardian of: {}", self.fault),
            until: self.until,
            wants: Fields::new(),
        };
        let mut meta = json!({
            "name": self.name(),
            "labels": {AGENT: "true", RUN: self.run.to_string(), "app.kubernetes.io/name": "chaos-guardian", INSTANCE: self.name()},
            "annotations": {FAULTS: json!(Held::only(claim)).to_string()},
        });
        if let Some(namespace) = namespace {
            meta["namespace"] = json!(namespace);
        }
        match owner {
            Some(Owner { kind, uid }) => {
                meta["ownerReferences"] = json!([{
                    "apiVersion": kind.api_version(), "kind": kind.kind, "name": self.name(), "uid": uid,
                }]);
            }
            // By this a sweep finds them, and with them the rest.
            None => meta["labels"][UNDER_FAULT] = json!("true"),
        }
        json!({"apiVersion": kind.api_version(), "kind": kind.kind, "metadata": meta})
    }

    /// The roles: for the guardian's own namespace, for those of the targets, and for what lies in none.
    pub(super) fn roles(&self) -> BTreeMap<Option<String>, Value> {
        let grants = self.duty.grants().by_namespace;
        let role = |(namespace, rights): (Option<String>, _)| {
            let mut role = self.object(role_kind(namespace.as_deref()), namespace.as_deref(), None);
            role["rules"] = rules(&rights);
            (namespace, role)
        };
        grants.into_iter().map(role).collect()
    }

    pub(super) fn account(&self, owner: &Owner) -> Value {
        let mut account = self.object(Kind::SERVICE_ACCOUNT, self.home(), Some(owner));
        account["automountServiceAccountToken"] = json!(false);
        account
    }

    pub(super) fn binding(&self, namespace: Option<&str>, owner: &Owner) -> Value {
        let kind = if namespace.is_some() { Kind::ROLE_BINDING } else { Kind::CLUSTER_ROLE_BINDING };
        let mut binding = self.object(kind, namespace, Some(owner));
        binding["roleRef"] =
            json!({"apiGroup": RBAC, "kind": role_kind(namespace).kind, "name": self.name()});
        binding["subjects"] =
            json!([{"kind": "ServiceAccount", "name": self.name(), "namespace": self.duty.namespace}]);
        binding
    }

    /// Makes its pod, and makes it anew where it is deleted, evicted or lost with its node.
    pub(super) fn job(&self, owner: &Owner) -> Result<Value> {
        let mut job = self.object(Kind::JOB, self.home(), Some(owner));
        let meta =
            json!({"labels": job["metadata"]["labels"], "annotations": job["metadata"]["annotations"]});
        job["spec"] = json!({
            "completions": 1,
            "parallelism": 1,
            // The time is what bounds it: each eviction and each start of its container counts as a failure.
            "backoffLimit": i32::MAX,
            "activeDeadlineSeconds": self.lifetime.as_secs(),
            // Where its node is gone, nobody says of a pod that it has ended.
            "podReplacementPolicy": "TerminatingOrFailed",
            "template": {"metadata": meta, "spec": self.pod_spec()?},
        });
        Ok(job)
    }

    /// A pod as its Job makes it, under another name: to ask what the server has against it.
    pub(super) fn pod(&self, owner: &Owner) -> Result<Value> {
        let mut pod = self.object(Kind::POD, self.home(), Some(owner));
        pod["spec"] = self.pod_spec()?;
        Ok(pod)
    }

    /// Taints that are faults must neither take it away nor keep a new one from every node; a node that is lost must.
    fn tolerations(&self) -> Vec<Value> {
        let mut tolerations = vec![json!({"operator": "Exists", "effect": "NoSchedule"})];
        let wants = self.duty.undos.iter().flat_map(|task| task.undo.marked().claim.wants.keys());
        let evicting: BTreeSet<&str> = wants
            .filter_map(|field| match field {
                Field::Taint { effect, key } if effect == NO_EXECUTE => Some(key.as_str()),
                _ => None,
            })
            .collect();
        tolerations.extend(
            evicting.iter().map(|key| json!({"key": key, "operator": "Exists", "effect": NO_EXECUTE})),
        );
        // These tolerate nothing, for no taint has that value. Without them the API server adds some that do, for five minutes.
        tolerations.extend(LOST.map(
            |key| json!({"key": key, "operator": "Equal", "value": "tolerated-never", "effect": NO_EXECUTE}),
        ));
        tolerations
    }

    fn pod_spec(&self) -> Result<Value> {
        let elsewhere: Vec<Value> = self
            .not_on
            .iter()
            .map(|node| json!({"key": "metadata.name", "operator": "NotIn", "values": [node]}))
            .collect();
        let variables = self.duty.encode()?.into_iter();
        let variables: Vec<Value> =
            variables.map(|(name, value)| json!({"name": name, "value": value})).collect();
        let mut affinity = json!({});
        if !elsewhere.is_empty() {
            affinity = json!({"nodeAffinity": {"preferredDuringSchedulingIgnoredDuringExecution": [
                {"weight": 100, "preference": {"matchFields": elsewhere}},
            ]}});
        }
        Ok(json!({
            "serviceAccountName": self.name(),
            "automountServiceAccountToken": true,
            "enableServiceLinks": false,
            "affinity": affinity,
            "tolerations": self.tolerations(),
            "restartPolicy": "OnFailure",
            "activeDeadlineSeconds": self.lifetime.as_secs(),
            "terminationGracePeriodSeconds": GRACE_SECONDS,
            "containers": [{
                "name": CONTAINER,
                "image": self.image,
                "imagePullPolicy": "IfNotPresent",
                "args": ["guard"],
                "env": variables,
                "securityContext": security(&AgentRights::none()),
                "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "128Mi"}},
            }],
        }))
    }
}
