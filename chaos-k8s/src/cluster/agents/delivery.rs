//! [`Delivery`]: how an agent comes to its target, and which way a fault may take.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::agent::spec::FaultData;

/// How an agent comes to its target.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Delivery {
    /// An ephemeral container in the target pod: NET_ADMIN there for the pod's network, nothing at all for stress of the
    /// pod's own limits. Kubernetes never removes one: it stays in the pod's spec, ended.
    EphemeralContainer,
    /// A pod on the targets' node, one for all targets there: for whatever the other cannot do, or is not allowed to.
    NodePod,
}

/// The ways that a fault may take, the least rights first, and why another is none.
pub(super) fn ways(fault: &FaultData, containers_named: bool) -> (Vec<Delivery>, Option<&'static str>) {
    use Delivery::{EphemeralContainer, NodePod};
    let only_node = |why| (vec![NodePod], Some(why));
    match fault {
        FaultData::Network(_) | FaultData::Dns(_) => (vec![EphemeralContainer, NodePod], None),
        FaultData::Stress(_) if containers_named => {
            only_node("an ephemeral container eats the pod's limits, and a container is named")
        }
        FaultData::Stress(stress) if stress.has_dirs() => {
            only_node("an ephemeral container does not see the directories of others")
        }
        FaultData::Stress(stress) if stress.asks_for_a_share() => {
            only_node("the pod's limits, of which a share is asked, are not seen from inside of it")
        }
        FaultData::Stress(stress) if stress.said_placement().is_some() => {
            only_node("an ephemeral container cannot place its stressors elsewhere")
        }
        FaultData::Stress(_) => (vec![EphemeralContainer, NodePod], None),
        FaultData::Freeze(_) | FaultData::KillAll(_) => {
            only_node("an ephemeral container does not see the cgroups of others")
        }
        _ => only_node("an ephemeral container does not see the processes of others"),
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EphemeralContainer => "ephemeral container",
            Self::NodePod => "agent pod on the node",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::spec::SignalData;
    use crate::node::net;
    use crate::node::process::{self, Signal};
    use crate::node::stress::{self, Amount, Placement};

    #[test]
    fn the_least_rights_come_first_and_what_is_no_way_has_a_reason() {
        let ways = |fault: FaultData, named| {
            let (ways, why) = super::ways(&fault, named);
            assert_eq!(ways.len() == 1, why.is_some());
            ways
        };
        let both = [Delivery::EphemeralContainer, Delivery::NodePod];
        let busy = || stress::cpu(1).unwrap();
        assert_eq!(ways(net::drop().into(), false), both);
        assert_eq!(ways(net::drop().into(), true), both);
        assert_eq!(ways(busy().into(), false), both);
        assert_eq!(ways(busy().into(), true), [Delivery::NodePod]);
        assert_eq!(ways(busy().placed(Placement::Beside).into(), false), [Delivery::NodePod]);
        let share = stress::memory(Amount::percent(chaos_core::Percent::try_new(50.0).unwrap()).unwrap());
        assert_eq!(ways(share.into(), false), [Delivery::NodePod]);
        let disk = stress::disk("/data", Amount::of(1).unwrap());
        assert_eq!(ways(disk.into(), false), [Delivery::NodePod]);
        assert_eq!(ways(SignalData::once(Signal::TERM).into(), false), [Delivery::NodePod]);
        assert_eq!(ways(process::freeze().into(), false), [Delivery::NodePod]);
    }
}
