//! [`Right`]: one thing that the API server must allow.

use std::fmt;

use crate::cluster::api::Kind;

/// One thing that the API server must allow: a verb on a kind of object, in one namespace, in all, or outside of any.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Right {
    pub(crate) kind: Kind,
    pub(crate) subresource: Option<&'static str>,
    pub(crate) verb: &'static str,
    pub(crate) namespace: Option<String>,
}

impl Right {
    /// On the kind in `namespace`; in all of them, or outside of any, without one.
    pub(crate) fn new(verb: &'static str, kind: Kind, namespace: Option<&str>) -> Self {
        let namespace = namespace.filter(|_| kind.namespaced).map(str::to_owned);
        Self { kind, subresource: None, verb, namespace }
    }

    pub(crate) fn on(mut self, subresource: &'static str) -> Self {
        self.subresource = Some(subresource);
        self
    }

    /// `get`, `list`, `create`, `patch` or `delete`.
    pub fn verb(&self) -> &str {
        self.verb
    }

    /// The group of the API, empty for the core.
    pub fn group(&self) -> &str {
        self.kind.group
    }

    /// As a role names it: `pods`, `pods/eviction`.
    pub fn resource(&self) -> String {
        match self.subresource {
            None => self.kind.plural.to_owned(),
            Some(subresource) => format!("{}/{subresource}", self.kind.plural),
        }
    }

    /// The one namespace it is about; none where it is about all of them, or about what lies in no namespace.
    pub fn namespace(&self) -> Option<&str> {
        self.namespace.as_deref()
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.kind)?;
        if let Some(subresource) = self.subresource {
            write!(f, "/{subresource}")?;
        }
        match &self.namespace {
            Some(namespace) => write!(f, " in namespace {namespace}"),
            None if self.kind.namespaced => f.write_str(" in all namespaces"),
            None => Ok(()),
        }
    }
}
