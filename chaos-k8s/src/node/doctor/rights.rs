//! The rights of this process.

use caps::{CapSet, Capability};

use super::finding::{Finding, State};

pub(super) fn look() -> Vec<Finding> {
    [
        (
            Capability::CAP_NET_ADMIN,
            "CAP_NET_ADMIN",
            "all network faults",
            "root, or the capability",
            "faults within this program, stress, signals to processes of the same user",
        ),
        (
            Capability::CAP_NET_RAW,
            "CAP_NET_RAW",
            "packets through this process on their way out: netem without sch_netem, packet faults of your own",
            "root, or the capability",
            "network faults by the kernel",
        ),
        (
            Capability::CAP_SYS_ADMIN,
            "CAP_SYS_ADMIN",
            "entering other network namespaces, clock offsets",
            "root, or the capability",
            "network faults in this program's own namespace",
        ),
        (
            Capability::CAP_SYS_PTRACE,
            "CAP_SYS_PTRACE",
            "pauses, and namespaces of processes of other users",
            "root, or the capability",
            "the same for processes of the same user, where yama allows it",
        ),
        (
            Capability::CAP_KILL,
            "CAP_KILL",
            "signals to processes of other users",
            "root, or the capability",
            "signals to processes of the same user",
        ),
        (
            Capability::CAP_SYS_RESOURCE,
            "CAP_SYS_RESOURCE",
            "stressors that the out-of-memory killer takes late",
            "root, or the capability",
            "stressors that it takes first",
        ),
    ]
    .into_iter()
    .map(|(capability, name, what_for, brought_by, without)| {
        let state = match caps::has_cap(None, CapSet::Effective, capability) {
            Ok(true) => State::Works,
            Ok(false) => State::Missing { because: "this process does not have it".into() },
            Err(error) => State::NotLookedAt { because: error.to_string() },
        };
        Finding { group: "rights", name, what_for, brought_by, without, state }
    })
    .collect()
}
