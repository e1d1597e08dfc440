//! Memory, from the cgroup's own accounting.

use std::time::Instant;

use chaos_core::units::{ms, secs};
use chaos_core::{Chaos, Percent};
use chaos_k8s::node::stress::{self, Amount};

use crate::group::Group;
use crate::scene::{Sleeper, inject, node, run, seen, target};

type Test = (&'static str, fn());

pub(crate) const TESTS: &[Test] = &[
    ("memory_is_held_within_two_percent", held),
    ("a_share_of_the_limit_is_of_the_cgroups", share),
    ("memory_grows_at_its_rate", grows),
    ("page_cache_is_charged_to_the_cgroup", cache),
    ("beyond_the_limit_the_stressor_is_killed_and_seen", beyond),
    ("one_killed_later_is_seen", killed_later),
];

const MIB: u64 = 1 << 20;

fn of(bytes: u64) -> Amount {
    Amount::of(bytes).unwrap()
}

fn is_within_two_percent(got: u64, asked: u64) -> bool {
    got.abs_diff(asked) * 50 <= asked
}

fn held() {
    run(async {
        for asked in [64 * MIB, 300 * MIB] {
            let group = Group::new();
            let injection = inject(stress::memory(of(asked)), target(&node(), &group)).await.unwrap();
            // A few touches later.
            Chaos::seeded(1).clock().sleep(secs(2)).await;
            let (got, seen) = (group.memory(), seen(&injection).await);
            println!("asked {asked}, accounted {got}, observed: {}", seen.detail());
            assert!(is_within_two_percent(got, asked), "asked {asked}, accounted {got}");
            assert!(seen.is_in_force());
            injection.revert().await.unwrap();
            assert!(group.memory() < asked / 10 && group.children().is_empty());
        }
    });
}

fn share() {
    let group = Group::new();
    group.limit_memory(100 * MIB);
    run(async {
        let half = Amount::percent(Percent::try_new(50.0).unwrap()).unwrap();
        let injection = inject(stress::memory(half), target(&node(), &group)).await.unwrap();
        let got = group.memory();
        injection.revert().await.unwrap();
        assert!(is_within_two_percent(got, 50 * MIB), "{got}");
    });
}

fn grows() {
    let group = Group::new();
    run(async {
        let slow = stress::memory(of(400 * MIB)).growing(20 * MIB).unwrap();
        let injection = inject(slow, target(&node(), &group)).await.unwrap();
        let (begun, before) = (Instant::now(), group.memory());
        Chaos::seeded(1).clock().sleep(secs(3)).await;
        let rate = (group.memory() - before) as f64 / begun.elapsed().as_secs_f64() / MIB as f64;
        injection.revert().await.unwrap();
        println!("asked 20 MiB/s, accounted {rate:.1}");
        assert!((15.0..25.0).contains(&rate), "{rate}");
    });
}

fn cache() {
    let group = Group::new();
    let dir = tempfile::tempdir().unwrap();
    // A file system of memory is charged as well, and has unnamed files on every kernel here.
    let dir =
        if crate::space::has_unnamed(dir.path()) { dir.path() } else { std::path::Path::new("/dev/shm") };
    run(async {
        let cached = stress::memory(of(40 * MIB)).as_page_cache(dir);
        let injection = inject(cached, target(&node(), &group)).await.unwrap();
        let clock = Chaos::seeded(1).clock().clone();
        let mut got = 0;
        for _ in 0..200 {
            clock.sleep(ms(100)).await;
            got = group.memory();
            if got > 38 * MIB {
                break;
            }
        }
        let seen = seen(&injection).await;
        injection.revert().await.unwrap();
        println!("asked 40 MiB of page cache, accounted {got}, observed: {}", seen.detail());
        assert!(got > 38 * MIB && seen.detail().contains("page cache"), "{got} {seen:?}");
    });
}

fn beyond() {
    let group = Group::new();
    group.limit_memory(48 * MIB);
    let mut neighbour = Sleeper::in_group(&group);
    run(async {
        let error = inject(stress::memory(of(96 * MIB)), target(&node(), &group)).await.unwrap_err();
        println!("{}", error.chain());
        assert!(error.to_string().contains("out-of-memory killer"), "{error}");
        assert!(group.children().is_empty() && neighbour.lives());
    });
}

fn killed_later() {
    let group = Group::new();
    group.limit_memory(48 * MIB);
    let mut neighbour = Sleeper::in_group(&group);
    run(async {
        let growing = stress::memory(of(400 * MIB)).growing(30 * MIB).unwrap();
        let injection = inject(growing, target(&node(), &group)).await.unwrap();
        assert!(seen(&injection).await.is_in_force());
        let until = Instant::now() + secs(20);
        while seen(&injection).await.is_in_force() {
            assert!(Instant::now() < until, "still in force");
            Chaos::seeded(1).clock().sleep(ms(100)).await;
        }
        let now = seen(&injection).await;
        println!("{}", now.detail());
        assert!(now.detail().contains("out-of-memory killer"), "{now:?}");
        injection.revert().await.unwrap();
        assert!(group.children().is_empty() && neighbour.lives());
    });
}
