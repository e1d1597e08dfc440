//! The injector is stopped, or the guardian is told to end.

use std::time::Instant;

use chaos_core::guardian::Guarded;
use chaos_core::ledger::Entry;
use chaos_core::units::{ms, secs};
use rustix::process::Signal;

use crate::Test;
use crate::fault::Held;
use crate::injector::WRONG;
use crate::place::{Place, runs, send, wait_until};

pub(crate) const TESTS: &[Test] = &[
    ("a_stopped_injector_is_taken_back_at_the_deadline", a_stopped_injector),
    ("one_that_wakes_up_and_goes_on_is_taken_back_when_it_dies", one_that_goes_on),
    ("told_to_end_it_reverts_at_once", told_to_end),
    ("a_deadline_is_put_off_and_a_dropped_guard_reverts", put_off_and_dropped),
    ("struck_entries_are_left_alone", struck_entries),
];

fn a_stopped_injector() {
    let mut took = Vec::new();
    for _ in 0..5 {
        let place = Place::new();
        let mut injector = place.in_force("hold for 300 ms");
        let (pid, guardian) = (injector.pid(), injector.guardian());
        send(pid, Signal::STOP);
        took.push(place.restored_after(Instant::now()));
        send(pid, Signal::CONT);
        injector.tell();
        injector.wait_for("reverted");
        assert!(!runs(guardian));
        assert!(place.is_restored());
        injector.tell();
        assert!(injector.wait().success());
        place.wait_for_no_ledger();
    }
    took.sort();
    println!("SIGSTOP with 500 ms to the deadline: restored after at most {:?}", took[4]);
}

fn one_that_goes_on() {
    let place = Place::new();
    let mut injector = place.in_force("hold without end");
    let guardian = injector.guardian();
    wait_until("the deadline", || !place.reverted_by().is_empty());
    wait_until("it is in force again", || !place.is_restored());
    assert!(runs(guardian), "it goes on watching");
    injector.kill();
    place.restored_after(Instant::now());
    wait_until("the guardian ends", || !runs(guardian));
    assert!(place.is_restored());
    place.wait_for_no_ledger();
}

fn told_to_end() {
    let place = Place::new();
    let mut injector = place.in_force("hold");
    let guardian = injector.guardian();
    send(guardian, Signal::TERM);
    place.restored_after(Instant::now());
    wait_until("the guardian ends", || !runs(guardian));
    injector.tell();
    injector.wait_for("reverted");
    injector.tell();
    assert!(injector.wait().success());
    place.wait_for_no_ledger();
}

/// Armed by hand, with this process as the injector.
fn armed(place: &Place, lasting: std::time::Duration) -> Guarded {
    let entries = (0..3).map(|nth| {
        let path = place.file(nth);
        let undo = Held { found: std::fs::read_to_string(&path).unwrap(), path };
        Entry::of(&format!("file-{nth}"), "file", "puts the wrong thing into it", &undo).unwrap()
    });
    let guardian = chaos_core::Guardian::of_program(std::env::current_exe().unwrap());
    let guarded = guardian.arm(entries.collect(), lasting, None).unwrap();
    (0..3).for_each(|nth| std::fs::write(place.file(nth), WRONG).unwrap());
    guarded
}

fn put_off_and_dropped() {
    let place = Place::new();
    let guarded = armed(&place, secs(600));
    guarded.extend(ms(1)).unwrap();
    place.restored_after(Instant::now());
    std::fs::write(place.file(0), WRONG).unwrap();
    guarded.extend(ms(1)).unwrap();
    place.restored_after(Instant::now());
    std::fs::write(place.file(0), WRONG).unwrap();
    let pid = guarded.pid();
    drop(guarded);
    place.restored_after(Instant::now());
    wait_until("its status is taken", || !std::path::Path::new(&format!("/proc/{pid}")).exists());
}

fn struck_entries() {
    let place = Place::new();
    let guarded = armed(&place, secs(600));
    guarded.strike(0).unwrap();
    let pid = guarded.pid();
    drop(guarded);
    wait_until("the guardian ends", || !runs(pid));
    assert_eq!(std::fs::read_to_string(place.file(0)).unwrap(), WRONG, "ours to put back, and struck");
    assert_ne!(std::fs::read_to_string(place.file(1)).unwrap(), WRONG);

    let place = Place::new();
    let guarded = armed(&place, secs(600));
    guarded.disarm().unwrap();
    assert!(!runs(guarded.pid()));
    guarded.disarm().unwrap();
    drop(guarded);
    assert_eq!(std::fs::read_to_string(place.file(0)).unwrap(), WRONG);
}
