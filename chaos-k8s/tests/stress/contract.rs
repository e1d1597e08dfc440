//! The contract of every fault, kept by each kind of stress.

use std::fmt::Debug;

use chaos_core::testing::conformance;
use chaos_core::units::secs;
use chaos_k8s::node::stress::{self, Amount, Stress};

use crate::group::Group;
use crate::scene::{node, run};

type Test = (&'static str, fn());

pub(crate) const TESTS: &[Test] = &[
    ("contract_of_cpu_and_memory", cpu_and_memory),
    ("contract_of_disk", disk),
    ("contract_of_transfers", transfers),
    ("contract_of_descriptors", descriptors),
    ("contract_of_tasks", tasks),
    ("contract_of_inodes", inodes),
];

fn keeps<K: Debug + 'static>(stress: Stress<K>) {
    let group = Group::new();
    let node = node();
    run(async {
        let target = async || node.cgroup_at(group.main());
        let world = async |_: &_| (group.children(), group.pids_below());
        let report = conformance(stress, target, world).await;
        println!("{report}");
        report.assert_passed();
    });
}

fn cpu_and_memory() {
    keeps(stress::cpu(1).unwrap().and(stress::memory(Amount::of(4 << 20).unwrap())).ends_after(secs(60)));
}

fn disk() {
    keeps(stress::disk("/dev/shm", Amount::of(1 << 20).unwrap()));
}

fn transfers() {
    keeps(stress::io("/dev/shm").writing(1 << 20).unwrap().file_size(1 << 20).unwrap());
}

fn descriptors() {
    keeps(stress::descriptors(50).unwrap());
}

fn tasks() {
    keeps(stress::tasks(Amount::of(20).unwrap()));
}

fn inodes() {
    keeps(stress::inodes("/dev/shm", Amount::of(50).unwrap()));
}
