//! [`Request`]: one call of the API, with the right that it takes.

use http::Method;
use http::header::{ACCEPT, CONTENT_TYPE};
use serde_json::Value;

use super::kind::Kind;
use super::meta::ObjectRef;
use super::trouble::Trouble;
use crate::cluster::rights::Right;
use chaos_core::Error;

/// One call of the API. All that changes something is conditional, on a UID, a version or a free name: so it may be sent
/// again when the answer was lost.
#[derive(Debug)]
pub(crate) struct Request {
    pub(super) right: Right,
    method: Method,
    path: String,
    query: Vec<(&'static str, String)>,
    accept: &'static str,
    body: Option<(&'static str, Vec<u8>)>,
    /// The first name in the path that is none.
    wrong: Option<String>,
}

const JSON: &str = "application/json";
/// RFC 7396: null takes away, lists are replaced whole.
const MERGE: &str = "application/merge-patch+json";
/// Kubernetes' own: entries of some lists are added by their names.
#[cfg(all(feature = "agents", target_os = "linux"))]
const STRATEGIC: &str = "application/strategic-merge-patch+json";
const METADATA: &str = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

impl Request {
    fn to(verb: &'static str, method: Method, kind: Kind, namespace: Option<&str>) -> Self {
        let right = Right::new(verb, kind, namespace);
        let path = kind.path(namespace);
        let wrong = namespace.filter(|name| !is_safe(name)).map(str::to_owned);
        Self { right, method, path, query: Vec::new(), accept: JSON, body: None, wrong }
    }

    fn to_object(verb: &'static str, method: Method, object: &ObjectRef) -> Self {
        Self::to(verb, method, object.kind, object.namespace()).segment(&object.name)
    }

    pub(crate) fn get(kind: Kind, namespace: Option<&str>, name: &str) -> Self {
        Self::to("get", Method::GET, kind, namespace).segment(name)
    }

    /// Asks for the group of a kind: everybody may.
    pub(super) fn group(kind: Kind) -> Self {
        let path = format!("/apis/{}", kind.api_version());
        Self { path, ..Self::to("get", Method::GET, kind, None) }
    }

    pub(crate) fn list(kind: Kind, namespace: Option<&str>) -> Self {
        Self::to("list", Method::GET, kind, namespace)
    }

    pub(crate) fn create(kind: Kind, namespace: Option<&str>, body: &Value) -> Self {
        Self::to("create", Method::POST, kind, namespace).body(JSON, body)
    }

    pub(crate) fn patch(object: &ObjectRef, body: &Value) -> Self {
        Self::to_object("patch", Method::PATCH, object).body(MERGE, body)
    }

    /// The object with this UID, or nothing.
    pub(crate) fn delete(object: &ObjectRef, grace_seconds: Option<u32>) -> Self {
        let body = delete_options(&object.uid, grace_seconds);
        Self::to_object("delete", Method::DELETE, object).body(JSON, &body)
    }

    /// The object with this UID and in this version, or nothing.
    pub(crate) fn delete_version(object: &ObjectRef, version: &Value) -> Self {
        let mut body = delete_options(&object.uid, None);
        body["preconditions"]["resourceVersion"] = version.clone();
        Self::to_object("delete", Method::DELETE, object).body(JSON, &body)
    }

    /// Asks for an eviction of the pod with this UID. Written here because kube 2's own sends `delete_options`, which the
    /// API server ignores, and with it the UID.
    pub(crate) fn evict(pod: &ObjectRef, grace_seconds: Option<u32>) -> Self {
        let body = serde_json::json!({
            "apiVersion": "policy/v1",
            "kind": "Eviction",
            "metadata": {"name": pod.name, "namespace": pod.namespace},
            "deleteOptions": delete_options(&pod.uid, grace_seconds),
        });
        Self::to_object("create", Method::POST, pod).subresource("eviction").body(JSON, &body)
    }

    pub(crate) fn patch_scale(object: &ObjectRef, body: &Value) -> Self {
        let patch = Self::to_object("patch", Method::PATCH, object).subresource("scale");
        patch.body(MERGE, body)
    }

    fn subresource(mut self, name: &'static str) -> Self {
        self.right = self.right.on(name);
        self.segment(name)
    }

    fn segment(mut self, name: &str) -> Self {
        if self.wrong.is_none() && !is_safe(name) {
            self.wrong = Some(name.to_owned());
        }
        self.path.push('/');
        self.path.push_str(name);
        self
    }

    fn body(mut self, content_type: &'static str, body: &Value) -> Self {
        self.body = Some((content_type, body.to_string().into_bytes()));
        self
    }

    pub(super) fn query(mut self, key: &'static str, value: impl Into<String>) -> Self {
        self.query.push((key, value.into()));
        self
    }

    /// Asks for the metadata alone.
    pub(super) fn metadata_only(mut self) -> Self {
        self.accept = METADATA;
        self
    }

    pub(super) fn to_http(&self) -> Result<http::Request<kube::client::Body>, Trouble> {
        if let Some(name) = &self.wrong {
            return Err(Trouble::Failed(Error::invalid(format!("{name:?} is not a name of an object"))));
        }
        let mut query = form_urlencoded::Serializer::new(String::new());
        let query = query.extend_pairs(&self.query).finish();
        let uri = if query.is_empty() { self.path.clone() } else { format!("{}?{query}", self.path) };
        let builder =
            http::Request::builder().method(self.method.clone()).uri(uri).header(ACCEPT, self.accept);
        let request = match &self.body {
            None => builder.body(kube::client::Body::empty()),
            Some((content_type, body)) => {
                builder.header(CONTENT_TYPE, *content_type).body(body.clone().into())
            }
        };
        request.map_err(|error| {
            Trouble::Failed(Error::invalid("a request could not be built").with_source(error))
        })
    }
}

/// Names come from users, from ledgers and from annotations: whatever they hold, a path leads nowhere else.
fn is_safe(name: &str) -> bool {
    !name.is_empty()
        && !matches!(name, "." | "..")
        && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-.:_".contains(&byte))
}

/// What agents take.
#[cfg(all(feature = "agents", target_os = "linux"))]
impl Request {
    /// Adds ephemeral containers to the pod with this UID.
    pub(crate) fn add_containers(pod: &ObjectRef, containers: &Value) -> Self {
        let body =
            serde_json::json!({"metadata": {"uid": pod.uid}, "spec": {"ephemeralContainers": containers}});
        Self::to_object("patch", Method::PATCH, pod).subresource("ephemeralcontainers").body(STRATEGIC, &body)
    }

    /// The log of a container from its beginning, as it grows.
    pub(crate) fn follow_log(pod: &ObjectRef, container: &str) -> Self {
        let request = Self::to_object("get", Method::GET, pod).subresource("log");
        request.query("container", container).query("follow", "true")
    }

    /// The object with this name, whatever its UID: for names that are given once and never again.
    pub(crate) fn delete_named(kind: Kind, namespace: Option<&str>, name: &str) -> Self {
        let body = serde_json::json!({
            "apiVersion": "v1", "kind": "DeleteOptions", "propagationPolicy": "Background",
        });
        Self::to("delete", Method::DELETE, kind, namespace).segment(name).body(JSON, &body)
    }

    /// Asks what would come of it, and changes nothing.
    pub(crate) fn dry_run(self) -> Self {
        self.query("dryRun", "All")
    }
}

fn delete_options(uid: &str, grace_seconds: Option<u32>) -> Value {
    let mut options = serde_json::json!({
        "apiVersion": "v1", "kind": "DeleteOptions", "preconditions": {"uid": uid},
    });
    if let Some(seconds) = grace_seconds {
        options["gracePeriodSeconds"] = seconds.into();
    }
    options
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_leads_to_its_object_and_nowhere_else() {
        let ok = Request::get(Kind::POD, Some("shop"), "cart-0").to_http().unwrap();
        assert_eq!(ok.uri(), "/api/v1/namespaces/shop/pods/cart-0");
        for name in ["", ".", "..", "a/b", "a?b", "a#b", "a%2fb", "a b", "a\nb", "ä"] {
            assert!(Request::get(Kind::POD, Some("shop"), name).to_http().is_err(), "{name:?}");
            assert!(Request::list(Kind::POD, Some(name)).to_http().is_err(), "{name:?}");
        }
    }

    #[test]
    fn an_eviction_carries_its_options_under_the_name_that_the_server_reads() {
        let pod = ObjectRef::new(Kind::POD, Some("shop"), "cart-0", "u1");
        let request = Request::evict(&pod, Some(3));
        assert_eq!(request.right.to_string(), "create pods/eviction in namespace shop");
        let (_, body) = request.body.unwrap();
        let body: Value = serde_json::from_slice(&body).unwrap();
        assert_eq!(body["deleteOptions"]["preconditions"]["uid"], "u1");
        assert_eq!(body["deleteOptions"]["gracePeriodSeconds"], 3);
    }
}
