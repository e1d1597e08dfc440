//! A sweep of the host by marks alone: [`Node::sweep_marks`].
//!
//! The ledger is the way to know what a dead run left ([`chaos_core::ledger::sweep`]). Where it is lost, everything that the
//! engines make still says whose it is:
//!
//! | what | its mark | its run lives while |
//! |---|---|---|
//! | devices that packets waited on | name and alias, `chaos:RUN` | the run's socket is in that namespace (unix(7), abstract: `@chaos-run-RUN`) |
//! | filters of BPF that picked packets, with a clsact of ours that nobody else uses | name, `chaos:RUN/...` | the same |
//! | tables of nf_tables that no socket owns (before Linux 5.12) | name, `chaos-RUN` | the same |
//! | cgroups of stressors | name, `chaos-stress-RUN-N` | the run holds a lock on the directory (flock(2)) |
//!
//! Both signs are the kernel's, and go with their process. Tables of nf_tables that are owned, the way to the resolver of DNS
//! faults among them, and stressors go with it as well, so there is nothing of them to find. What a living run made is never touched,
//! whoever asks; nor is anything without a mark.
//!
//! ```no_run
//! # async fn example() -> chaos_core::Result<()> {
//! let node = chaos_k8s::Node::new(&chaos_core::Chaos::random());
//! let swept = node.sweep_marks().await?;
//! println!("{swept}");
//! assert!(swept.is_clean(), "{:?}", swept.failed());
//! # Ok(())
//! # }
//! ```
//!
//! # Where it looks
//! In the network namespaces of all processes, those that are mounted (`/run/netns` and others, as this program sees it), and
//! those that this program has open; in the cgroup trees that are mounted here. It needs CAP_SYS_ADMIN to enter namespaces.
//!
//! # What it does not find
//! What has no mark to be found by: faults on files, pods and other things that are in a ledger only; a process that SIGSTOP
//! stopped; a clsact whose run died before its first filter stood there, which is on no packet's way.

mod cgroups;
#[cfg(feature = "net")]
mod namespaces;

use std::fmt;

use chaos_core::{Error, Result};

#[cfg(feature = "net")]
use super::Namespace;
use super::cgroup::Hierarchies;
use super::{Cgroup, Node};

/// What a sweep by marks did. Printed, it is a line for each thing.
#[derive(Debug, Default)]
#[must_use = "a sweep that is not clean has left something behind"]
pub struct MarksSwept {
    removed: Vec<String>,
    living: Vec<String>,
    failed: Vec<(String, Error)>,
}

impl MarksSwept {
    /// What dead runs had left and is gone now.
    pub fn removed(&self) -> &[String] {
        &self.removed
    }

    /// Left alone: what it belongs to lives.
    pub fn living(&self) -> &[String] {
        &self.living
    }

    /// What could not be looked at or taken away, and why.
    pub fn failed(&self) -> &[(String, Error)] {
        &self.failed
    }

    /// Whether nothing of dead runs is left where it could look.
    pub fn is_clean(&self) -> bool {
        self.failed.is_empty()
    }
}

impl Extend<Found> for MarksSwept {
    fn extend<I: IntoIterator<Item = Found>>(&mut self, all: I) {
        for found in all {
            match found.fate {
                Fate::Lives => self.living.push(found.what),
                Fate::Removed => self.removed.push(found.what),
                Fate::Stays(error) => self.failed.push((found.what, error)),
            }
        }
    }
}

impl fmt::Display for MarksSwept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (removed, living, failed) = (self.removed.len(), self.living.len(), self.failed.len());
        write!(f, "{removed} removed, {living} living, {failed} failed")?;
        self.removed.iter().try_for_each(|what| write!(f, "\nremoved  {what}"))?;
        self.living.iter().try_for_each(|what| write!(f, "\nliving   {what}"))?;
        self.failed.iter().try_for_each(|(what, error)| write!(f, "\nfailed   {what}: {}", error.chain()))
    }
}

/// Something with a mark, and what came of it.
#[derive(Debug)]
pub(crate) struct Found {
    what: String,
    fate: Fate,
}

#[derive(Debug)]
enum Fate {
    Lives,
    Removed,
    Stays(Error),
}

impl Found {
    pub(crate) fn living(what: String) -> Self {
        Self { what, fate: Fate::Lives }
    }

    /// Of a dead run; `swept` says whether it is gone.
    pub(crate) fn dead(what: String, swept: Result<()>) -> Self {
        Self { what, fate: swept.map_or_else(Fate::Stays, |()| Fate::Removed) }
    }
}

pub(super) async fn everywhere(node: &Node) -> Result<MarksSwept> {
    let mut swept = MarksSwept::default();
    #[cfg(feature = "net")]
    swept.extend(node.net().run(namespaces::sweep).await?);
    // Without a tree there is no cgroup.
    if let Ok(roots) = Hierarchies::read().and_then(|trees| trees.roots()) {
        swept.extend(cgroups::sweep(&roots, node.chaos().clock()).await);
    }
    Ok(swept)
}

#[cfg(feature = "net")]
pub(super) async fn in_namespace(node: &Node, namespace: &Namespace) -> Result<MarksSwept> {
    let (namespace, name) = (namespace.clone(), chaos_core::Target::name(namespace));
    let sweep = move || super::net::leftovers::sweep(namespace.file(), namespace.origin(), &name);
    let mut swept = MarksSwept::default();
    swept.extend(node.net().run(sweep).await?);
    Ok(swept)
}

pub(super) async fn below(node: &Node, cgroup: &Cgroup) -> Result<MarksSwept> {
    let mut swept = MarksSwept::default();
    swept.extend(cgroups::sweep(cgroup.dirs(), node.chaos().clock()).await);
    Ok(swept)
}
