//! Phases: whoever dies while a fault is planned, starts, is in force, is extended or is taken back, nothing of it is felt after its
//! deadline, and what is left in the API is known and swept.

mod agents;
mod came;
mod death;
mod feeling;
mod guarded;
mod life;
mod others;
mod said;
mod swept;
mod together;
mod who;

use std::time::Duration;

use chaos_core::units::secs;

use crate::support::{Need, Test};

pub(crate) use life::control;

pub(crate) const TESTS: &[Test] = &[
    ("phases_of_a_controller_with_an_agent_pod", &[Need::Nodes], agents::by_a_pod),
    ("phases_of_a_controller_with_an_ephemeral_container", &[Need::Nodes], agents::by_a_container),
    ("phases_of_a_controller_with_a_guardian_pod", &[Need::Nodes], guarded::by_a_guardian_pod),
    ("phases_of_a_controller_that_scales_by_itself", &[Need::Nodes], swept::a_scale),
    ("phases_of_a_controller_that_takes_a_label_by_itself", &[Need::Nodes], swept::a_leave),
    ("phases_of_agents", &[Need::Nodes], others::of_agents),
    ("phases_of_agents_with_each_fault", &[Need::Nodes, Need::Thorough], others::of_agents_with_each_fault),
    ("phases_with_the_kubelet_dead", &[Need::Nodes, Need::Thorough], others::of_the_kubelet),
    ("phases_with_the_api_server_dead", &[Need::Nodes, Need::Thorough], others::of_the_api_server),
];

/// How long the faults here are to last, and how long from the moment on when they are extended.
const LASTING: Duration = secs(10);
const EXTENDED: Duration = secs(15);
/// The longest of all that their cluster allows.
const LONGEST: Duration = secs(60);
/// How long after that an effect may be felt: what issue and documentation promise.
const AFTER: Duration = secs(15);
