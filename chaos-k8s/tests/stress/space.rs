//! Tables, disks and transfers.

use std::path::Path;

use chaos_core::units::secs;
use chaos_core::{Chaos, Percent};
use chaos_k8s::node::stress::{self, Amount};
use rustix::fs::{Mode, OFlags, StatVfs, open, statvfs};

use crate::group::Group;
use crate::scene::{inject, node, run, seen, target};

type Test = (&'static str, fn());

pub(crate) const TESTS: &[Test] = &[
    ("disk_space_is_taken_and_given_back", disk),
    ("inodes_are_taken_and_given_back", inodes),
    ("descriptors_are_held", descriptors),
    ("tasks_are_held_up_to_the_limit", tasks),
    ("transfers_are_held_at_their_rates", transfers),
];

const MIB: u64 = 1 << 20;

fn of(number: u64) -> Amount {
    Amount::of(number).unwrap()
}

/// The directory of the tests, or memory where its file system has no unnamed files.
fn place() -> tempfile::TempDir {
    let here = tempfile::tempdir().unwrap();
    if has_unnamed(here.path()) { here } else { tempfile::tempdir_in("/dev/shm").unwrap() }
}

pub(crate) fn has_unnamed(dir: &Path) -> bool {
    open(dir, OFlags::TMPFILE | OFlags::RDWR, Mode::RUSR | Mode::WUSR).is_ok()
}

/// Others use the same disk while the test runs.
fn is_about(got: u64, asked: u64, slack: u64) -> bool {
    got.abs_diff(asked) <= slack
}

fn disk() {
    // A file system of memory of its own size, which nobody else uses.
    let (group, dir) = (Group::new(), tempfile::tempdir_in("/dev/shm").unwrap());
    let free = |stat: StatVfs| stat.f_bfree * stat.f_frsize;
    run(async {
        let before = free(statvfs(dir.path()).unwrap());
        let injection =
            inject(stress::disk(dir.path(), of(20 * MIB)), target(&node(), &group)).await.unwrap();
        let taken = before - free(statvfs(dir.path()).unwrap());
        let seen = seen(&injection).await;
        assert!(seen.is_in_force() && seen.detail().contains("20 MiB of 20 MiB"), "{seen:?}");
        assert!(is_about(taken, 20 * MIB, 2 * MIB), "{taken}");
        assert_eq!(dir.path().read_dir().unwrap().count(), 0, "it has no name");
        injection.revert().await.unwrap();
        let after = free(statvfs(dir.path()).unwrap());
        assert!(is_about(after, before, 2 * MIB), "{before} {after}");
    });
}

fn inodes() {
    let (group, dir) = (Group::new(), tempfile::tempdir_in("/dev/shm").unwrap());
    let free = || statvfs(dir.path()).unwrap().f_ffree;
    run(async {
        let before = free();
        let injection = inject(stress::inodes(dir.path(), of(900)), target(&node(), &group)).await.unwrap();
        let taken = before - free();
        injection.revert().await.unwrap();
        assert!(is_about(taken, 900, 50), "{taken}");
        assert!(is_about(free(), before, 50));
    });
}

fn descriptors() {
    let group = Group::new();
    let open = || std::fs::read_to_string("/proc/sys/fs/file-nr").unwrap();
    let open = || open().split_whitespace().next().unwrap().parse::<u64>().unwrap();
    run(async {
        let before = open();
        let stress = stress::descriptors(5000).unwrap();
        let injection = inject(stress, target(&node(), &group)).await.unwrap();
        let taken = open() - before;
        let held: usize = group
            .pids_below()
            .iter()
            .map(|pid| std::fs::read_dir(format!("/proc/{pid}/fd")).unwrap().count())
            .sum();
        println!("asked 5000, the system has {taken} more, the stressors hold {held}");
        assert!((5000..5100).contains(&held), "{held}");
        injection.revert().await.unwrap();
    });
}

fn tasks() {
    let group = Group::new();
    group.limit_tasks(400);
    run(async {
        let half = Amount::percent(Percent::try_new(50.0).unwrap()).unwrap();
        let injection = inject(stress::tasks(half), target(&node(), &group)).await.unwrap();
        let held = group.tasks();
        injection.revert().await.unwrap();
        // Itself, and its own two threads.
        assert!((200..=204).contains(&held), "{held}");

        let injection = inject(stress::tasks(of(1000)), target(&node(), &group)).await.unwrap();
        let (held, seen) = (group.tasks(), seen(&injection).await);
        injection.revert().await.unwrap();
        assert!(held == 400 && seen.is_in_force() && seen.detail().contains("no more"), "{held} {seen:?}");
    });
}

fn transfers() {
    let (group, dir) = (Group::new(), place());
    run(async {
        let rate = 2 * MIB;
        let stress = stress::io(dir.path());
        let stress =
            stress.reading(rate).unwrap().writing(rate).unwrap().syncing(MIB).unwrap().file_size(8 * MIB);
        let injection = inject(stress.unwrap(), target(&node(), &group)).await.unwrap();
        let pid = group.pids_below()[0];
        let count = |name: &str| {
            let text = std::fs::read_to_string(format!("/proc/{pid}/io")).unwrap();
            let line = text.lines().find_map(|line| line.strip_prefix(name)).unwrap();
            line.trim().parse::<u64>().unwrap()
        };
        Chaos::seeded(1).clock().sleep(secs(2)).await;
        let before = (std::time::Instant::now(), count("rchar:"), count("wchar:"));
        Chaos::seeded(1).clock().sleep(secs(5)).await;
        let seconds = before.0.elapsed().as_secs_f64();
        let read = (count("rchar:") - before.1) as f64 / seconds / MIB as f64;
        let written = (count("wchar:") - before.2) as f64 / seconds / MIB as f64;
        let seen = seen(&injection).await;
        injection.revert().await.unwrap();
        println!("asked 2 read and 3 written, accounted {read:.2} and {written:.2} MiB/s; {}", seen.detail());
        assert!(seen.is_in_force(), "{seen:?}");
        // A disk that others use gives less at times, never more.
        assert!((1.0..2.3).contains(&read) && (1.5..3.4).contains(&written), "{read} {written}");
    });
}
