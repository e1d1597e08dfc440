//! [`Namespace`]: a network namespace as a target.

use std::collections::BTreeSet;
use std::fs::File;
use std::io;
use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chaos_core::{Error, Result, Target};
use nix::ifaddrs::getifaddrs;
use nix::sys::socket::SockaddrStorage;
use nix::sys::statfs::{NSFS_MAGIC, fstatfs};
use serde::{Deserialize, Serialize};

use super::Node;
use super::netns::{self, NetnsId};

/// Where a namespace was found, for another process to find it again.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Origin {
    Process(u32),
    Path(PathBuf),
    Own,
}

/// A network namespace: of a process, of a file, or this program's own. Made by [`Node`].
///
/// It holds the namespace's file open, which keeps the namespace itself: one whose last process ended is gone when the
/// last of these values is.
#[derive(Debug, Clone)]
pub struct Namespace {
    node: Node,
    file: Arc<File>,
    id: NetnsId,
    origin: Origin,
    is_own: bool,
}

impl Namespace {
    pub(super) fn of_process(node: &Node, pid: u32) -> Result<Self> {
        let path = PathBuf::from(format!("/proc/{pid}/ns/net"));
        let file = File::open(&path).map_err(|source| {
            let said = match source.kind() {
                io::ErrorKind::NotFound => Error::invalid(format!("there is no process {pid}")),
                _ => Error::refused(format!(
                    "the network namespace of process {pid} cannot be read: run with CAP_SYS_PTRACE"
                )),
            };
            said.with_source(source)
        })?;
        Self::new(node, file, Origin::Process(pid))
    }

    pub(super) fn at(node: &Node, path: &Path) -> Result<Self> {
        let not_one = |source: io::Error| {
            Error::invalid(format!("{} is no network namespace", path.display())).with_source(source)
        };
        let file = File::open(path).map_err(not_one)?;
        let stat = fstatfs(&file).map_err(|errno| not_one(errno.into()))?;
        if stat.filesystem_type() != NSFS_MAGIC {
            return Err(Error::invalid(format!("{} is no network namespace", path.display())));
        }
        Self::new(node, file, Origin::Path(path.to_owned()))
    }

    pub(super) fn own(node: &Node) -> Result<Self> {
        Self::new(node, netns::own()?, Origin::Own)
    }

    fn new(node: &Node, file: File, origin: Origin) -> Result<Self> {
        let id = NetnsId::of(&file)?;
        let is_own = id == NetnsId::own()?;
        Ok(Self { node: node.clone(), file: Arc::new(file), id, origin, is_own })
    }

    /// Its number in nsfs, as in `net:[4026532289]`.
    pub fn inode(&self) -> u64 {
        self.id.inode()
    }

    /// The addresses of its devices, loopback's too.
    ///
    /// # Errors
    /// No right to enter it.
    pub fn addresses(&self) -> Result<BTreeSet<IpAddr>> {
        netns::inside(&self.file, || {
            let listed = getifaddrs().map_err(io::Error::from)?;
            let address = |address: SockaddrStorage| {
                let four = address.as_sockaddr_in().map(|four| IpAddr::V4(four.ip()));
                four.or_else(|| address.as_sockaddr_in6().map(|six| IpAddr::V6(six.ip())))
            };
            Ok(listed.filter_map(|device| address(device.address?)).collect())
        })
    }

    pub(crate) fn node(&self) -> &Node {
        &self.node
    }

    pub(crate) fn file(&self) -> &File {
        &self.file
    }

    pub(crate) fn netns(&self) -> NetnsId {
        self.id
    }

    pub(crate) fn origin(&self) -> &Origin {
        &self.origin
    }
}

impl Target for Namespace {
    const UNIT: &'static str = "network namespace";

    fn id(&self) -> String {
        format!("net:[{}]", self.id.inode())
    }

    fn name(&self) -> String {
        match &self.origin {
            Origin::Process(pid) => format!("pid {pid}"),
            Origin::Path(path) => path.display().to_string(),
            Origin::Own => "own namespace".to_owned(),
        }
    }

    fn protected(&self) -> Option<String> {
        (self.is_own && self.origin != Origin::Own)
            .then(|| "it is the network namespace of this program: say so with `own_namespace()`".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use chaos_core::Chaos;

    use super::*;

    #[test]
    fn the_own_namespace_is_protected_unless_said_on_purpose() {
        let node = Node::new(&Chaos::seeded(1));
        let by_pid = node.namespace_of(std::process::id()).unwrap();
        assert!(by_pid.protected().unwrap().contains("own_namespace"));
        let on_purpose = node.own_namespace().unwrap();
        assert_eq!(on_purpose.protected(), None);
        assert_eq!(by_pid.id(), on_purpose.id());
        assert_eq!(on_purpose.id(), format!("net:[{}]", on_purpose.inode()));
        assert!(on_purpose.addresses().unwrap().contains(&IpAddr::from([127, 0, 0, 1])));
    }

    #[test]
    fn what_is_no_namespace_is_refused() {
        let node = Node::new(&Chaos::seeded(1));
        for path in ["/proc/self/status", "/nowhere", "/"] {
            assert!(node.namespace_at(path).unwrap_err().is_invalid(), "{path}");
        }
        let error = node.namespace_of(u32::MAX).unwrap_err();
        assert!(error.is_invalid() && error.to_string().contains("no process"), "{error}");
    }
}
