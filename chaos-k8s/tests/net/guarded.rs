//! Tables that the kernel does not own (before Linux 5.12), with a guardian: refusals, and all where there are no filters either.

use std::fs;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::time::Instant;

use chaos_core::ledger::sweep;
use chaos_core::units::{ms, secs};
use chaos_k8s::node::net::{self, Bandwidth, Flow, NetRule, Refusal};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::deaths::Injector;
use crate::effects;
use crate::scene::{OTHER, PEER, PORT, Scene, at, read, run, wait_until, without};
use crate::support::{Need, Test};

/// Refusals have a table that is not owned; the rest has filters.
const OLD: &[&str] = &["owned tables"];
/// And here it has such a table too.
const BARE: &[&str] = &["owned tables", "clsact filters"];

const NFT: &[Need] = &[Need::Root, Need::Nft];

pub(crate) const TESTS: &[Test] = &[
    ("without_a_guardian_what_the_kernel_does_not_own_is_refused", NFT, || without(OLD, refused)),
    ("a_table_with_a_guardian_refuses_packets", NFT, || without(OLD, refusal)),
    ("a_table_with_a_guardian_picks_packets", NFT, || without(BARE, inward)),
    ("a_table_with_a_guardian_that_somebody_deletes_is_made_again", NFT, || without(OLD, deleted)),
    ("a_killed_injector_of_a_refusal_is_taken_back_by_its_guardian", NFT, || without(OLD, killed)),
    ("a_killed_injector_of_a_rate_is_taken_back_by_its_guardian", NFT, || without(BARE, killed_rate)),
    ("a_stopped_injector_is_taken_back_by_its_guardian_at_the_deadline", NFT, || without(OLD, stopped)),
    ("a_table_whose_guardian_died_too_ends_at_its_deadline", NFT, || without(OLD, over)),
    ("what_a_guardian_left_is_swept", NFT, || {
        without(OLD, || {
            swept(|scene, ledger| {
                let swept = run(sweep(ledger, &scene.node.undos().unwrap())).unwrap();
                assert!(swept.is_clean(), "{swept:?}");
            });
        });
    }),
    ("what_a_guardian_left_is_swept_by_its_marks", NFT, || {
        without(OLD, || {
            swept(|scene, _| {
                let swept = run(scene.node.sweep_marks_in(&scene.namespace())).unwrap();
                assert!(swept.is_clean() && swept.removed().len() == 1, "{swept}");
            });
        });
    }),
];

fn reset() -> NetRule {
    net::refuse(Refusal::Reset).between(Flow::peer(PEER).unwrap().port(PORT).unwrap()).into()
}

fn refused() {
    let scene = Scene::new();
    let before = scene.state();
    let error = scene.begin(reset()).unwrap_err();
    assert!(error.is_refused() && error.to_string().contains("guardian"), "{error}");
    assert_eq!(scene.state(), before);
}

fn refusal() {
    let scene = Scene::new();
    scene.has_guardian.store(true, Ordering::Relaxed);
    let connect = |address: &str| scene.target.inside(|| effects::connect(at(address, PORT)).0);
    let before = scene.state();
    let first = scene.begin(reset()).unwrap();
    assert!(connect(PEER).is_err() && connect(OTHER).is_ok());
    let second = scene.begin(net::refuse(Refusal::Prohibited).to(Flow::peer(OTHER).unwrap())).unwrap();
    assert!(connect(PEER).is_err() && connect(OTHER).is_err());
    run(first.revert()).unwrap();
    assert!(connect(PEER).is_ok() && connect(OTHER).is_err());
    run(second.revert()).unwrap();
    assert_eq!(scene.state(), before);
}

fn inward() {
    let scene = Scene::new();
    scene.has_guardian.store(true, Ordering::Relaxed);
    let client = scene.client();
    scene.under(net::drop().from(Flow::peer(PEER).unwrap()), || {
        assert_eq!(client.one(at(PEER, PORT)), None);
        assert!(client.one(at(OTHER, PORT)).is_some());
    });
    assert!(client.one(at(PEER, PORT)).is_some());
}

