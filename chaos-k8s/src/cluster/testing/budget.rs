//! Disruption budgets, counted when they are asked: there is no controller that writes their status.

use std::collections::BTreeMap;

use serde_json::Value;

use super::answer::{Outcome, Refused};
use super::world::World;
use crate::cluster::api::Kind;

impl World {
    /// Whether the budgets of its namespace let this pod go.
    pub(super) fn check_budgets(&self, pod: &Value) -> Outcome<()> {
        let namespace = pod["metadata"]["namespace"].as_str();
        let budgets: Vec<&Value> = self
            .store
            .of_kind(Kind::BUDGET, namespace)
            .map(|stored| &stored.value)
            .filter(|budget| selects(budget, pod))
            .collect();
        let budget = match budgets.as_slice() {
            [] => return Ok(()),
            [budget] => budget,
            _ => {
                return Err(Refused::new(
                    500,
                    "InternalError",
                    "This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.",
                ));
            }
        };
        let pods: Vec<&Value> = self
            .store
            .of_kind(Kind::POD, namespace)
            .map(|stored| &stored.value)
            .filter(|pod| selects(budget, pod))
            .collect();
        let healthy = pods.iter().filter(|pod| is_healthy(pod)).count();
        let desired = desired(budget, self.expected(&pods));
        let allowed = healthy > desired || (!is_healthy(pod) && healthy >= desired && desired > 0);
        if allowed {
            return Ok(());
        }
        let name = budget["metadata"]["name"].as_str().unwrap_or_default();
        Err(Refused::of_budget(format!(
            "The disruption budget {name} needs {desired} healthy pods and has {healthy} currently"
        )))
    }

    /// How many pods there ought to be: what their controllers ask for; those that are there, where none has one.
    fn expected(&self, pods: &[&Value]) -> usize {
        let mut asked: BTreeMap<String, u64> = BTreeMap::new();
        for pod in pods {
            let mut owner = self.controller(pod);
            while let Some(above) = owner.and_then(|owner| self.controller(owner)) {
                owner = Some(above);
            }
            let Some(owner) = owner else { return pods.len() };
            let uid = owner["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
            asked.insert(uid, owner["spec"]["replicas"].as_u64().unwrap_or(1));
        }
        usize::try_from(asked.values().sum::<u64>()).unwrap_or(usize::MAX)
    }

    fn controller(&self, object: &Value) -> Option<&Value> {
        let owners = object.pointer("/metadata/ownerReferences")?.as_array()?;
        let uid = &owners.iter().find(|owner| owner["controller"] == true)?["uid"];
        self.store.all().map(|stored| &stored.value).find(|there| there["metadata"]["uid"] == *uid)
    }
}

fn selects(budget: &Value, pod: &Value) -> bool {
    let wanted: BTreeMap<&String, &Value> = budget
        .pointer("/spec/selector/matchLabels")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
        .collect();
    !wanted.is_empty() && wanted.into_iter().all(|(key, value)| pod["metadata"]["labels"][key] == *value)
}

fn is_healthy(pod: &Value) -> bool {
    let conditions = pod.pointer("/status/conditions").and_then(Value::as_array).into_iter().flatten();
    let is_ready =
        conditions.into_iter().any(|condition| condition["type"] == "Ready" && condition["status"] == "True");
    is_ready && pod["metadata"].get("deletionTimestamp").is_none()
}

/// How many of `pods` have to stay healthy.
fn desired(budget: &Value, pods: usize) -> usize {
    let amount = |field: &str| match &budget["spec"][field] {
        Value::Number(number) => number.as_u64().and_then(|number| usize::try_from(number).ok()),
        // Rounded up, as the real one does.
        Value::String(percent) => {
            percent.trim_end_matches('%').parse::<usize>().ok().map(|percent| (pods * percent).div_ceil(100))
        }
        _ => None,
    };
    match (amount("minAvailable"), amount("maxUnavailable")) {
        (Some(least), _) => least,
        (None, Some(most)) => pods.saturating_sub(most),
        (None, None) => 0,
    }
}
