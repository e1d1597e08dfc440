//! The manifest of the roles that [`Rights`] amount to.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};

use chaos_core::{Error, Result};

use super::{Right, Rights};
use crate::cluster::select::names;

/// Who gets the roles.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    kind: Who,
    name: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Who {
    ServiceAccount { namespace: String },
    User,
    Group,
}

impl Subject {
    /// The service account `name` of `namespace`.
    ///
    /// # Errors
    /// What Kubernetes does not take for a name.
    pub fn service_account(namespace: impl Into<String>, name: impl Into<String>) -> Result<Self> {
        let (namespace, name) = (namespace.into(), name.into());
        names::label("namespace", &namespace)?;
        names::subdomain("service account", &name)?;
        Ok(Self { kind: Who::ServiceAccount { namespace }, name })
    }

    /// The user with this name.
    ///
    /// # Errors
    /// An empty name, or one with control characters.
    pub fn user(name: impl Into<String>) -> Result<Self> {
        Ok(Self { kind: Who::User, name: printable("user", name.into())? })
    }

    /// All users of this group.
    ///
    /// # Errors
    /// An empty name, or one with control characters.
    pub fn group(name: impl Into<String>) -> Result<Self> {
        Ok(Self { kind: Who::Group, name: printable("group", name.into())? })
    }
}

fn printable(what: &str, name: String) -> Result<String> {
    if name.is_empty() || name.chars().any(char::is_control) {
        return Err(Error::invalid(format!("{name:?} is no name of a {what}")));
    }
    Ok(name)
}

impl Rights {
    /// The roles and their bindings, for `kubectl apply -f -`: a role in each namespace, and a cluster role where something
    /// lies in no namespace or all of them are meant. All are called `name`.
    ///
    /// # Errors
    /// What Kubernetes does not take for a name.
    pub fn manifest(&self, name: &str, subject: &Subject) -> Result<String> {
        names::subdomain("role", name)?;
        let mut by_namespace: BTreeMap<Option<&str>, Vec<&Right>> = BTreeMap::new();
        for right in self.iter() {
            by_namespace.entry(right.namespace()).or_default().push(right);
        }
        let mut text = String::new();
        for (namespace, rights) in by_namespace {
            let role = Role { name, namespace, rights, subject };
            // A String takes everything.
            let _ = write!(text, "{role}");
        }
        Ok(text)
    }
}

struct Role<'a> {
    name: &'a str,
    namespace: Option<&'a str>,
    rights: Vec<&'a Right>,
    subject: &'a Subject,
}

impl Role<'_> {
    fn header(&self, f: &mut fmt::Formatter<'_>, kind: &str) -> fmt::Result {
        writeln!(
            f,
            "---\napiVersion: rbac.authorization.k8s.io/v1\nkind: {kind}\nmetadata:\n  name: {:?}",
            self.name
        )?;
        match self.namespace {
            Some(namespace) => writeln!(f, "  namespace: {namespace:?}"),
            None => Ok(()),
        }
    }
}

impl fmt::Display for Role<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = if self.namespace.is_some() { "Role" } else { "ClusterRole" };
        self.header(f, kind)?;
        writeln!(f, "rules:")?;
        for ((group, resource), verbs) in rules(&self.rights) {
            let verbs: Vec<String> = verbs.iter().map(|verb| format!("{verb:?}")).collect();
            writeln!(
                f,
                "- apiGroups: [{group:?}]\n  resources: [{resource:?}]\n  verbs: [{}]",
                verbs.join(", ")
            )?;
        }
        self.header(f, &format!("{kind}Binding"))?;
        writeln!(
            f,
            "roleRef:\n  apiGroup: rbac.authorization.k8s.io\n  kind: {kind}\n  name: {:?}\nsubjects:",
            self.name
        )?;
        let Subject { kind, name } = self.subject;
        match kind {
            Who::ServiceAccount { namespace } => {
                writeln!(f, "- kind: ServiceAccount\n  name: {name:?}\n  namespace: {namespace:?}")
            }
            Who::User => writeln!(f, "- apiGroup: rbac.authorization.k8s.io\n  kind: User\n  name: {name:?}"),
            Who::Group => {
                writeln!(f, "- apiGroup: rbac.authorization.k8s.io\n  kind: Group\n  name: {name:?}")
            }
        }
    }
}

/// One rule for each resource.
fn rules<'a>(rights: &[&'a Right]) -> BTreeMap<(&'a str, String), BTreeSet<&'a str>> {
    let mut rules: BTreeMap<(&str, String), BTreeSet<&str>> = BTreeMap::new();
    for right in rights {
        rules.entry((right.group(), right.resource())).or_default().insert(right.verb());
    }
    rules
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::api::Kind;

    #[test]
    fn a_role_for_each_namespace_and_one_for_the_rest() {
        let rights = Rights::from_iter([
            Right::new("list", Kind::POD, Some("shop")),
            Right::new("delete", Kind::POD, Some("shop")),
            Right::new("create", Kind::POD, Some("shop")).on("eviction"),
            Right::new("list", Kind::NODE, None),
        ]);
        let subject = Subject::service_account("chaos", "runner").unwrap();
        let text = rights.manifest("chaos-shop", &subject).unwrap();
        assert_eq!(text, include_str!("golden.yaml"));
        assert!(!text.contains('*'));
    }

    #[test]
    fn names_cannot_break_out_of_the_manifest() {
        let rights = Rights::from_iter([Right::new("list", Kind::NODE, None)]);
        let user = Subject::user("a\"b: {c}\\ #d").unwrap();
        assert!(rights.manifest("r", &user).unwrap().contains(r#"name: "a\"b: {c}\\ #d""#));
        assert!(Subject::user("a\nb").unwrap_err().is_invalid());
        assert!(Subject::service_account("a/b", "c").is_err());
        assert!(rights.manifest("a\nb", &user).is_err());
    }
}
