//! The objects, each under its kind, namespace and name.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use serde_json::Value;
use tokio::time::Instant;

use crate::cluster::api::Kind;

pub(super) type Key = (Kind, String, String);

/// An object as it is kept: never changed, only replaced, so that a list that was begun goes on as it was.
#[derive(Debug)]
pub(super) struct Stored {
    pub(super) value: Value,
    json: OnceLock<String>,
    /// When a pod that is being deleted is gone.
    pub(super) ends: Option<Instant>,
}

impl Stored {
    pub(super) fn json(&self) -> &str {
        self.json.get_or_init(|| self.value.to_string())
    }
}

#[derive(Debug, Default)]
pub(super) struct Store {
    objects: BTreeMap<Key, Arc<Stored>>,
    version: u64,
    uids: u64,
}

impl Store {
    pub(super) fn get(&self, key: &Key) -> Option<&Arc<Stored>> {
        self.objects.get(key)
    }

    pub(super) fn of_kind(&self, kind: Kind, namespace: Option<&str>) -> impl Iterator<Item = &Arc<Stored>> {
        let from = (kind, namespace.unwrap_or_default().to_owned(), String::new());
        let namespace = namespace.map(str::to_owned);
        self.objects
            .range(from..)
            .take_while(move |(key, _)| {
                key.0 == kind && namespace.as_ref().is_none_or(|namespace| key.1 == *namespace)
            })
            .map(|(_, stored)| stored)
    }

    /// Keeps `value` in a new version.
    pub(super) fn put(&mut self, key: Key, mut value: Value, ends: Option<Instant>) -> Value {
        self.version += 1;
        value["metadata"]["resourceVersion"] = Value::String(self.version.to_string());
        let stored = Stored { value: value.clone(), json: OnceLock::new(), ends };
        self.objects.insert(key, Arc::new(stored));
        value
    }

    pub(super) fn remove(&mut self, key: &Key) {
        self.version += 1;
        self.objects.remove(key);
    }

    /// What has been deleted long enough.
    pub(super) fn let_go(&mut self, now: Instant) {
        self.objects.retain(|_, stored| stored.ends.is_none_or(|ends| ends > now));
    }

    pub(super) fn version(&self) -> u64 {
        self.version
    }

    pub(super) fn fresh_uid(&mut self) -> String {
        self.uids += 1;
        format!("00000000-0000-4000-8000-{:012x}", self.uids)
    }

    pub(super) fn retain(&mut self, keep: impl Fn(&Value) -> bool) {
        self.objects.retain(|_, stored| keep(&stored.value));
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Arc<Stored>> {
        self.objects.values()
    }
}

pub(super) fn key_of(kind: Kind, object: &Value) -> Key {
    let text = |field: &str| object["metadata"][field].as_str().unwrap_or_default().to_owned();
    let namespace = if kind.namespaced { text("namespace") } else { String::new() };
    (kind, namespace, text("name"))
}
