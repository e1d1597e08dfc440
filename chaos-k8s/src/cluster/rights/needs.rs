//! [`Needs`]: what a fault takes from the API server.

use super::{Right, Rights};
use crate::cluster::api::Kind;

/// Where a fault acts: on which kind of object, and in which namespace.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    kind: Kind,
    namespace: Option<&'a str>,
}

impl<'a> Place<'a> {
    pub(crate) const fn new(kind: Kind, namespace: Option<&'a str>) -> Self {
        Self { kind, namespace }
    }

    /// `verb` on the target itself: `get`, `list`, `create`, `patch` or `delete`.
    pub(crate) fn right(&self, verb: &'static str) -> Right {
        self.right_on(verb, self.kind)
    }

    #[cfg(all(feature = "agents", target_os = "linux"))]
    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    #[cfg(all(feature = "agents", target_os = "linux"))]
    pub(crate) fn namespace(&self) -> Option<&'a str> {
        self.namespace
    }

    /// `verb` on another kind of object in the same namespace.
    pub(crate) fn right_on(&self, verb: &'static str, kind: Kind) -> Right {
        Right::new(verb, kind, self.namespace)
    }
}

/// A fault that says what it takes from the API server, to inject it and to take it back.
pub trait Needs {
    /// What it takes there.
    fn needs(&self, place: Place<'_>) -> Rights;
}
