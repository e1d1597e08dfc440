//! What only v2 has: threaded cgroups, and a border around a cgroup namespace of one's own, in a tree mounted with
//! `nsdelegate`, as systemd mounts it.

use std::fs;
use std::path::Path;
use std::time::Instant;

use chaos_core::units::{ms, secs};
use chaos_core::{Chaos, Fault};
use chaos_k8s::node::stress::{self, Amount};

use crate::deaths::{Injector, sweeps};
use crate::group::Group;
use crate::injector::{OWN, UNPRIVILEGED};
use crate::scene::{Sleeper, inject, node, run, seen, target};
use crate::support::{Need, Test};

pub(crate) const TESTS: &[Test] = &[
    ("a_target_outside_of_the_own_cgroup_namespace", &[Need::Root, Need::Cgroup2], outside),
    ("without_the_right_to_leave_the_namespace_it_is_refused", &[Need::Root, Need::Cgroup2], refused),
    (
        "beyond_the_limit_a_container_is_killed_as_one_and_the_plan_says_so",
        &[Need::Root, Need::Cgroup2],
        as_one,
    ),
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

/// As a kubelet makes containers.
fn as_one() {
    const MIB: u64 = 1 << 20;
    let pod = Group::new();
    let (container, other) = (pod.child("container"), pod.child("other"));
    container.limit_memory(48 * MIB);
    fs::write(container.main().join("memory.oom.group"), "1").unwrap();
    let (mut first, mut second) = (Sleeper::in_group(&container), Sleeper::in_group(&container));
    let mut neighbour = Sleeper::in_group(&other);
    run(async {
        let stress = || stress::memory(Amount::of(400 * MIB).unwrap()).growing(30 * MIB).unwrap();
        let plan = stress().prepare(&target(&node(), &container)).await.unwrap();
        println!("{}", plan.change());
        assert!(
            plan.change().contains("beyond the limit") && plan.change().contains("kills all of the cgroup")
        );
        let plan = stress().prepare(&target(&node(), &other)).await.unwrap();
        assert!(!plan.change().contains("kills all"), "{}", plan.change());
        let injection = inject(stress(), target(&node(), &container)).await.unwrap();
        assert!(seen(&injection).await.is_in_force() && first.lives() && second.lives());
        let until = Instant::now() + secs(30);
        while seen(&injection).await.is_in_force() {
            assert!(Instant::now() < until, "still in force");
            Chaos::seeded(1).clock().sleep(ms(100)).await;
        }
        let now = seen(&injection).await;
        println!("{}", now.detail());
        assert!(now.detail().contains("out-of-memory killer"), "{now:?}");
        assert!(!first.lives() && !second.lives(), "the whole container");
        assert!(neighbour.lives(), "and nobody else");
        injection.revert().await.unwrap();
        assert!(container.children().is_empty());
    });
}
