//! [`taint`]: a node that keeps pods away.

use std::fmt;

use chaos_core::{Approved, Error, Fault, Observed, Owner, Plan, Result, Target};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::PLACE;
use crate::cluster::mark::{Field, Fields, Release};
use crate::cluster::rights::{Needs, Place, Rights};
use crate::cluster::select::names;
use crate::cluster::{Cluster, ClusterNode};

/// Gives the node a taint, by default `chaos-sdk.dev/fault`. Its other taints stay as they are.
///
/// A node that has a taint of the same key and effect already is refused, unless it is this one: then it stays when the
/// fault is over.
///
/// ```
/// use chaos_k8s::cluster::nodes::{self, TaintEffect};
/// let taint = nodes::taint(TaintEffect::NoSchedule).key("example.org/outage")?.value("zone-a")?;
/// # let _ = taint;
/// # Ok::<(), chaos_core::Error>(())
/// ```
pub fn taint(effect: TaintEffect) -> Taint {
    Taint { key: "chaos-sdk.dev/fault".to_owned(), value: String::new(), effect }
}

/// What a taint does to pods that do not tolerate it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum TaintEffect {
    /// They are not scheduled there.
    NoSchedule,
    /// They are scheduled elsewhere where that is possible.
    PreferNoSchedule,
    /// They are not scheduled there, and those that run there are evicted, disruption budgets or not. That is not undone.
    NoExecute,
}

impl fmt::Display for TaintEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// See [`taint`](taint()).
#[derive(Debug, Clone)]
#[must_use = "a fault does nothing until it is injected"]
pub struct Taint {
    key: String,
    value: String,
    effect: TaintEffect,
}

impl Taint {
    /// Another key.
    ///
    /// # Errors
    /// What Kubernetes does not take for a key, or one of its own.
    pub fn key(mut self, key: impl Into<String>) -> Result<Self> {
        let key = key.into();
        names::key("taint", &key)?;
        let domain = key.split_once('/').map(|(domain, _)| domain).unwrap_or_default();
        if ["kubernetes.io", "k8s.io"]
            .iter()
            .any(|own| domain == *own || domain.ends_with(&format!(".{own}")))
        {
            return Err(Error::invalid(format!(
                "taint {key} is Kubernetes' own: its controllers would fight over it"
            )));
        }
        self.key = key;
        Ok(self)
    }

    /// With a value.
    ///
    /// # Errors
    /// What Kubernetes does not take for a value.
    pub fn value(mut self, value: impl Into<String>) -> Result<Self> {
        let value = value.into();
        names::value("taint", &value)?;
        self.value = value;
        Ok(self)
    }

    fn field(&self) -> Field {
        Field::Taint { effect: self.effect.to_string(), key: self.key.clone() }
    }

    fn wanted(&self) -> Value {
        let mut taint = json!({"key": self.key, "effect": self.effect});
        if !self.value.is_empty() {
            taint["value"] = json!(self.value);
        }
        taint
    }
}

impl fmt::Display for Taint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.key)?;
        if !self.value.is_empty() {
            write!(f, "={}", self.value)?;
        }
        write!(f, ":{}", self.effect)
    }
}

impl Needs for Taint {
    fn needs(&self, place: Place<'_>) -> Rights {
        Rights::from_iter([place.right("get"), place.right("patch")])
    }
}

impl Fault for Taint {
    type Target = ClusterNode;
    type Undo = Release;

    fn describe(&self) -> String {
        format!("taint {self}")
    }

    fn via<'a>(&'a self, node: &'a ClusterNode) -> &'a Cluster {
        node.cluster()
    }

    async fn prepare(&self, node: &ClusterNode) -> Result<Plan<Release>> {
        node.cluster().require(&self.needs(PLACE)).await?;
        let (field, wanted) = (self.field(), self.wanted());
        let wants = Fields::from([(field.clone(), wanted.clone())]);
        let (now, undo) = Release::plan(node.cluster(), &node.object(), "nodes::taint", wants).await?;
        let found = &undo.found[&field];
        let ours = crate::cluster::mark::Held::read(&now)?.has_hold_of(&field);
        if !found.is_null() && !field.is(found, &wanted) && !ours {
            return Err(Error::refused(format!(
                "node {} has a taint {}:{} already, with another value: use another key",
                node.name(),
                self.key,
                self.effect
            )));
        }
        let mut change = if found.is_null() || ours {
            format!("gets the taint {self}")
        } else {
            format!("has the taint {self} already, and keeps it")
        };
        if self.effect == TaintEffect::NoExecute {
            change.push_str("; pods that do not tolerate it are evicted for good");
        }
        Ok(Plan::reversible(change, undo).owned_by(Owner::Sweep))
    }

    async fn inject(&self, node: &Approved<ClusterNode>, undo: &Release) -> Result<()> {
        undo.take(node.cluster(), node.lasting()).await
    }

    async fn extend(&self, node: &Approved<ClusterNode>, undo: &Release) -> Result<()> {
        undo.extend(node.cluster(), node.lasting()).await
    }

    async fn observe(&self, node: &ClusterNode, undo: &Release) -> Result<Observed> {
        undo.observe(node.cluster(), |_| format!("it has the taint {self}")).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_kubernetes_own_or_no_taint_is_refused() {
        let taint = || taint(TaintEffect::NoExecute);
        for key in ["node.kubernetes.io/unreachable", "kubernetes.io/x", "a.k8s.io/b", "", "a b"] {
            assert!(taint().key(key).unwrap_err().is_invalid(), "{key}");
        }
        assert!(taint().key("mykubernetes.io/x").is_ok());
        assert!(taint().value("a/b").unwrap_err().is_invalid());
        assert_eq!(taint().value("v").unwrap().to_string(), "chaos-sdk.dev/fault=v:NoExecute");
    }
}
