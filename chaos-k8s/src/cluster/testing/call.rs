//! [`Call`]: a request as the server logs it.

use std::fmt;

/// A request that the server got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// `get`, `list`, `create`, `update`, `patch` or `delete`.
    pub verb: &'static str,
    /// The group of the API, empty for the core.
    pub group: String,
    /// As a role names it: `pods`, `pods/eviction`.
    pub resource: String,
    /// The namespace, if the request names one.
    pub namespace: Option<String>,
    /// The object, if the request names one.
    pub name: Option<String>,
    /// The code of the answer, also of one that was lost; 0 where the request was.
    pub code: u16,
}

impl Call {
    /// Whether it asks for a change. Access reviews are created, and change nothing.
    pub fn is_write(&self) -> bool {
        !matches!(self.verb, "get" | "list") && self.group != "authorization.k8s.io"
    }
}

impl fmt::Display for Call {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.verb, self.resource)?;
        if let Some(namespace) = &self.namespace {
            write!(f, " {namespace}")?;
        }
        if let Some(name) = &self.name {
            write!(f, "/{name}")?;
        }
        write!(f, " -> {}", self.code)
    }
}

/// How a request is met, for tests of what goes wrong on the way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Meet {
    /// It is served.
    Serve,
    /// It is not served, and answered with this code.
    Refuse(u16),
    /// It is served, and the answer is lost.
    LoseAnswer,
    /// It never arrives, and there is no answer.
    LoseRequest,
    /// It arrives when nobody waits any more: at [`FakeApi::deliver_late`](super::FakeApi::deliver_late). Until then there is no
    /// answer.
    Late,
}
