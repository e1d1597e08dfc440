//! Injectors that are killed and stopped while a process is paused.

use std::time::Instant;

use chaos_core::units::secs;

use crate::injector::Injector;
use crate::support::{Need, Test};
use crate::victim::{Victim, wait_until};

pub(crate) const TESTS: &[Test] = &[
    ("a_killed_injector_lets_go_of_what_it_paused", &[Need::Ptrace], killed),
    ("a_killed_injector_is_taken_back_by_its_guardian", &[], killed_with_stop),
    ("a_stopped_injector_lets_go_at_the_deadline", &[Need::Ptrace], stopped),
    ("one_without_a_guardian_lets_go_as_well", &[Need::Ptrace], stopped_alone),
    ("the_normal_end_leaves_nothing", &[Need::Ptrace], normal_end),
];

/// Injectors with this job die one after the other: the victim, which is held by each, goes on.
pub(crate) fn rounds(job: &str, victim: &Victim, is_held: impl Fn() -> bool) {
    let mut took = Vec::new();
    for _ in 0..20 {
        let mut injector = Injector::with(job, victim.pid());
        assert!(is_held(), "{job}: {}", victim.states());
        let before = victim.progress();
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert_eq!(victim.progress(), before);
        let killed = Instant::now();
        injector.kill();
        took.push(victim.goes_on_after(killed));
        wait_until("the ledger is done", || injector.ledger_is_done());
    }
    took.sort();
    println!(
        "SIGKILL of an injector ({job}): {} of 20 go on, median {:?}, max {:?}",
        took.len(),
        took[10],
        took[19]
    );
}

fn killed() {
    let victim = Victim::counts();
    rounds("pause", &victim, || victim.states() == "t");
}

fn killed_with_stop() {
    let victim = Victim::counts();
    rounds("stop", &victim, || victim.states() == "T");
}

fn stopped() {
    for job in ["pause for 300 ms", "stop for 300 ms"] {
        let victim = Victim::counts();
        let mut injector = Injector::with(job, victim.pid());
        injector.stop();
        println!(
            "{job}: with 400 ms to its own deadline and 500 ms to the guardian's it goes on after {:?}",
            victim.goes_on_after(Instant::now())
        );
        wait_until("the injector is as it was found", || crate::victim::states(injector.pid()) == "T");
        wait_until("the guardian's deadline", || injector.log().contains("deadline"));
        injector.kill();
        wait_until("the ledger is done", || injector.ledger_is_done());
    }
}

fn stopped_alone() {
    let victim = Victim::counts();
    let since = Instant::now();
    let mut injector = Injector::with("pause alone for 300 ms", victim.pid());
    injector.stop();
    let before = victim.progress();
    std::thread::sleep(secs(1));
    assert_eq!(victim.progress(), before);
    victim.goes_on_after(Instant::now());
    println!("300 ms and a margin of 5 s: it goes on {:?} after the injector was started", since.elapsed());
    assert!(since.elapsed() > secs(5));
    wait_until("the injector is as it was found", || crate::victim::states(injector.pid()) == "T");
    injector.kill();
}

fn normal_end() {
    for job in ["pause", "stop"] {
        let victim = Victim::counts();
        let mut injector = Injector::with(job, victim.pid());
        injector.tell_and_wait();
        victim.goes_on_after(Instant::now());
        assert!(injector.ledger_is_done());
        assert_eq!(victim.states(), "S");
    }
}
