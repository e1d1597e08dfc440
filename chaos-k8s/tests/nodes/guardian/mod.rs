//! Guardian pods: what a fault changed through the API is put back from inside the cluster when its controller is killed.

pub(crate) mod controller;
mod deaths;
mod left;
mod life;
mod others;
mod rights;
mod things;

use std::time::Duration;

use chaos_core::units::secs;

use crate::support::{Need, Test};
pub(crate) use left::{left, until_nothing_is_left};

pub(crate) const TESTS: &[Test] = &[
    ("guardian_pods_take_back_what_a_killed_controller_changed", &[Need::Nodes], deaths::killed),
    ("guardian_pods_take_back_a_taint_a_drain_and_a_failed_pod", &[Need::Nodes], deaths::of_others),
    ("a_guardian_pod_whose_container_is_killed_too_goes_on", &[Need::Nodes], deaths::killed_too),
    ("a_guardian_pod_that_is_deleted_is_made_anew", &[Need::Nodes], deaths::pods_deleted),
    ("a_guardian_pod_whose_node_is_lost_is_made_anew", &[Need::UmlNodes], deaths::node_lost),
    ("a_revert_dismisses_the_guardian_pod", &[Need::Nodes], life::dismissed),
    ("a_guardian_pod_waits_as_long_as_its_fault_is_extended", &[Need::Nodes], life::extended),
    ("a_sweep_ends_what_controller_and_guardian_pod_left", &[Need::Nodes], deaths::swept),
    ("a_guardian_pod_that_cannot_be_had_refuses_the_fault", &[Need::Nodes], life::refused),
    ("the_printed_roles_suffice_for_a_guardian_pod", &[Need::Nodes], rights::suffice),
    ("each_right_to_make_a_guardian_pod_is_needed", &[Need::Nodes], rights::needed),
    ("each_right_of_a_guardian_pod_is_needed", &[Need::Nodes], rights::each_is_needed),
    ("a_guardian_pod_that_lost_a_right_goes_on_to_try", &[Need::Nodes], rights::goes_on_to_try),
    // The last: the garbage collector takes a minute to come back to an API server that was away.
    ("a_guardian_pod_waits_for_the_api_server", &[Need::Nodes], deaths::api_is_away),
];

/// How long the faults here last.
const LASTING: Duration = secs(10);
/// How long after that an effect may be felt: what issue and documentation promise.
const AFTER: Duration = secs(15);
