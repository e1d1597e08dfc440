//! Which item needs which right.

use chaos_core::Result;

use super::{Capability, Ground, Right, Rights};
use crate::agent::spec::{FaultData, Item, Spec, TargetData};
use crate::node::process::Pause;
use crate::node::stress::{AnyKind, Placement, Stress};

impl Spec {
    /// What an agent needs for all items.
    ///
    /// # Errors
    /// As [`Spec::fault_of`].
    pub fn rights(&self, ground: Ground) -> Result<Rights> {
        self.items
            .iter()
            .try_fold(Rights::none(), |rights, item| Ok(rights.and(self.rights_of(item, ground)?)))
    }

    /// What an agent needs for one item.
    ///
    /// # Errors
    /// As [`Spec::fault_of`].
    pub fn rights_of(&self, item: &Item, ground: Ground) -> Result<Rights> {
        Ok(self.fault_of(item)?.rights_on(&item.target, ground))
    }
}

impl FaultData {
    /// What an agent needs for this fault on that target.
    pub fn rights_on(&self, target: &TargetData, ground: Ground) -> Rights {
        let rights = match target {
            TargetData::OwnNetwork(_) => Rights::none(),
            TargetData::Network(_) => Rights::none()
                .with(Right::NetnsDir, "the networks of the node's pods are files there")
                .with(Capability::SysAdmin, "to enter a pod's network"),
            TargetData::Cgroup(_) => {
                Rights::none().with(Right::CgroupTree, "the containers' cgroups are directories there")
            }
            TargetData::OwnCgroup(_) => Rights::none(),
            TargetData::NodeNetwork(_) => {
                Rights::none().with(Right::HostNetwork, "to be in the node's own network")
            }
            TargetData::Host(_) => {
                Rights::none().with(Right::CgroupTree, "the stressors' cgroup is beside those of pods")
            }
            TargetData::Processes(_) => {
                Rights::none().with(Right::HostPid, "to see the containers' processes")
            }
            TargetData::NodeProcesses(_) => {
                Rights::none().with(Right::HostPid, "to see the node's processes")
            }
            TargetData::Machine(_) => {
                Rights::none().with(Right::HostPid, "in a pid namespace of its own that alone would end")
            }
        };
        let rights = rights.and(match self {
            Self::Network(_) | Self::Dns(_) => {
                Rights::none().with(Capability::NetAdmin, "to pick packets, and for devices of its own")
            }
            Self::Stress(stress) => of_stress(stress, target, ground),
            Self::Signal(_) => Rights::none().with(Capability::Kill, "to signal processes of other users"),
            Self::Pause(pause) => of_pause(pause),
            // Writes to files of the cgroup.
            Self::Freeze(_) | Self::KillAll(_) => Rights::none(),
            Self::Power(_) => Rights::none().with(Capability::SysBoot, "for reboot(2)"),
        });
        if rights == Rights::none() {
            return rights;
        }
        rights
            .with(Right::Root, "a container has capabilities, and rights to the host's files, as user 0 only")
    }
}

fn of_stress(stress: &Stress<AnyKind>, target: &TargetData, ground: Ground) -> Rights {
    let mut rights = Rights::none();
    let moves = match target {
        TargetData::Cgroup(_) => stress.said_placement() != Some(Placement::Host),
        TargetData::Host(_) => true,
        _ => false,
    };
    if ground != Ground::Open && moves {
        let reason = "to move stressors across the border of its cgroup namespace (nsdelegate)";
        rights = rights.with(Right::HostPid, reason);
        rights = rights.with(Capability::SysAdmin, reason).with(Capability::SysPtrace, reason);
    }
    if matches!(target, TargetData::Cgroup(_)) && stress.has_dirs() {
        rights = rights
            .with(Right::HostPid, "to find the container's file system, by a process of it")
            .with(Capability::SysPtrace, "to enter the file system of a process of another user")
            .with(Capability::DacOverride, "to make files in directories of other users");
    }
    if stress.is_spared() {
        rights = rights.with(Capability::SysResource, "for an oom_score_adj below its own");
    }
    rights
}

fn of_pause(pause: &Pause) -> Rights {
    let (traces, stops) = pause.ways();
    let mut rights = Rights::none();
    if traces {
        rights = rights.with(Capability::SysPtrace, "to hold processes of other users");
    }
    if stops {
        rights = rights.with(Capability::Kill, "to stop processes of other users");
    }
    rights
}
