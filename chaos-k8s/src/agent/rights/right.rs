//! [`Right`] and what it is made of.

use std::fmt;

/// One right of an agent, from the least to the most that it tells of a pod.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Right {
    /// To run as user 0: `runAsUser: 0` and `runAsNonRoot: false`.
    Root,
    /// The host's `/var/run/netns`, mounted read-only with `mountPropagation: HostToContainer`.
    NetnsDir,
    /// The host's `/sys/fs/cgroup`, mounted read-write.
    CgroupTree,
    /// The host's processes: `hostPID: true`.
    HostPid,
    /// The host's network: `hostNetwork: true`.
    HostNetwork,
    /// A capability.
    Capability(Capability),
}

/// A capability of Linux (capabilities(7)), of those that an agent may need.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Capability {
    /// Files in directories of other users.
    DacOverride,
    /// Signals to processes of other users.
    Kill,
    /// Packets and devices of a network.
    NetAdmin,
    /// To end or to reset the machine.
    SysBoot,
    /// To enter namespaces. On a node it is close to being root there.
    SysAdmin,
    /// To trace processes and to look into them.
    SysPtrace,
    /// To ask the out-of-memory killer for less.
    SysResource,
}

impl Capability {
    /// All of them.
    pub const ALL: [Self; 7] = [
        Self::DacOverride,
        Self::Kill,
        Self::NetAdmin,
        Self::SysAdmin,
        Self::SysBoot,
        Self::SysPtrace,
        Self::SysResource,
    ];

    /// Its name as manifests of Kubernetes have it, without `CAP_`: with it, and `allowPrivilegeEscalation: false`, a pod
    /// is refused.
    pub fn name(self) -> &'static str {
        match self {
            Self::DacOverride => "DAC_OVERRIDE",
            Self::Kill => "KILL",
            Self::NetAdmin => "NET_ADMIN",
            Self::SysAdmin => "SYS_ADMIN",
            Self::SysBoot => "SYS_BOOT",
            Self::SysPtrace => "SYS_PTRACE",
            Self::SysResource => "SYS_RESOURCE",
        }
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl From<Capability> for Right {
    fn from(capability: Capability) -> Self {
        Self::Capability(capability)
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => f.write_str("user 0"),
            Self::NetnsDir => f.write_str("hostPath /var/run/netns, read-only"),
            Self::CgroupTree => f.write_str("hostPath /sys/fs/cgroup"),
            Self::HostPid => f.write_str("hostPID"),
            Self::HostNetwork => f.write_str("hostNetwork"),
            Self::Capability(capability) => capability.fmt(f),
        }
    }
}

/// What is known of a node's cgroups.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub enum Ground {
    /// Nothing: what works everywhere is asked for.
    #[default]
    Unknown,
    /// Version 1, or version 2 without `nsdelegate`: a process moves wherever the files let it.
    Open,
    /// Version 2 mounted with `nsdelegate`, as systemd does: a move across the border of a container's cgroup namespace
    /// is refused.
    Bordered,
}

/// Levels of the Pod Security Standards, the strictest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PodSecurity {
    /// Allowed even under `restricted`.
    Restricted,
    /// Allowed under `baseline`.
    Baseline,
    /// Allowed under `privileged` only.
    Privileged,
}

impl fmt::Display for PodSecurity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Restricted => "restricted",
            Self::Baseline => "baseline",
            Self::Privileged => "privileged",
        })
    }
}
