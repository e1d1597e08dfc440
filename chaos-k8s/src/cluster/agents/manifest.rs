//! What the API server is asked to make: an agent's pod, an ephemeral container, and the one that ends it.

use std::path::{Path, PathBuf};
use std::time::Duration;

use chaos_core::Result;
use chaos_core::ledger::RunId;
use serde_json::{Value, json};

use super::place::Place;
use crate::agent::control::Order;
use crate::agent::rights::{Right, Rights};
use crate::agent::spec::{FaultData, Spec, Token};
use crate::cluster::mark::{AGENT, Claim, Deadline, FAULTS, Fields, Held, RUN, UNDER_FAULT};

/// The agent's container in its own pod.
pub(super) const CONTAINER: &str = "agent";
/// Where an agent in a pod of its own keeps how far it got.
pub(super) const KEPT_IN: &str = "/run/chaos";
/// Where it finds its orders, and the annotation of its pod that they come from.
const ORDERS_DIR: &str = "/run/orders";
const ORDERS_FILE: &str = "orders";
pub(super) const ORDERS: &str = "chaos-sdk.dev/orders";
/// Where an order to one in the same pod is found by who carries it.
const ORDER_VARIABLE: &str = "CHAOS_AGENT_ORDER";
/// Who an agent is that needs not be root: nobody in particular.
const NOBODY: u32 = 65532;
/// How long the kubelet waits for an agent that takes everything back.
const GRACE: Duration = Duration::from_secs(30);
/// How much later than the agent's own deadline the kubelet ends its pod: it counts from before the image is there.
const BEHIND: Duration = Duration::from_secs(90);
/// Of the run that made an ephemeral container, for sweeps: there is no label for one.
pub(super) const RUN_VARIABLE: &str = "CHAOS_RUN";
/// Until when it was to last, for sweeps.
pub(super) const UNTIL_VARIABLE: &str = "CHAOS_UNTIL";

/// What all that is made for one agent says of it.
pub(super) struct Made<'a> {
    pub(super) image: &'a str,
    /// The agent's own run.
    pub(super) agent: RunId,
    /// The run of the controller.
    pub(super) run: RunId,
    pub(super) fault: &'a str,
    pub(super) until: Deadline,
    pub(super) rights: &'a Rights,
    pub(super) spec: &'a Spec,
}

