//! [`FakeApi`]: the server, and what a test does to it.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::Value;
use tokio::time::Instant;

use super::answer::{Answer, Outcome, Refused};
use super::call::{Call, Meet};
use super::list::Pages;
use super::roles::Roles;
use super::service::FakeService;
use super::store::{Store, key_of};
use super::write::{Patched, admit};
use crate::cluster::Cluster;
use crate::cluster::api::Kind;
use crate::cluster::rights::{Right, Rights};

/// What became of a request.
pub(super) enum Served {
    Answer(Answer),
    Lost,
    Never,
}

type Script = dyn FnMut(&Call) -> Meet + Send;

/// An API server in memory; see the [module](super). Cheap to clone; clones share everything.
#[derive(Clone, Default)]
pub struct FakeApi {
    inner: Arc<Inner>,
}

#[derive(Default)]
struct Inner {
    world: Mutex<World>,
    // Not under the world's lock: a script changes the world.
    script: Mutex<Option<Box<Script>>>,
}

#[derive(Default)]
pub(super) struct World {
    pub(super) store: Store,
    pub(super) pages: Pages,
    pub(super) roles: Roles,
    calls: Vec<Call>,
    late: Vec<(http::request::Parts, Vec<u8>)>,
    logs: HashMap<(String, String), String>,
    pub(super) ignores_selectors: bool,
}

