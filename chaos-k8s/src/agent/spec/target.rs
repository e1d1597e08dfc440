//! [`TargetData`]: where an item acts, as the controller knows it: by what Kubernetes says of a pod and its containers.

use std::collections::BTreeSet;
use std::net::IpAddr;
use std::path::PathBuf;

use chaos_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::node::process::ContainerId;

/// Where a container runtime keeps the network namespaces of pods: containerd and CRI-O.
const NETNS: &str = "/var/run/netns";
const CGROUPS: &str = "/sys/fs/cgroup";
/// More than the path of any program that a node runs.
const LONGEST_PROCESS: usize = 255;

/// What an item acts on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum TargetData {
    /// The network that the agent is in: an ephemeral container's is its pod's.
    OwnNetwork(OwnNetwork),
    /// The network of a pod on the agent's node.
    Network(PodNetwork),
    /// The cgroup that the agent is in: an ephemeral container's lies in its pod's, and eats the limits that the pod has.
    OwnCgroup(OwnCgroup),
    /// The cgroup of a container on the agent's node.
    Cgroup(ContainerCgroup),
    /// Processes of a container on the agent's node, whose processes the agent must see (`hostPID`).
    Processes(ContainerProcesses),
    /// Processes of the node itself, in no container (`hostPID` as well): its kubelet, its container runtime.
    NodeProcesses(NodeProcesses),
    /// The network of the node itself, which the agent is in (`hostNetwork`).
    NodeNetwork(NodeNetwork),
    /// What the node has for all of its processes, or all of its pods: stressors have a cgroup beside those of pods.
    Host(Host),
    /// The node as a machine (`hostPID`: a pid namespace of its own would end instead).
    Machine(Machine),
}

/// The network that the agent is in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct OwnNetwork {
    /// The addresses that it must have, `status.podIPs`; it is not looked at where there are none.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub addresses: BTreeSet<IpAddr>,
}

/// The cgroup that the agent is in. It takes stress that says a number: a share of a limit cannot be said, for from inside of
/// a container the pod's limits are not seen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OwnCgroup {}

/// The network of a pod, by a file of the container runtime.
///
/// Which file is whose is known to the runtime alone, so the addresses say it: the one network in the directory that has
/// them all. An address may be another pod's soon after its pod is gone; who knows the namespace's inode, from the status
/// of an agent before, says that too.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PodNetwork {
    /// The directory with the files, as the agent sees it; `/var/run/netns` unless said.
    #[serde(default = "netns")]
    pub dir: PathBuf,
    /// Only this file of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub file: Option<String>,
    /// All of `status.podIPs`; at least one.
    pub addresses: BTreeSet<IpAddr>,
    /// The inode of the namespace (of nsfs, as in `net:[4026532289]`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inode: Option<u64>,
}

/// The cgroup of a container. The directories that stress says are the container's own then, links in them as it sees them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ContainerCgroup {
    /// The host's tree (v2) or trees (v1), as the agent sees them; `/sys/fs/cgroup` unless said.
    #[serde(default = "cgroups")]
    pub root: PathBuf,
    /// `status.containerStatuses[].containerID`.
    pub container: String,
}

/// Processes of a container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct ContainerProcesses {
    /// `status.containerStatuses[].containerID`.
    pub container: String,
    /// Which of them.
    #[serde(default)]
    pub which: Which,
}

/// Which processes of a container.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Which {
    /// All that are there at the inject.
    All,
    /// The first: with it ends the container.
    #[default]
    First,
    /// Those of this name, as the kernel shows it (comm, at most 15 bytes).
    Named(String),
}

/// Processes of the node itself: those of this name that are in no pid namespace below the node's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NodeProcesses {
    /// The name, as [`Node::processes_named`](crate::Node::processes_named) takes it.
    pub named: String,
}

/// The network of the node itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct NodeNetwork {
    /// Addresses of the node, of `status.addresses`; at least one.
    pub addresses: BTreeSet<IpAddr>,
}

/// What the node has for all of its processes. Directories cannot be said, for the agent does not see the node's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Host {}

/// The node as a machine, as long as it is not started anew: an agent that Kubernetes starts after that finds another.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Machine {
    /// `status.nodeInfo.bootID`: `/proc/sys/kernel/random/boot_id` of the machine.
    pub boot: String,
}

fn netns() -> PathBuf {
    PathBuf::from(NETNS)
}

fn cgroups() -> PathBuf {
    PathBuf::from(CGROUPS)
}

impl PodNetwork {
    /// The one network in `/var/run/netns` that has these addresses.
    pub fn of(addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        Self { dir: netns(), file: None, addresses: addresses.into_iter().collect(), inode: None }
    }

    /// Looked for in another directory.
    #[must_use]
    pub fn in_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.dir = dir.into();
        self
    }
}

impl ContainerCgroup {
    /// The cgroup of this container below `/sys/fs/cgroup`.
    pub fn of(container: impl Into<String>) -> Self {
        Self { root: cgroups(), container: container.into() }
    }

    /// Looked for below another directory.
    #[must_use]
    pub fn below(mut self, root: impl Into<PathBuf>) -> Self {
        self.root = root.into();
        self
    }
}

