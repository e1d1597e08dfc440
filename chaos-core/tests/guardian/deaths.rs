//! Injector, guardian or both are killed.

use std::time::Instant;

use chaos_core::units::ms;
use rustix::process::{Pid, Signal, kill_process_group};

use crate::Test;
use crate::place::{Place, children_of, runs, send, wait_until};

pub(crate) const TESTS: &[Test] = &[
    ("a_killed_injector_is_taken_back", a_killed_injector_is_taken_back),
    ("a_killed_experiment_is_taken_back", a_killed_experiment_is_taken_back),
    ("many_files_are_taken_back", many_files_are_taken_back),
    ("children_of_the_injector_do_not_keep_its_guardian_waiting", children_do_not_keep_it_waiting),
    ("a_signal_to_the_group_reaches_the_injector_and_not_its_guardian", a_signal_to_the_group),
    ("at_the_normal_end_nothing_is_reverted_twice", nothing_is_reverted_twice),
    ("a_killed_guardian_leaves_the_revert_to_its_injector", a_killed_guardian),
    ("both_killed_the_sweep_puts_back", both_killed),
    ("an_older_change_waits_for_a_live_run", an_older_change_waits_for_a_live_run),
];

fn a_killed_injector_is_taken_back() {
    let mut took = Vec::new();
    for round in 0..25 {
        let place = Place::new();
        let mut injector = place.in_force("hold");
        let guardian = injector.guardian();
        let killed = Instant::now();
        injector.kill();
        took.push(place.restored_after(killed));
        place.wait_for_no_ledger();
        wait_until("the guardian ends", || !runs(guardian));
        assert_eq!(place.reverted_by(), [guardian], "round {round}: {}", place.log());
    }
    took.sort();
    println!(
        "SIGKILL of the injector: {} of 25 restored, median {:?}, max {:?}",
        took.len(),
        took[12],
        took[24]
    );
}

fn a_killed_experiment_is_taken_back() {
    let place = Place::new();
    let mut injector = place.in_force("experiment");
    injector.kill();
    place.restored_after(Instant::now());
    place.wait_for_no_ledger();
}

fn many_files_are_taken_back() {
    let place = Place::with_files(500);
    let mut injector = place.in_force("hold");
    let killed = Instant::now();
    injector.kill();
    println!("500 files after SIGKILL: restored in {:?}", place.restored_after(killed));
    place.wait_for_no_ledger();
}

fn children_do_not_keep_it_waiting() {
    let place = Place::new();
    let mut injector = place.in_force("hold with children");
    let children = children_of(injector.pid(), |command| command.starts_with("sleep"));
    assert_eq!(children.len(), 2, "one from before the guardian, one from after");
    injector.kill();
    place.restored_after(Instant::now());
    assert!(children.iter().all(|child| runs(*child)), "they were there all the time");
    children.into_iter().for_each(|child| send(child, Signal::KILL));
}

fn a_signal_to_the_group() {
    let place = Place::new();
    let mut injector = place.in_force("hold");
    let guardian = injector.guardian();
    let group = Pid::from_raw(injector.pid().try_into().unwrap()).unwrap();
    // Not Ctrl-C's own signal: whoever starts the tests in the background has it ignored.
    kill_process_group(group, Signal::USR1).unwrap();
    injector.wait();
    place.restored_after(Instant::now());
    assert_eq!(place.reverted_by(), [guardian], "{}", place.log());
}

fn nothing_is_reverted_twice() {
    for job in ["hold", "short experiment"] {
        let place = Place::new();
        let mut injector = place.in_force(job);
        let (pid, guardian) = (injector.pid(), injector.guardian());
        if job == "hold" {
            injector.tell();
        }
        injector.wait_for("reverted");
        assert!(!runs(guardian), "it is waited for: {job}");
        assert!(place.is_restored());
        if job == "hold" {
            injector.tell();
        }
        assert!(injector.wait().success());
        assert_eq!(place.reverted_by(), [pid], "{job}: {}", place.log());
        place.wait_for_no_ledger();
    }
}

fn a_killed_guardian() {
    let place = Place::new();
    let mut injector = place.in_force("hold");
    send(injector.guardian(), Signal::KILL);
    injector.tell();
    injector.wait_for("reverted");
    assert!(place.is_restored());
    injector.tell();
    assert!(injector.wait().success());
    place.wait_for_no_ledger();
}

fn both_killed() {
    for guardian_first in [true, false] {
        let place = Place::new();
        let mut injector = place.in_force("hold");
        let guardian = injector.guardian();
        // Stopped, so that it cannot be quicker than its own death.
        send(guardian, Signal::STOP);
        if guardian_first {
            send(guardian, Signal::KILL);
            injector.kill();
        } else {
            injector.kill();
            send(guardian, Signal::KILL);
        }
        wait_until("both are dead", || !runs(guardian));
        assert!(!place.is_restored());
        let swept = place.sweep();
        assert!(swept.is_clean() && swept.reverted().len() == 3, "{swept}");
        assert!(place.is_restored());
    }
}

fn an_older_change_waits_for_a_live_run() {
    let place = Place::new();
    let mut old = place.in_force("hold");
    let mut new = place.in_force("hold");
    let guardian = old.guardian();
    old.kill();
    wait_until("the old run's guardian gives up", || !runs(guardian));
    assert!(!place.is_restored(), "the new run still holds the files");
    assert!(place.reverted_by().is_empty(), "{}", place.log());
    new.tell();
    new.wait_for("reverted");
    assert!(!place.is_restored(), "to what it found: the fault of the old one");
    new.tell();
    assert!(new.wait().success());
    std::thread::sleep(ms(10));
    assert!(place.sweep().is_clean());
    assert!(place.is_restored());
}
