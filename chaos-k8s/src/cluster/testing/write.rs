//! What comes of objects that are made or changed.

use std::time::SystemTime;

use http::header::CONTENT_TYPE;
use serde_json::{Value, json};

use super::answer::{Outcome, Refused};
use super::patch::{json_patch, merge};
use super::route::Route;
use super::store::{Store, key_of};
use super::world::World;
use crate::cluster::api::Kind;

/// What a patch asks for.
#[derive(Debug)]
pub(super) enum Patched {
    Merge(Value),
    Operations(Vec<Value>),
}

impl Patched {
    pub(super) fn read(parts: &http::request::Parts, body: &[u8]) -> Outcome<Self> {
        let content_type =
            parts.headers.get(CONTENT_TYPE).and_then(|text| text.to_str().ok()).unwrap_or_default();
        let wrong =
            |error: serde_json::Error| Refused::bad_request(format!("the patch cannot be read: {error}"));
        match content_type {
            "application/merge-patch+json" => serde_json::from_slice(body).map(Self::Merge).map_err(wrong),
            "application/json-patch+json" => {
                serde_json::from_slice(body).map(Self::Operations).map_err(wrong)
            }
            other => Err(Refused::new(415, "UnsupportedMediaType", format!("{other:?} is no kind of patch"))),
        }
    }

    pub(super) fn apply(&self, object: &mut Value) -> Outcome<()> {
        match self {
            Self::Merge(patch) => merge(object, patch),
            Self::Operations(operations) => json_patch(object, operations)?,
        }
        Ok(())
    }
}

/// What the server makes itself.
pub(super) fn admit(store: &mut Store, kind: Kind, mut object: Value, found: Option<&Value>) -> Value {
    if let Some(found) = found {
        for kept in ["uid", "creationTimestamp"] {
            object["metadata"][kept] = found["metadata"][kept].clone();
        }
        object["metadata"]["generation"] = next_generation(found, &object);
    } else {
        let uid = store.fresh_uid();
        object["metadata"]["uid"] = object["metadata"].get("uid").cloned().unwrap_or(json!(uid));
        object["metadata"]["creationTimestamp"] = json!(now());
        object["metadata"]["generation"] = json!(1);
    }
    object["apiVersion"] = json!(kind.api_version());
    object["kind"] = json!(kind.kind);
    prune(&mut object);
    object
}

pub(super) fn now() -> String {
    humantime::format_rfc3339_seconds(SystemTime::now()).to_string()
}

fn next_generation(found: &Value, object: &Value) -> Value {
    let was = found["metadata"]["generation"].as_u64().unwrap_or(1);
    json!(if found["spec"] == object["spec"] { was } else { was + 1 })
}

/// What is empty is not kept.
fn prune(object: &mut Value) {
    let is_empty = |value: &Value| match value {
        Value::Object(fields) => fields.is_empty(),
        Value::Array(items) => items.is_empty(),
        value => value.is_null(),
    };
    for (part, fields) in [
        ("metadata", &["labels", "annotations", "ownerReferences", "finalizers"][..]),
        ("spec", &["taints", "unschedulable"]),
    ] {
        let Some(part) = object.get_mut(part).and_then(Value::as_object_mut) else { continue };
        for field in fields {
            if part.get(*field).is_some_and(|value| is_empty(value) || *value == json!(false)) {
                part.remove(*field);
            }
        }
    }
}

impl World {
    /// Makes the object; or says what would come of it, and keeps nothing.
    pub(super) fn create(&mut self, route: &Route, mut object: Value, is_dry: bool) -> Outcome<Value> {
        let resource = route.kind.plural;
        if route.name.is_some() || route.kind.namespaced != route.namespace.is_some() {
            return Err(Refused::no_such_resource());
        }
        if let Some(namespace) = &route.namespace {
            let said = &object["metadata"]["namespace"];
            if !said.is_null() && said != namespace {
                return Err(Refused::bad_request(
                    "the namespace of the object does not match that of the request",
                ));
            }
            object["metadata"]["namespace"] = json!(namespace);
        }
        let key = key_of(route.kind, &object);
        if key.2.is_empty() {
            return Err(Refused::invalid("metadata.name: Required value: name or generateName is required"));
        }
        if object["metadata"].get("resourceVersion").is_some() {
            return Err(Refused::bad_request("resourceVersion should not be set on objects to be created"));
        }
        if self.store.get(&key).is_some() {
            return Err(Refused::new(409, "AlreadyExists", format!("{resource} {:?} already exists", key.2)));
        }
        // It is another's to say: the kubelet's, a controller's.
        if let (Some(whole), true) = (object.as_object_mut(), route.kind != Kind::NODE) {
            whole.remove("status");
        }
        if route.kind == Kind::POD {
            object["status"] = json!({"phase": "Pending"});
        }
        let made = admit(&mut self.store, route.kind, object, None);
        Ok(if is_dry { made } else { self.store.put(key, made, None) })
    }

    /// The status alone: what a kubelet or a controller writes.
    pub(super) fn patch_status(&mut self, route: &Route, patched: &Patched) -> Outcome<Value> {
        let found = self.find(route)?;
        let mut object = found.clone();
        patched.apply(&mut object)?;
        object["spec"] = found["spec"].clone();
        self.replace(route, &found, object)
    }

    pub(super) fn patch(&mut self, route: &Route, patched: &Patched) -> Outcome<Value> {
        let found = self.find(route)?;
        let mut object = found.clone();
        patched.apply(&mut object)?;
        self.replace(route, &found, object)
    }

    /// Puts `object` in the place of `found`, if it is made from this version of it.
    pub(super) fn replace(&mut self, route: &Route, found: &Value, object: Value) -> Outcome<Value> {
        let (resource, name) = (route.kind.plural, route.name.clone().unwrap_or_default());
        if object["metadata"]["resourceVersion"] != found["metadata"]["resourceVersion"] {
            return Err(Refused::changed(resource, &name));
        }
        if object["metadata"]["uid"] != found["metadata"]["uid"] {
            return Err(Refused::invalid(format!(
                "{} {name:?} is invalid: metadata.uid: field is immutable",
                route.kind.kind
            )));
        }
        for kept in ["name", "namespace"] {
            if object["metadata"][kept] != found["metadata"][kept] {
                return Err(Refused::bad_request(format!(
                    "the {kept} of the object does not match that of the request"
                )));
            }
        }
        if route.kind == Kind::POD && immutable(&object) != immutable(found) {
            return Err(Refused::invalid(format!(
                "Pod {name:?} is invalid: spec: Forbidden: pod updates may not change fields other than images"
            )));
        }
        let made = admit(&mut self.store, route.kind, object, Some(found));
        if made == *found {
            return Ok(made);
        }
        let key = key_of(route.kind, found);
        let ends = self.store.get(&key).and_then(|stored| stored.ends);
        if found["metadata"].get("deletionTimestamp").is_some()
            && made["metadata"].get("finalizers").is_none()
            && ends.is_none()
        {
            self.store.remove(&key);
            return Ok(made);
        }
        Ok(self.store.put(key, made, ends))
    }
}

/// What of a pod may not change.
fn immutable(pod: &Value) -> Value {
    let mut spec = pod["spec"].clone();
    for list in ["containers", "initContainers"] {
        for container in spec.get_mut(list).and_then(Value::as_array_mut).into_iter().flatten() {
            container["image"] = Value::Null;
        }
    }
    spec["tolerations"] = Value::Null;
    spec["activeDeadlineSeconds"] = Value::Null;
    spec
}