fn deleted() {
    let scene = Scene::new();
    scene.has_guardian.store(true, Ordering::Relaxed);
    let refusal = scene.begin(reset()).unwrap();
    scene.target.inside(|| read("nft", "flush ruleset"));
    let seen = run(refusal.observe()).remove(0).1.unwrap();
    assert!(!seen.is_in_force() && seen.detail().contains("table"), "{}", seen.detail());
    // The next change puts it right.
    let other = net::refuse(Refusal::Reset).to(Flow::peer(OTHER).unwrap());
    run(scene.begin(other).unwrap().revert()).unwrap();
    assert!(run(refusal.observe()).remove(0).1.unwrap().is_in_force());
    run(refusal.revert()).unwrap();
    assert_eq!(scene.left(), "");
}

fn killed() {
    let mut times = Vec::new();
    for _ in 0..5 {
        times.push(taken_back(&reset(), Injector::kill));
    }
    times.sort();
    println!("SIGKILL to a table that is gone, 5 times: median {:?}, max {:?}", times[2], times[4]);
}

fn killed_rate() {
    let rate = net::bandwidth(Bandwidth::mbit(1).unwrap()).from(Flow::all());
    println!("SIGKILL to nothing left: {:?}", taken_back(&rate.into(), Injector::kill));
}

/// How long after the end of its injector nothing of the rule is left.
fn taken_back(rule: &NetRule, end: impl FnOnce(&mut Injector)) -> std::time::Duration {
    let scene = Scene::new();
    let home = tempfile::tempdir().unwrap();
    let before = scene.state();
    let mut injector = Injector::guarded(&scene, &home.path().join("ledger"), rule, secs(600));
    assert_ne!(scene.state(), before);
    let since = Instant::now();
    end(&mut injector);
    wait_until("nothing is left", secs(60), || scene.left().is_empty());
    let took = since.elapsed();
    assert_eq!(scene.state(), before);
    wait_until("it is struck off", secs(60), || {
        fs::read_dir(home.path().join("ledger")).unwrap().count() == 0
    });
    took
}

fn stopped() {
    let scene = Scene::new();
    let home = tempfile::tempdir().unwrap();
    let before = scene.state();
    let mut injector = Injector::guarded(&scene, &home.path().join("ledger"), &reset(), ms(300));
    injector.stop();
    wait_until("nothing is left", secs(60), || scene.left().is_empty());
    assert_eq!(scene.state(), before);
    let log = fs::read_to_string(home.path().join("ledger.log")).unwrap();
    assert!(log.contains("deadline"), "{log}");
    injector.kill();
}

/// As after both died: nobody but the ledger knows, and the marks.
fn swept(sweep: impl FnOnce(&Scene, &Path)) {
    let scene = Scene::new();
    let home = tempfile::tempdir().unwrap();
    let before = scene.state();
    both_die(Injector::guarded(&scene, &home.path().join("ledger"), &reset(), secs(600)));
    assert!(scene.left().contains("table"));
    sweep(&scene, &home.path().join("ledger"));
    assert_eq!(scene.state(), before);
}

/// The kernel's clock goes on for what nobody owns.
fn over() {
    let scene = Scene::new();
    let home = tempfile::tempdir().unwrap();
    let ledger = home.path().join("ledger");
    let connect = || scene.target.inside(|| effects::connect(at(PEER, PORT)).0);
    let before = scene.state();
    both_die(Injector::guarded(&scene, &ledger, &reset(), secs(5)));
    assert!(connect().is_err(), "in force before its deadline");
    wait_until("connections are let through", secs(60), || connect().is_ok());
    assert!(scene.left().contains("table"), "nobody is there to delete it");
    let swept = run(sweep(&ledger, &scene.node.undos().unwrap())).unwrap();
    assert!(swept.is_clean(), "{swept:?}");
    assert_eq!(scene.state(), before);
}

fn both_die(mut injector: Injector) {
    let guardians = children(injector.pid());
    assert!(!guardians.is_empty());
    for guardian in guardians {
        kill(Pid::from_raw(guardian), Signal::SIGKILL).unwrap();
    }
    injector.end();
}

/// The processes whose parent this is.
fn children(pid: u32) -> Vec<i32> {
    let all = procfs::process::all_processes().unwrap().filter_map(|process| process.ok()?.stat().ok());
    all.filter(|stat| u32::try_from(stat.ppid) == Ok(pid)).map(|stat| stat.pid).collect()
}
