//! [`Item`]: one fault at one target.

use chaos_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::{FaultData, TargetData};
use crate::node::stress::Placement;

/// A namespace and a name of Kubernetes, with a slash between, and room for a container's.
const LONGEST_NAME: usize = 512;

/// One fault at one target.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Item {
    /// What people call the target: "shop/cart-0".
    pub name: String,
    /// Where.
    pub target: TargetData,
    /// What, by its name in the spec.
    pub fault: String,
}

impl Item {
    /// `fault`, by its name in the spec, at `target`.
    pub fn new(name: impl Into<String>, target: impl Into<TargetData>, fault: impl Into<String>) -> Self {
        Self { name: name.into(), target: target.into(), fault: fault.into() }
    }

    pub(super) fn check(&self, fault: &FaultData) -> Result<()> {
        if self.name.is_empty() || self.name.len() > LONGEST_NAME || self.name.contains(char::is_control) {
            return Err(Error::invalid(format!(
                "an item's name is 1 to {LONGEST_NAME} bytes without control characters"
            )));
        }
        self.target.check()?;
        let fits = match fault {
            FaultData::Dns(_) => {
                matches!(self.target, TargetData::OwnNetwork(_) | TargetData::Network(_))
            }
            FaultData::Network(_) => {
                let target = &self.target;
                matches!(
                    target,
                    TargetData::OwnNetwork(_) | TargetData::Network(_) | TargetData::NodeNetwork(_)
                )
            }
            FaultData::Stress(_) => {
                let target = &self.target;
                matches!(target, TargetData::OwnCgroup(_) | TargetData::Cgroup(_) | TargetData::Host(_))
            }
            FaultData::Signal(_) | FaultData::Pause(_) => {
                matches!(self.target, TargetData::Processes(_) | TargetData::NodeProcesses(_))
            }
            FaultData::Freeze(_) | FaultData::KillAll(_) => matches!(self.target, TargetData::Cgroup(_)),
            FaultData::Power(_) => matches!(self.target, TargetData::Machine(_)),
        };
        if !fits {
            return Err(Error::invalid(format!(
                "{} is no fault on {}: use one on {}",
                fault.kind(),
                self.target.kind(),
                fault.acts_on()
            )));
        }
        match (fault, &self.target) {
            (FaultData::Dns(dns), TargetData::Network(_)) if dns.servers().is_empty() => Err(Error::invalid(
                "whose resolv.conf goes with a pod's network is not known to the agent: name the DNS servers",
            )),
            (FaultData::Stress(stress), TargetData::Host(_)) if stress.has_dirs() => Err(Error::invalid(
                "an agent does not see the directories of its node: name a container that has them",
            )),
            (FaultData::Stress(stress), TargetData::OwnCgroup(_)) if stress.asks_for_a_share() => Err(
                Error::invalid("a share of the pod's limits is not known from inside of it: give a number"),
            ),
            (FaultData::Stress(stress), target) => match (stress.said_placement(), target) {
                (None | Some(Placement::Here), TargetData::OwnCgroup(_)) => Ok(()),
                (Some(_), TargetData::Host(_)) => {
                    Err(Error::invalid("stressors of a host have one place: leave the placement out"))
                }
                (Some(Placement::Here), _) | (_, TargetData::OwnCgroup(_)) => Err(Error::invalid(
                    "stressors stay here in the agent's own cgroup, and are placed elsewhere for a container's",
                )),
                _ => Ok(()),
            },
            _ => Ok(()),
        }
    }
}