impl FakeApi {
    /// A server without objects, whose every client may do everything.
    pub fn new() -> Self {
        Self::default()
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.inner.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A client of it. Inside a runtime only.
    pub fn client(&self) -> kube::Client {
        kube::Client::new(FakeService(self.clone()), "default")
    }

    /// A cluster with a client of its own.
    pub fn cluster(&self) -> Cluster {
        Cluster::new(self.client())
    }

    /// Makes or replaces an object, as a controller or an administrator would, and returns it as it is kept.
    ///
    /// # Panics
    /// When it is no object of a kind that is known here.
    pub fn put(&self, object: Value) -> Value {
        let kind = kind_of(&object);
        let mut world = self.world();
        let key = key_of(kind, &object);
        let found = world.store.get(&key).map(|stored| stored.value.clone());
        let made = admit(&mut world.store, kind, object, found.as_ref());
        world.store.put(key, made, None)
    }

    /// The object, if it is there: `api.get("pods", "shop", "cart-0")`, with an empty namespace where there is none.
    ///
    /// # Panics
    /// When the kind is not known here.
    pub fn get(&self, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        let mut world = self.world();
        world.store.let_go(Instant::now());
        world.store.get(&key(plural, namespace, name)).map(|stored| stored.value.clone())
    }

    /// Changes the object in place, as somebody else would.
    ///
    /// # Panics
    /// When it is not there, or the kind is not known here.
    pub fn change(&self, plural: &str, namespace: &str, name: &str, change: impl FnOnce(&mut Value)) {
        let key = key(plural, namespace, name);
        let mut world = self.world();
        let stored =
            world.store.get(&key).unwrap_or_else(|| panic!("there is no {plural} {namespace}/{name}"));
        let (mut value, ends) = (stored.value.clone(), stored.ends);
        change(&mut value);
        world.store.put(key, value, ends);
    }

    /// Takes the object away at once.
    ///
    /// # Panics
    /// When the kind is not known here.
    pub fn remove(&self, plural: &str, namespace: &str, name: &str) {
        self.world().store.remove(&key(plural, namespace, name));
    }

    /// What the log of this pod says from now on: all of it, in lines.
    pub fn set_log(&self, namespace: &str, pod: &str, text: impl Into<String>) {
        self.world().logs.insert((namespace.to_owned(), pod.to_owned()), text.into());
    }

    /// Does what the garbage collector does: takes away what belongs to something that is gone.
    pub fn collect_garbage(&self) {
        let mut world = self.world();
        loop {
            let uids: Vec<Value> =
                world.store.all().map(|stored| stored.value["metadata"]["uid"].clone()).collect();
            world.store.retain(|object| {
                let owners = object.pointer("/metadata/ownerReferences").and_then(Value::as_array);
                owners.is_none_or(|owners| {
                    owners.is_empty() || owners.iter().any(|owner| uids.contains(&owner["uid"]))
                })
            });
            if world.store.all().count() == uids.len() {
                return;
            }
        }
    }

    /// Everything that is kept, version numbers left out: to compare before and after.
    pub fn state(&self) -> Vec<Value> {
        let mut world = self.world();
        world.store.let_go(Instant::now());
        let bare = |value: &Value| {
            let mut value = value.clone();
            for made in ["resourceVersion", "generation"] {
                value["metadata"].as_object_mut().map(|meta| meta.remove(made));
            }
            value
        };
        world.store.all().map(|stored| bare(&stored.value)).collect()
    }

    /// From now on clients may do this and nothing else. Access reviews are always answered.
    pub fn allow_only(&self, rights: &Rights) {
        self.world().roles.allow_only(rights.iter().cloned());
    }

    /// From now on clients may not do this.
    pub fn forbid(&self, right: Right) {
        self.world().roles.forbid(right);
    }

    /// Asks `script` how to meet each request from now on. It may change the server while it is asked.
    pub fn meet(&self, script: impl FnMut(&Call) -> Meet + Send + 'static) {
        let script: Box<Script> = Box::new(script);
        *self.inner.script.lock().unwrap_or_else(PoisonError::into_inner) = Some(script);
    }

    /// Serves every request from now on.
    pub fn meet_again(&self) {
        *self.inner.script.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    /// From now on selectors are ignored: a server, or something before it, that answers with everything.
    pub fn ignore_selectors(&self) {
        self.world().ignores_selectors = true;
    }

    /// Forgets the pages of lists that were begun, as a server does after some minutes.
    pub fn expire_pages(&self) {
        self.world().pages.expire();
    }

    /// Every request so far.
    pub fn calls(&self) -> Vec<Call> {
        self.world().calls.clone()
    }

    /// Every request so far that asked for a change.
    pub fn writes(&self) -> Vec<Call> {
        self.world().calls.iter().filter(|call| call.is_write()).cloned().collect()
    }

    /// Forgets the requests so far.
    pub fn forget_calls(&self) {
        self.world().calls.clear();
    }

    /// Serves what came [late](Meet::Late), in the order in which it was sent; the codes of the answers.
    pub fn deliver_late(&self) -> Vec<u16> {
        let late = std::mem::take(&mut self.world().late);
        self.meet_again();
        let code = |served| match served {
            Served::Answer(answer) => answer.code,
            Served::Lost | Served::Never => 0,
        };
        late.iter().map(|(parts, body)| code(self.serve(parts, body))).collect()
    }

    pub(super) fn serve(&self, parts: &http::request::Parts, body: &[u8]) -> Served {
        if let Some(answer) = self.world().group(parts.uri.path()) {
            return Served::Answer(answer);
        }
        let route = match super::route::Route::of(parts.uri.path()) {
            Ok(route) => route,
            Err(refused) => return Served::Answer(refused.into_answer()),
        };
        let mut call = Call {
            verb: route.verb(&parts.method),
            group: route.kind.group.to_owned(),
            resource: route.resource(),
            namespace: route.namespace.clone(),
            name: route.name.clone(),
            code: 0,
        };
        let meet = match &mut *self.inner.script.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(script) => script(&call),
            None => Meet::Serve,
        };
        let mut world = self.world();
        let served = match &meet {
            Meet::Refuse(code) => {
                Served::Answer(Refused::new(*code, "ByTest", "the test says so").into_answer())
            }
            Meet::LoseRequest => Served::Lost,
            Meet::Late => {
                world.late.push((parts.clone(), body.to_vec()));
                return Served::Never;
            }
            Meet::Serve | Meet::LoseAnswer => {
                world.store.let_go(Instant::now());
                let answer = world.answer(&route, &call, parts, body).unwrap_or_else(Refused::into_answer);
                call.code = answer.code;
                if meet == Meet::LoseAnswer { Served::Lost } else { Served::Answer(answer) }
            }
        };
        if let Served::Answer(answer) = &served {
            call.code = answer.code;
        }
        world.calls.push(call);
        served
    }
}

impl World {
    /// What it serves of a group, if that is asked. Kinds that are not Kubernetes' own are there as soon as an object is.
    fn group(&self, path: &str) -> Option<Answer> {
        let version = path.strip_prefix("/apis/").filter(|rest| rest.matches('/').count() == 1)?;
        let is_served = |kind: &&Kind| {
            kind.api_version() == version
                && (kind.is_built_in() || self.store.of_kind(**kind, None).next().is_some())
        };
        let kinds: Vec<&str> = Kind::ALL.iter().filter(is_served).map(|kind| kind.plural).collect();
        if kinds.is_empty() {
            return Some(Refused::no_such_resource().into_answer());
        }
        let resources: Vec<Value> = kinds.iter().map(|plural| serde_json::json!({"name": plural})).collect();
        let list =
            serde_json::json!({"kind": "APIResourceList", "groupVersion": version, "resources": resources});
        Some(Answer::new(200, &list))
    }

