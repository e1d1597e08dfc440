//! [`Asking`]: how an agent in a pod of its own is told to end.

use std::time::{Duration, Instant};

use chaos_core::units::secs;
use chaos_core::{Error, Result};
use serde_json::{Value, json};

use super::facts::RawPod;
use super::manifest::{CONTAINER, ORDERS};
use crate::agent::control::{Order, Orders};
use crate::agent::spec::FaultData;
use crate::cluster::Cluster;
use crate::cluster::api::{ObjectRef, Request};

/// How long an order may take to be heeded before the pod is ended.
const HEEDED_WITHIN: Duration = secs(8);
/// How long its faults last once it has heeded the order.
const AT_ONCE: Duration = secs(1);

/// How far it was asked.
///
/// The kubelet ends it as by SIGTERM when its pod has a deadline, and how it ended can be read before the pod goes. But it does
/// not start such a pod again: should the agent be killed with its guardian before it has taken back what nobody else would, that would
/// stay. An agent with such a fault gets an order first, which one that is started again heeds as well.
#[derive(Debug, Default)]
pub(super) struct Asking {
    ordered: Option<Instant>,
    has_deadline: bool,
}

impl Asking {
    /// Asks, unless that was done; once more in the other way, where the first one takes too long.
    pub(super) async fn ask(&mut self, cluster: &Cluster, pod: &RawPod, object: &ObjectRef) -> Result<()> {
        if self.has_deadline || self.ordered.is_some_and(|then| then.elapsed() < HEEDED_WITHIN) {
            return Ok(());
        }
        if self.ordered.is_none() && needs_itself(pod) {
            self.ordered = Some(Instant::now());
            let text = order(pod.metadata.annotations.get(ORDERS))?;
            let body = json!({"metadata": {"uid": object.uid, "annotations": {ORDERS: text}}});
            return patch(cluster, object, &body).await;
        }
        let body = json!({"metadata": {"uid": object.uid}, "spec": {"activeDeadlineSeconds": 1}});
        patch(cluster, object, &body).await?;
        self.has_deadline = true;
        Ok(())
    }
}

/// Whether it has a fault that only it and its guardian take back; so it is where that cannot be read.
fn needs_itself(pod: &RawPod) -> bool {
    let spec = pod.agent_spec(CONTAINER);
    !spec.is_some_and(|spec| spec.faults.values().all(FaultData::ends_with_its_agent))
}

/// The orders that it has, and the one to end.
fn order(had: Option<&String>) -> Result<String> {
    let mut orders = had.map(|text| Orders::from_text(text)).transpose()?.unwrap_or_default();
    orders.push(Order::Extend(AT_ONCE));
    orders.to_text()
}

async fn patch(cluster: &Cluster, object: &ObjectRef, body: &Value) -> Result<()> {
    let done: Result<Value, _> = cluster.api().send(Request::patch(object, body)).await;
    match done {
        // Gone or changed meanwhile: the next look says.
        Err(trouble) if !trouble.is_not_found() && !trouble.is_conflict() => Err(Error::from(trouble)),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::spec::{ContainerProcesses, Item, PodNetwork, Spec, TargetData, Which};
    use crate::node::{net, process};

    #[test]
    fn an_agent_is_ordered_to_end_where_nobody_else_would_take_its_faults_back() {
        let pod = |fault: FaultData, target: TargetData| -> RawPod {
            let item = Item::new("shop/cart-0", target, "f");
            let spec = Spec::lasting(secs(60)).fault("f", fault).item(item);
            let env = json!([{"name": Spec::VARIABLE, "value": spec.encode().unwrap()}]);
            serde_json::from_value(json!({"spec": {"containers": [{"name": CONTAINER, "env": env}]}}))
                .unwrap()
        };
        let network = PodNetwork::of([[10, 244, 1, 2].into()]);
        let processes = ContainerProcesses::of("0f".repeat(32), Which::All);
        assert!(!needs_itself(&pod(net::drop().into(), network.into())));
        assert!(needs_itself(&pod(process::stop().into(), processes.into())));
        assert!(needs_itself(&serde_json::from_value(json!({})).unwrap()));
    }

    #[test]
    fn the_order_comes_after_those_that_were_given() {
        assert_eq!(order(None).unwrap(), r#"[{"n":1,"order":{"extend":"1s"}}]"#);
        let had = r#"[{"n":4,"order":{"extend":"60s"}}]"#.to_owned();
        assert!(order(Some(&had)).unwrap().ends_with(r#"{"n":5,"order":{"extend":"1s"}}]"#));
        assert!(order(Some(&"nonsense".to_owned())).is_err());
    }
}
