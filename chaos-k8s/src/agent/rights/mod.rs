//! [`Rights`]: what an agent needs for its items, and why. A controller gives it that and no more.
//!
//! ```
//! use chaos_k8s::agent::rights::{Capability, Ground, PodSecurity};
//! use chaos_k8s::agent::spec::{FaultData, OwnNetwork};
//! use chaos_k8s::node::net;
//!
//! let partition = FaultData::from(net::drop());
//! let rights = partition.rights_on(&OwnNetwork::default().into(), Ground::Unknown);
//! assert_eq!(rights.capabilities().collect::<Vec<_>>(), [Capability::NetAdmin]);
//! assert_eq!(rights.pod_security(), PodSecurity::Privileged);
//! assert!(!rights.host_pid());
//! ```
//!
//! | item | runs as root | capabilities | of the host |
//! |---|---|---|---|
//! | network or DNS fault, own network | yes | NET_ADMIN | |
//! | the same, a pod's network | yes | NET_ADMIN, SYS_ADMIN | `/var/run/netns` |
//! | stress of the own cgroup | no | | |
//! | stress in a container's cgroup | yes | | the cgroup tree |
//! | the same, across the border of cgroup v2 namespaces (`nsdelegate`) | yes | SYS_ADMIN, SYS_PTRACE | the cgroup tree, pids |
//! | the same in a container's directories | yes | SYS_PTRACE, DAC_OVERRIDE as well | pids |
//! | network fault, the node's own network | yes | NET_ADMIN | the network |
//! | stress of the node | yes | as across the border | the cgroup tree, pids |
//! | stress with an `oom_score_adj` below 1000 | yes | SYS_RESOURCE as well | |
//! | signal | yes | KILL | pids |
//! | freeze, kill of all processes | yes | | the cgroup tree |
//! | pause | yes | SYS_PTRACE, or KILL where by SIGSTOP | pids |
//! | loss of power | yes | SYS_BOOT | pids |

mod of_item;
mod right;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::fmt;

pub use right::{Capability, Ground, PodSecurity, Right};

/// A set of rights, each with the reason for it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rights {
    wanted: BTreeMap<Right, &'static str>,
}

impl Rights {
    /// None.
    pub fn none() -> Self {
        Self::default()
    }

    fn with(mut self, right: impl Into<Right>, reason: &'static str) -> Self {
        self.wanted.entry(right.into()).or_insert(reason);
        self
    }

    /// These and those; of two reasons the first.
    #[must_use]
    pub fn and(mut self, others: Self) -> Self {
        for (right, reason) in others.wanted {
            self.wanted.entry(right).or_insert(reason);
        }
        self
    }

    /// Each with its reason.
    pub fn iter(&self) -> impl Iterator<Item = (Right, &'static str)> {
        self.wanted.iter().map(|(right, reason)| (*right, *reason))
    }

    /// Whether this right is among them.
    pub fn has(&self, right: impl Into<Right>) -> bool {
        self.wanted.contains_key(&right.into())
    }

    /// The capabilities: `securityContext.capabilities.add`, where all others are dropped.
    pub fn capabilities(&self) -> impl Iterator<Item = Capability> {
        self.wanted.keys().filter_map(|right| match right {
            Right::Capability(capability) => Some(*capability),
            _ => None,
        })
    }

    /// Whether it must run as user 0: only so does a container have the capabilities that it is given, and the rights of
    /// the host's files.
    pub fn root(&self) -> bool {
        self.has(Right::Root)
    }

    /// Whether it must see the host's processes: `hostPID`.
    pub fn host_pid(&self) -> bool {
        self.has(Right::HostPid)
    }

    /// Whether it must be in the host's network: `hostNetwork`.
    pub fn host_network(&self) -> bool {
        self.has(Right::HostNetwork)
    }

    /// The strictest level of Kubernetes' Pod Security Standards that allows it, in the namespace that the agent is in.
    pub fn pod_security(&self) -> PodSecurity {
        match self.wanted.keys().max() {
            None => PodSecurity::Restricted,
            Some(Right::Root) => PodSecurity::Baseline,
            Some(_) => PodSecurity::Privileged,
        }
    }
}

/// A line for each right and its reason.
impl fmt::Display for Rights {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.wanted.is_empty() {
            return f.write_str("no rights");
        }
        for (number, (right, reason)) in self.iter().enumerate() {
            let end = if number == 0 { "" } else { "\n" };
            write!(f, "{end}{right}: {reason}")?;
        }
        Ok(())
    }
}