impl Made<'_> {
    fn takes_power(&self) -> bool {
        self.spec.faults.values().any(|fault| matches!(fault, FaultData::Power(_)))
    }

    /// The manifest of an agent's pod on `node`.
    pub(super) fn pod(&self, namespace: &str, name: &str, node: &str) -> Result<Value> {
        let claim = Claim {
            id: self.agent,
            run: self.run,
            fault: self.fault.to_owned(),
            until: self.until,
            wants: Fields::new(),
        };
        let mut mounts = vec![json!({"name": "kept", "mountPath": KEPT_IN})];
        let mut volumes =
            vec![json!({"name": "kept", "emptyDir": {"medium": "Memory", "sizeLimit": "16Mi"}})];
        mounts.push(json!({"name": "orders", "mountPath": ORDERS_DIR, "readOnly": true}));
        volumes.push(json!({"name": "orders", "downwardAPI": {"items": [{
            "path": ORDERS_FILE, "fieldRef": {"fieldPath": format!("metadata.annotations['{ORDERS}']")},
        }]}}));
        if self.rights.has(Right::NetnsDir) {
            mounts.push(json!({
                "name": "netns", "mountPath": "/var/run/netns", "readOnly": true, "mountPropagation": "HostToContainer",
            }));
            volumes
                .push(json!({"name": "netns", "hostPath": {"path": "/var/run/netns", "type": "Directory"}}));
        }
        if self.rights.has(Right::CgroupTree) {
            mounts.push(json!({"name": "cgroups", "mountPath": "/sys/fs/cgroup"}));
            volumes.push(
                json!({"name": "cgroups", "hostPath": {"path": "/sys/fs/cgroup", "type": "Directory"}}),
            );
        }
        Ok(json!({
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": {
                "name": name,
                "namespace": namespace,
                "labels": {
                    UNDER_FAULT: "true", AGENT: "true", RUN: self.run.to_string(),
                    "app.kubernetes.io/name": "chaos-agent",
                },
                "annotations": {FAULTS: json!(Held::only(claim)).to_string()},
            },
            "spec": {
                // Not by the scheduler: it must be there, whatever the node's taints say.
                "nodeName": node,
                "tolerations": [{"operator": "Exists"}],
                "hostPID": self.rights.host_pid(),
                "hostNetwork": self.rights.host_network(),
                "automountServiceAccountToken": false,
                "enableServiceLinks": false,
                // A machine that has lost its power is not to lose it again.
                "restartPolicy": if self.takes_power() { "Never" } else { "OnFailure" },
                "activeDeadlineSeconds": (self.spec.longest() + BEHIND).as_secs(),
                "terminationGracePeriodSeconds": GRACE.as_secs(),
                "containers": [{
                    "name": CONTAINER,
                    "image": self.image,
                    "imagePullPolicy": "IfNotPresent",
                    "env": [{"name": Spec::VARIABLE, "value": self.spec.encode()?}],
                    "securityContext": security(self.rights),
                    "resources": {"requests": {"cpu": "10m", "memory": "16Mi"}, "limits": {"memory": "256Mi"}},
                    "volumeMounts": mounts,
                }],
                "volumes": volumes,
            },
        }))
    }

    /// The ephemeral container.
    pub(super) fn container(&self, name: &str) -> Result<Value> {
        Ok(json!([{
            "name": name,
            "image": self.image,
            "imagePullPolicy": "IfNotPresent",
            "env": [
                {"name": Spec::VARIABLE, "value": self.spec.encode()?},
                {"name": RUN_VARIABLE, "value": self.run.to_string()},
                {"name": UNTIL_VARIABLE, "value": self.until.to_string()},
            ],
            "securityContext": security(self.rights),
        }]))
    }
}

/// An ephemeral container without any right, which tells another one an order; to stop, without one.
pub(super) fn teller(
    name: &str,
    image: &str,
    agent: RunId,
    token: &Token,
    order: Option<&Order>,
) -> Result<Value> {
    let mut env = vec![json!({"name": "CHAOS_AGENT_TOKEN", "value": token.as_str()})];
    if let Some(order) = order {
        env.push(json!({"name": ORDER_VARIABLE, "value": order.encode()?}));
    }
    Ok(json!([{
        "name": name,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "args": ["tell", agent.to_string(), if order.is_some() { "order" } else { "stop" }],
        "env": env,
        "securityContext": security(&Rights::none()),
    }]))
}

pub(super) fn security(rights: &Rights) -> Value {
    let (user, names): (u32, Vec<&str>) = match rights.root() {
        true => (0, rights.capabilities().map(|capability| capability.name()).collect()),
        false => (NOBODY, Vec::new()),
    };
    json!({
        "runAsUser": user,
        // Said on purpose: a pod that runs as nobody says the opposite for all of its containers.
        "runAsNonRoot": user != 0,
        "readOnlyRootFilesystem": true,
        "allowPrivilegeEscalation": false,
        "capabilities": {"drop": ["ALL"], "add": names},
        "seccompProfile": {"type": "RuntimeDefault"},
    })
}

/// The file with its orders.
pub(super) fn orders_file() -> PathBuf {
    Path::new(ORDERS_DIR).join(ORDERS_FILE)
}

/// Whether a pod was made for this agent.
pub(super) fn is_of(annotations: &std::collections::BTreeMap<String, String>, agent: RunId) -> bool {
    let held = annotations.get(FAULTS).and_then(|text| Held::parse(text).ok());
    held.is_some_and(|held| held.claim(agent).is_some())
}

/// Where the agent of this run is put.
pub(super) fn name_of(agent: RunId) -> String {
    format!("chaos-agent-{agent}")
}

/// The place, in words.
pub(super) fn describe(place: &Place) -> String {
    match place {
        Place::Pod { namespace, name, .. } => format!("agent pod {namespace}/{name}"),
        Place::Container { pod, container, .. } => format!("ephemeral container {container} of {pod}"),
    }
}
