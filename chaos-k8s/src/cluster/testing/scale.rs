//! The scale subresource.

use serde_json::{Value, json};

use super::answer::{Outcome, Refused};
use super::route::Route;
use super::world::World;
use super::write::Patched;
use crate::cluster::api::Kind;

impl World {
    pub(super) fn scale(&self, route: &Route) -> Outcome<Value> {
        if matches!(route.kind, Kind::POD | Kind::NODE | Kind::DAEMON_SET | Kind::JOB | Kind::CRON_JOB) {
            return Err(Refused::no_such_resource());
        }
        let object = self.find(route)?;
        let meta = &object["metadata"];
        Ok(json!({
            "apiVersion": "autoscaling/v1", "kind": "Scale",
            "metadata": {
                "name": meta["name"], "namespace": meta["namespace"], "uid": meta["uid"],
                "resourceVersion": meta["resourceVersion"], "creationTimestamp": meta["creationTimestamp"],
            },
            "spec": {"replicas": object["spec"].get("replicas").cloned().unwrap_or(json!(1))},
            "status": {"replicas": object["status"].get("replicas").cloned().unwrap_or(json!(0))},
        }))
    }

    pub(super) fn patch_scale(&mut self, route: &Route, patched: &Patched) -> Outcome<Value> {
        let mut scale = self.scale(route)?;
        patched.apply(&mut scale)?;
        let Some(replicas) = scale["spec"]["replicas"].as_u64() else {
            return Err(Refused::invalid("spec.replicas: Invalid value: must be greater than or equal to 0"));
        };
        let found = self.find(route)?;
        let mut object = found.clone();
        object["spec"]["replicas"] = json!(replicas);
        for kept in ["resourceVersion", "uid"] {
            object["metadata"][kept] = scale["metadata"][kept].clone();
        }
        self.replace(route, &found, object)?;
        self.scale(route)
    }
}
