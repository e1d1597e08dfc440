//! Bad asks get their own error before anything is touched.

use std::fmt::Debug;

use chaos_core::{Fault, Percent, Result};
use chaos_k8s::node::stress::{self, Amount, Placement, Stress};

use crate::deaths::{Injector, NOBODY};
use crate::group::Group;
use crate::scene::{inject, node, run, target};

type Test = (&'static str, fn());

pub(crate) const TESTS: &[Test] = &[
    ("bad_asks_are_refused_before_anything_is_touched", asks),
    ("a_cgroup_that_is_gone_is_refused", gone),
    ("without_rights_it_is_refused", rights),
];

fn share(percent: f64) -> Result<Amount> {
    Amount::percent(Percent::try_new(percent)?)
}

/// Refused by its plan, and nothing made.
fn refused<K: Debug + 'static>(stress: Stress<K>, words: &str) {
    let group = Group::new();
    run(async {
        let target = target(&node(), &group);
        let error = stress.prepare(&target).await.unwrap_err();
        println!("{error}");
        assert!(error.is_invalid() || error.is_refused(), "{error:?}");
        assert!(error.to_string().contains(words), "{error}");
        assert!(inject(stress, target).await.is_err());
        assert!(group.children().is_empty());
    });
}

fn asks() {
    for (error, words) in [
        (share(140.0).unwrap_err(), "140"),
        (share(0.0).unwrap_err(), "0 %"),
        (Amount::of(0).unwrap_err(), "0"),
        (stress::cpu(0).unwrap_err(), "0 threads"),
        (stress::cpu(100_000).unwrap_err(), "8192"),
        (stress::descriptors(0).unwrap_err(), "0"),
        (stress::memory(Amount::of(1).unwrap()).growing(0).unwrap_err(), "0"),
        (stress::memory(Amount::of(1).unwrap()).oom_score_adj(1001).unwrap_err(), "1001"),
        (stress::io("/").reading(0).unwrap_err(), "0"),
        (node().cgroup_at("/sys/fs/cgroup/not/there").unwrap_err(), "no cgroup"),
        (node().cgroup_at("/tmp").unwrap_err(), "no cgroup"),
        (node().cgroup_of(999_999_999).unwrap_err(), "no process"),
    ] {
        println!("{error}");
        assert!(error.is_invalid() && error.to_string().contains(words), "{error}");
    }
    refused(stress::cpu(1).unwrap().load(Percent::try_new(0.0).unwrap()), "0 %");
    refused(stress::tasks(share(50.0).unwrap()), "no limit");
    refused(stress::disk("/proc", share(50.0).unwrap()), "");
    refused(stress::disk("/not/there", share(50.0).unwrap()), "no directory");
    refused(stress::inodes("/not/there", Amount::of(1).unwrap()), "no directory");
    refused(stress::io("/tmp"), "no rate");
    refused(stress::disk("/dev/shm", Amount::of(1 << 60).unwrap()), "free");
}

fn gone() {
    let group = Group::new();
    let target = target(&node(), &group);
    drop(group);
    run(async {
        let error = stress::cpu(1).unwrap().prepare(&target).await.unwrap_err();
        assert!(error.is_refused() && error.to_string().contains("gone"), "{error}");
        let beside = stress::cpu(1).unwrap().placed(Placement::Beside).prepare(&node().host().unwrap()).await;
        assert!(beside.unwrap_err().is_invalid());
    });
}

fn rights() {
    let (group, home) = (Group::new(), tempfile::tempdir_in("/dev/shm").unwrap());
    std::os::unix::fs::chown(home.path(), Some(NOBODY), Some(NOBODY)).unwrap();
    let said = Injector::as_nobody(&group.main(), home.path());
    println!("{said}");
    assert!(said.contains("no cgroup can be made") && said.contains("run as root"), "{said}");
    assert!(group.children().is_empty());
}

pub(crate) fn threaded() {
    let group = Group::new();
    let child = group.main().join("threads");
    std::fs::create_dir(&child).unwrap();
    std::fs::write(child.join("cgroup.type"), "threaded").unwrap();
    run(async {
        for dir in [&group.main(), &child] {
            let target = node().cgroup_at(dir).unwrap();
            let error = stress::cpu(1).unwrap().prepare(&target).await.unwrap_err();
            assert!(error.is_refused() && error.to_string().contains("thread"), "{error}");
        }
    });
    std::fs::remove_dir(child).unwrap();
}
