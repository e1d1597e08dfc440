//! Who may do what.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::answer::{Answer, Outcome, Refused};
use super::call::Call;
use crate::cluster::rights::Right;

/// What clients may do: everything, or this; and never that.
#[derive(Debug, Default)]
pub(super) struct Roles {
    only: Option<BTreeSet<Right>>,
    not: BTreeSet<Right>,
}

impl Roles {
    pub(super) fn allow_only(&mut self, rights: impl IntoIterator<Item = Right>) {
        self.only = Some(rights.into_iter().collect());
    }

    pub(super) fn forbid(&mut self, right: Right) {
        self.not.insert(right);
    }

    fn allows(&self, verb: &str, group: &str, resource: &str, namespace: Option<&str>) -> bool {
        // A right without a namespace covers all of them.
        let covers = |right: &Right| {
            right.verb() == verb
                && right.group() == group
                && right.resource() == resource
                && (right.namespace().is_none() || right.namespace() == namespace)
        };
        let forbidden = |right: &Right| {
            covers(right) || (covers_all(right, verb, group, resource) && namespace.is_none())
        };
        self.only.as_ref().is_none_or(|only| only.iter().any(covers)) && !self.not.iter().any(forbidden)
    }

    pub(super) fn check(&self, call: &Call) -> Outcome<()> {
        if self.allows(call.verb, &call.group, &call.resource, call.namespace.as_deref()) {
            return Ok(());
        }
        let scope = match &call.namespace {
            Some(namespace) => format!("in the namespace {namespace:?}"),
            None => "at the cluster scope".to_owned(),
        };
        Err(Refused::new(
            403,
            "Forbidden",
            format!(
                "{0} is forbidden: User \"test\" cannot {1} resource {0:?} in API group {2:?} {scope}",
                call.resource, call.verb, call.group
            ),
        ))
    }

    /// Answers a SelfSubjectAccessReview.
    pub(super) fn review(&self, body: &[u8]) -> Outcome<Answer> {
        let mut review: Value = serde_json::from_slice(body)
            .map_err(|error| Refused::bad_request(format!("no review: {error}")))?;
        let attributes = &review["spec"]["resourceAttributes"];
        let text = |field: &str| attributes[field].as_str().unwrap_or_default();
        let resource = match attributes["subresource"].as_str() {
            Some(subresource) if !subresource.is_empty() => format!("{}/{subresource}", text("resource")),
            _ => text("resource").to_owned(),
        };
        let namespace = attributes["namespace"].as_str().filter(|namespace| !namespace.is_empty());
        let allowed = self.allows(text("verb"), text("group"), &resource, namespace);
        review["status"] = json!({"allowed": allowed});
        Ok(Answer::new(201, &review))
    }
}

/// What is forbidden in one namespace is not allowed in all of them.
fn covers_all(right: &Right, verb: &str, group: &str, resource: &str) -> bool {
    right.verb() == verb && right.group() == group && right.resource() == resource
}