impl ContainerProcesses {
    /// These processes of this container.
    pub fn of(container: impl Into<String>, which: Which) -> Self {
        Self { container: container.into(), which }
    }
}

impl Machine {
    /// The one that was started with this boot id.
    pub fn started_as(boot: impl Into<String>) -> Self {
        Self { boot: boot.into() }
    }
}

impl NodeProcesses {
    /// Those of this name.
    pub fn named(name: impl Into<String>) -> Self {
        Self { named: name.into() }
    }
}

impl NodeNetwork {
    /// The one that has these addresses.
    pub fn of(addresses: impl IntoIterator<Item = IpAddr>) -> Self {
        Self { addresses: addresses.into_iter().collect() }
    }
}

impl From<NodeNetwork> for TargetData {
    fn from(network: NodeNetwork) -> Self {
        Self::NodeNetwork(network)
    }
}

impl From<Host> for TargetData {
    fn from(host: Host) -> Self {
        Self::Host(host)
    }
}

impl From<Machine> for TargetData {
    fn from(machine: Machine) -> Self {
        Self::Machine(machine)
    }
}

impl From<NodeProcesses> for TargetData {
    fn from(processes: NodeProcesses) -> Self {
        Self::NodeProcesses(processes)
    }
}

impl TargetData {
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Self::OwnNetwork(_) | Self::Network(_) | Self::NodeNetwork(_) => "a network",
            Self::OwnCgroup(_) | Self::Cgroup(_) => "a cgroup",
            Self::Host(_) => "a host",
            Self::Processes(_) | Self::NodeProcesses(_) => "processes",
            Self::Machine(_) => "a machine",
        }
    }

    pub(super) fn check(&self) -> Result<()> {
        let absolute = |path: &PathBuf| match path.is_absolute() {
            true => Ok(()),
            false => Err(Error::invalid(format!("{path:?} is relative: write the whole path"))),
        };
        let whole = |container: &str| container.parse::<ContainerId>().and_then(|id| id.must_be_whole());
        match self {
            Self::OwnNetwork(_) | Self::OwnCgroup(_) | Self::Host(_) => Ok(()),
            Self::NodeNetwork(network) if network.addresses.is_empty() => Err(Error::invalid(
                "a node's network without addresses could be any: give the node's, from status.addresses",
            )),
            Self::NodeNetwork(_) => Ok(()),
            Self::Machine(machine) if machine.boot.is_empty() => Err(Error::invalid(
                "a machine without its boot id could be any: give the node's, from status.nodeInfo.bootID",
            )),
            Self::Machine(_) => Ok(()),
            Self::Network(network) => {
                absolute(&network.dir)?;
                if network.addresses.is_empty() {
                    return Err(Error::invalid(
                        "a pod's network without addresses could be any: give the pod's, from status.podIPs",
                    ));
                }
                if let Some(address) = network.addresses.iter().find(|address| is_of_nobody(address)) {
                    return Err(Error::invalid(format!(
                        "{address} is no pod's address: every network has it"
                    )));
                }
                let is_name =
                    |file: &String| !file.is_empty() && !file.contains('/') && file != "." && file != "..";
                match network.file.as_ref().filter(|file| !is_name(file)) {
                    Some(file) => {
                        Err(Error::invalid(format!("{file:?} is no name of a file in a directory")))
                    }
                    None => Ok(()),
                }
            }
            Self::Cgroup(cgroup) => {
                absolute(&cgroup.root)?;
                whole(&cgroup.container)
            }
            Self::Processes(processes) => {
                whole(&processes.container)?;
                match &processes.which {
                    Which::Named(name) if name.is_empty() => {
                        Err(Error::invalid("the name of a process is empty: name one, or ask for all"))
                    }
                    _ => Ok(()),
                }
            }
            Self::NodeProcesses(processes) => check_name(&processes.named),
        }
    }
}

fn check_name(name: &str) -> Result<()> {
    match name {
        "" => Err(Error::invalid("the name of a process is empty: name one")),
        name if name.len() > LONGEST_PROCESS || name.contains(char::is_control) => {
            Err(Error::invalid(format!(
                "{name:?} is no name of a process: give 1 to {LONGEST_PROCESS} bytes without control characters"
            )))
        }
        _ => Ok(()),
    }
}

fn is_of_nobody(address: &IpAddr) -> bool {
    let is_link_local = matches!(address, IpAddr::V6(six) if six.is_unicast_link_local());
    address.is_unspecified() || address.is_loopback() || address.is_multicast() || is_link_local
}

impl From<OwnNetwork> for TargetData {
    fn from(network: OwnNetwork) -> Self {
        Self::OwnNetwork(network)
    }
}

impl From<OwnCgroup> for TargetData {
    fn from(cgroup: OwnCgroup) -> Self {
        Self::OwnCgroup(cgroup)
    }
}

impl From<PodNetwork> for TargetData {
    fn from(network: PodNetwork) -> Self {
        Self::Network(network)
    }
}

impl From<ContainerCgroup> for TargetData {
    fn from(cgroup: ContainerCgroup) -> Self {
        Self::Cgroup(cgroup)
    }
}

impl From<ContainerProcesses> for TargetData {
    fn from(processes: ContainerProcesses) -> Self {
        Self::Processes(processes)
    }
}
