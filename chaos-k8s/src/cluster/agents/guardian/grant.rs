//! [`Grants`]: what a guardian may do, on which objects, as the rules of its roles.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::entrusted::Entrusted;
use crate::cluster::api::Kind;
use crate::cluster::rights::Right;

/// A right on the object with this name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Named {
    pub(super) right: Right,
    pub(super) name: String,
}

/// By namespace; without one, what lies in none. Each is a role, and may be taken away by who has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Grants {
    pub(super) by_namespace: BTreeMap<Option<String>, BTreeSet<Named>>,
}

impl Grants {
    /// What these undos take, and the end of the roles themselves, which are all called `role`. One of them is in `home`.
    pub(super) fn of<'a>(undos: impl IntoIterator<Item = &'a Entrusted>, home: &str, role: &str) -> Self {
        let mut by_namespace: BTreeMap<Option<String>, BTreeSet<Named>> =
            BTreeMap::from([(Some(home.to_owned()), BTreeSet::new())]);
        for need in undos.into_iter().flat_map(Entrusted::needs) {
            let namespace = need.right.namespace().map(str::to_owned);
            by_namespace.entry(namespace).or_default().insert(need);
        }
        for (namespace, rights) in &mut by_namespace {
            let right = Right::new("delete", role_kind(namespace.as_deref()), namespace.as_deref());
            rights.insert(Named { right, name: role.to_owned() });
        }
        Self { by_namespace }
    }

    /// One of each kind of right there is: all names of one stand in the same rule.
    pub(super) fn samples(&self) -> impl Iterator<Item = &Named> {
        let mut seen = BTreeSet::new();
        self.by_namespace.values().flatten().filter(move |named| seen.insert(&named.right))
    }
}

/// The kind of a role for a namespace, or for what lies in none.
pub(super) fn role_kind(namespace: Option<&str>) -> Kind {
    if namespace.is_some() { Kind::ROLE } else { Kind::CLUSTER_ROLE }
}

/// The rules of one role: verbs on the same names of a resource stand together.
pub(super) fn rules(rights: &BTreeSet<Named>) -> Value {
    let mut names: BTreeMap<(&str, String, &str), BTreeSet<&str>> = BTreeMap::new();
    for Named { right, name } in rights {
        names.entry((right.group(), right.resource(), right.verb())).or_default().insert(name);
    }
    let mut verbs: BTreeMap<(&str, String, BTreeSet<&str>), BTreeSet<&str>> = BTreeMap::new();
    for ((group, resource, verb), names) in names {
        verbs.entry((group, resource, names)).or_default().insert(verb);
    }
    let rules = verbs.into_iter().map(|((group, resource, names), verbs)| {
        json!({"apiGroups": [group], "resources": [resource], "resourceNames": names, "verbs": verbs})
    });
    rules.collect()
}
