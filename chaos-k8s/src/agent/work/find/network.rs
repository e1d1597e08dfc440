//! The network of a pod: the one among the runtime's files that has the pod's addresses.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use chaos_core::{Error, Result};

use crate::agent::spec::PodNetwork;
use crate::node::{Namespace, Node};

/// The network that the agent is in.
pub(in crate::agent::work) fn own_network(node: &Node, wanted: &BTreeSet<IpAddr>) -> Result<Namespace> {
    let own = node.own_namespace()?;
    let found = own.addresses()?;
    match wanted.is_subset(&found) {
        true => Ok(own),
        false => Err(Error::refused(format!(
            "the agent's own network has {}, not {}: it is not in the pod or on the node that was meant",
            list(&found),
            list(wanted)
        ))),
    }
}

/// What the networks of the node were seen to be, so that each is entered once and not for every item.
#[derive(Debug, Default)]
pub(in crate::agent::work) struct Networks {
    seen: Mutex<BTreeMap<PathBuf, Addresses>>,
}

type Addresses = BTreeMap<PathBuf, BTreeSet<IpAddr>>;

impl Networks {
    /// The one that is meant, opened, and looked at once it was: the file's name may be another's since it was seen.
    pub(in crate::agent::work) fn find(&self, node: &Node, wanted: &PodNetwork) -> Result<Namespace> {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let known = seen.get(&wanted.dir).map(|known| pick(known, wanted));
        let path = match known {
            Some(Ok(path)) => path,
            // It came after the look, or there was none yet.
            _ => {
                let now = look(node, &wanted.dir)?;
                let picked = pick(&now, wanted);
                seen.insert(wanted.dir.clone(), now);
                picked?
            }
        };
        let namespace = node.namespace_at(&path)?;
        if !wanted.addresses.is_subset(&namespace.addresses()?) {
            seen.remove(&wanted.dir);
            return Err(none(wanted));
        }
        match wanted.inode {
            Some(inode) if inode != namespace.inode() => Err(Error::refused(format!(
                "the network with {} is net:[{}], not net:[{inode}]: its pod was made anew",
                list(&wanted.addresses),
                namespace.inode()
            ))),
            _ => Ok(namespace),
        }
    }
}

fn pick(seen: &Addresses, wanted: &PodNetwork) -> Result<PathBuf> {
    let is_meant = |path: &Path| wanted.file.as_ref().is_none_or(|file| path.ends_with(file));
    let mut found = seen
        .iter()
        .filter(|(path, has)| is_meant(path) && wanted.addresses.is_subset(has))
        .map(|(path, _)| path);
    match (found.next(), found.next()) {
        (None, _) => Err(none(wanted)),
        (Some(one), None) => Ok(one.clone()),
        (Some(one), Some(two)) => Err(Error::refused(format!(
            "{} and {} both have {}: say which file, or which inode",
            one.display(),
            two.display(),
            list(&wanted.addresses)
        ))),
    }
}

/// Every network in the directory.
fn look(node: &Node, dir: &Path) -> Result<Addresses> {
    let unread = |source: std::io::Error| {
        Error::refused(format!("{} cannot be read: mount the host's /var/run/netns there", dir.display()))
            .with_source(source)
    };
    let mut seen = BTreeMap::new();
    for entry in fs::read_dir(dir).map_err(unread)? {
        let entry = entry.map_err(unread)?;
        // A link, or a pipe that would hold us up, is no network of a runtime.
        if !entry.file_type().is_ok_and(|kind| kind.is_file()) {
            continue;
        }
        // One that went meanwhile, or a file that its network was taken off.
        let Ok(namespace) = node.namespace_at(entry.path()) else { continue };
        seen.insert(entry.path(), namespace.addresses()?);
    }
    Ok(seen)
}

fn none(wanted: &PodNetwork) -> Error {
    let file = wanted.file.as_ref().map_or_else(String::new, |file| format!("{file} of "));
    Error::refused(format!(
        "no network in {file}{} has {}: its pod is gone, is on another node, or has the node's own network",
        wanted.dir.display(),
        list(&wanted.addresses)
    ))
}

fn list(addresses: &BTreeSet<IpAddr>) -> String {
    let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
    addresses.join(" ")
}
