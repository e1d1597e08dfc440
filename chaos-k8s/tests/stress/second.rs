//! What only v2 has: threaded cgroups, and a border around a cgroup namespace of one's own, in a tree mounted with
//! `nsdelegate`, as systemd mounts it.

use std::path::Path;

use crate::deaths::{Injector, sweeps};
use crate::group::Group;
use crate::injector::{OWN, UNPRIVILEGED};
use crate::support::{Need, Test};

pub(crate) const TESTS: &[Test] = &[
    ("a_target_outside_of_the_own_cgroup_namespace", &[Need::Root, Need::Cgroup2], outside),
    ("without_the_right_to_leave_the_namespace_it_is_refused", &[Need::Root, Need::Cgroup2], refused),
    ("a_threaded_cgroup_is_refused", &[Need::Root, Need::Cgroup2], crate::refusals::threaded),
];

fn outside() {
    let (agent, container, home) = (Group::new(), Group::new(), tempfile::tempdir().unwrap());
    let own = [(OWN, &*agent.main())];
    let (injector, said) = Injector::start_with(&container.main(), home.path(), &own);
    assert_eq!(said, "in force");
    assert_eq!(container.pids_below().len(), 2);
    drop(injector);
    sweeps(home.path(), &container);
}

fn refused() {
    let (agent, container, home) = (Group::new(), Group::new(), tempfile::tempdir().unwrap());
    let own = [(OWN, &*agent.main()), (UNPRIVILEGED, Path::new("yes"))];
    let (_injector, said) = Injector::start_with(&container.main(), home.path(), &own);
    assert!(said.contains("nsdelegate") && said.contains("CAP_SYS_ADMIN"), "{said}");
    assert!(container.children().is_empty());
}
