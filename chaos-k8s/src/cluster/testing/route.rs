//! Which object a path means.

use crate::cluster::api::Kind;

use super::answer::{Outcome, Refused};

/// What a path means.
#[derive(Debug, Clone)]
pub(super) struct Route {
    pub(super) kind: Kind,
    pub(super) namespace: Option<String>,
    pub(super) name: Option<String>,
    pub(super) subresource: Option<String>,
}

impl Route {
    pub(super) fn of(path: &str) -> Outcome<Self> {
        let mut parts = path.trim_matches('/').split('/');
        let group = match parts.next() {
            Some("api") => "",
            Some("apis") => parts.next().unwrap_or_default(),
            _ => return Err(Refused::no_such_resource()),
        };
        let version = parts.next().unwrap_or_default();
        let rest: Vec<&str> = parts.collect();
        let find = |plural: &str| {
            let is_it =
                |kind: &&Kind| kind.group == group && kind.version == version && kind.plural == plural;
            Kind::ALL.iter().find(is_it).copied().ok_or_else(Refused::no_such_resource)
        };
        let (namespace, rest) = match rest.as_slice() {
            ["namespaces", namespace, more @ ..] if !more.is_empty() => (Some((*namespace).to_owned()), more),
            all => (None, all),
        };
        let [plural, object @ ..] = rest else { return Err(Refused::no_such_resource()) };
        let kind = find(plural)?;
        let text = |part: Option<&&str>| part.map(|part| (*part).to_owned());
        if object.len() > 2 || (namespace.is_some() && !kind.namespaced) {
            return Err(Refused::no_such_resource());
        }
        Ok(Self { kind, namespace, name: text(object.first()), subresource: text(object.get(1)) })
    }

    /// As a role names it.
    pub(super) fn resource(&self) -> String {
        match &self.subresource {
            None => self.kind.plural.to_owned(),
            Some(subresource) => format!("{}/{subresource}", self.kind.plural),
        }
    }

    pub(super) fn verb(&self, method: &http::Method) -> &'static str {
        match (method.as_str(), &self.name) {
            ("GET", None) => "list",
            ("GET", Some(_)) => "get",
            ("POST", _) => "create",
            ("PUT", _) => "update",
            ("PATCH", _) => "patch",
            ("DELETE", _) => "delete",
            _ => "unknown",
        }
    }
}
