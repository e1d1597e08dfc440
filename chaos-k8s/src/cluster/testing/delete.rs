//! Deletion, with preconditions, grace and finalizers; and evictions, which are deletions that a budget may refuse.

use std::time::{Duration, SystemTime};

use serde_json::{Value, json};
use tokio::time::Instant;

use super::answer::{Answer, Outcome, Refused};
use super::route::Route;
use super::store::key_of;
use super::world::World;
use crate::cluster::api::Kind;

impl World {
    pub(super) fn delete(&mut self, route: &Route, options: &Value) -> Outcome<Value> {
        if route.name.is_none() {
            return Err(Refused::new(405, "MethodNotAllowed", "collections are not deleted here"));
        }
        let found = self.find(route)?;
        self.check_preconditions(route, options, &found)?;
        let key = key_of(route.kind, &found);
        let grace = match route.kind {
            Kind::POD => grace_of(&found, options),
            _ => 0,
        };
        let is_held = found["metadata"].get("finalizers").is_some();
        if grace == 0 && !is_held {
            self.store.remove(&key);
            return Ok(found);
        }
        let mut object = found;
        let until = SystemTime::now() + Duration::from_secs(grace);
        object["metadata"]["deletionTimestamp"] = json!(humantime::format_rfc3339_seconds(until).to_string());
        object["metadata"]["deletionGracePeriodSeconds"] = json!(grace);
        let ends = (!is_held).then(|| Instant::now() + Duration::from_secs(grace));
        Ok(self.store.put(key, object, ends))
    }

    fn check_preconditions(&self, route: &Route, options: &Value, found: &Value) -> Outcome<()> {
        for (field, what) in [("uid", "UID"), ("resourceVersion", "ResourceVersion")] {
            let (wanted, is) = (&options["preconditions"][field], &found["metadata"][field]);
            if !wanted.is_null() && wanted != is {
                let (wanted, is) = (wanted.as_str().unwrap_or_default(), is.as_str().unwrap_or_default());
                let why = format!(
                    "Precondition failed: {what} in precondition: {wanted}, {what} in object meta: {is}"
                );
                return Err(Refused::conflict(
                    route.kind.plural,
                    route.name.as_deref().unwrap_or_default(),
                    &why,
                ));
            }
        }
        Ok(())
    }

    pub(super) fn evict(&mut self, route: &Route, eviction: &Value) -> Outcome<Answer> {
        let name = route.name.clone().unwrap_or_default();
        if eviction["kind"] != "Eviction" || eviction["metadata"]["name"] != name {
            return Err(Refused::bad_request("the body is no eviction of this pod"));
        }
        let object = Route { subresource: None, ..route.clone() };
        let found = self.find(&object)?;
        let options = &eviction["deleteOptions"];
        self.check_preconditions(&object, options, &found)?;
        let has_ended = matches!(found["status"]["phase"].as_str(), Some("Succeeded" | "Failed"));
        let is_going = found["metadata"].get("deletionTimestamp").is_some();
        if !has_ended && !is_going {
            self.check_budgets(&found)?;
        }
        self.delete(&object, options)?;
        Ok(Answer::new(201, &json!({"kind": "Status", "apiVersion": "v1", "status": "Success", "code": 201})))
    }
}

/// A pod that no node has taken yet has none.
fn grace_of(pod: &Value, options: &Value) -> u64 {
    if pod["spec"].get("nodeName").is_none()
        || matches!(pod["status"]["phase"].as_str(), Some("Succeeded" | "Failed"))
    {
        return 0;
    }
    let own = || pod["spec"]["terminationGracePeriodSeconds"].as_u64();
    options["gracePeriodSeconds"].as_u64().or_else(own).unwrap_or(30)
}