    fn answer(
        &mut self,
        route: &super::route::Route,
        call: &Call,
        parts: &http::request::Parts,
        body: &[u8],
    ) -> Outcome<Answer> {
        if route.kind == Kind::ACCESS_REVIEW {
            return self.roles.review(body);
        }
        self.roles.check(call)?;
        let json = || -> Outcome<Value> {
            if body.is_empty() {
                return Ok(Value::Null);
            }
            serde_json::from_slice(body)
                .map_err(|error| Refused::bad_request(format!("the body is no JSON: {error}")))
        };
        match (call.verb, route.subresource.as_deref()) {
            ("list", None) => self.list(route, parts),
            ("get", None) => self.find(route).map(|object| Answer::new(200, &object)),
            ("create", None) => {
                let is_dry =
                    parts.uri.query().is_some_and(|query| query.split('&').any(|one| one == "dryRun=All"));
                self.create(route, json()?, is_dry).map(|object| Answer::new(201, &object))
            }
            ("patch", None) => {
                let patched = Patched::read(parts, body)?;
                self.patch(route, &patched).map(|object| Answer::new(200, &object))
            }
            ("delete", None) => self.delete(route, &json()?).map(|object| Answer::new(200, &object)),
            ("patch", Some("status")) => {
                let patched = Patched::read(parts, body)?;
                self.patch_status(route, &patched).map(|object| Answer::new(200, &object))
            }
            ("create", Some("eviction")) if route.kind == Kind::POD => self.evict(route, &json()?),
            ("get", Some("log")) if route.kind == Kind::POD => self.log(route),
            ("get", Some("scale")) => self.scale(route).map(|scale| Answer::new(200, &scale)),
            ("patch", Some("scale")) => {
                let patched = Patched::read(parts, body)?;
                self.patch_scale(route, &patched).map(|scale| Answer::new(200, &scale))
            }
            _ => Err(Refused::new(405, "MethodNotAllowed", "the server does not allow this method")),
        }
    }

    fn log(&self, route: &super::route::Route) -> Outcome<Answer> {
        self.find(route)?;
        let of = (route.namespace.clone().unwrap_or_default(), route.name.clone().unwrap_or_default());
        let body = self.logs.get(&of).cloned().unwrap_or_default().into_bytes();
        Ok(Answer { code: 200, body })
    }

    pub(super) fn find(&self, route: &super::route::Route) -> Outcome<Value> {
        let name = route.name.clone().unwrap_or_default();
        let key = (route.kind, route.namespace.clone().unwrap_or_default(), name.clone());
        let stored = self.store.get(&key).ok_or_else(|| Refused::not_found(route.kind.plural, &name))?;
        Ok(stored.value.clone())
    }
}

fn kind_of(object: &Value) -> Kind {
    let is_it = |kind: &&Kind| object["kind"] == kind.kind && object["apiVersion"] == kind.api_version();
    let found = Kind::ALL.iter().find(is_it).copied();
    found.unwrap_or_else(|| panic!("{} {} is not known here", object["apiVersion"], object["kind"]))
}

fn key(plural: &str, namespace: &str, name: &str) -> super::store::Key {
    let found = Kind::ALL.iter().find(|kind| kind.plural == plural).copied();
    let kind = found.unwrap_or_else(|| panic!("{plural} are not known here"));
    (kind, namespace.to_owned(), name.to_owned())
}

impl fmt::Debug for FakeApi {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FakeApi").field("objects", &self.world().store.all().count()).finish_non_exhaustive()
    }
}
