//! Pauses by ptrace and by SIGSTOP.

use std::time::{Duration, Instant};

use chaos_core::testing::conformance;
use chaos_core::units::{ms, secs};
use chaos_core::{BlastRadius, Chaos, Fault, Injection, Ledger, Mode, Owner, Targets};
use chaos_k8s::Node;
use chaos_k8s::node::process::{self, Pause, Process};

use crate::support::{Need, Test};
use crate::victim::{Victim, block_on, wait_until};

pub(crate) const TESTS: &[Test] = &[
    ("a_pause_keeps_its_contract", &[Need::Ptrace], pause_conforms),
    ("a_stop_keeps_its_contract", &[], stop_conforms),
    ("no_thread_makes_progress_for_two_seconds", &[Need::Ptrace], no_progress),
    ("threads_made_while_they_are_caught_are_caught", &[Need::Ptrace], new_threads),
    ("signals_that_come_in_a_pause_are_not_lost", &[Need::Ptrace], signals_wait),
    ("signals_that_come_while_it_is_caught_are_not_lost", &[Need::Ptrace], signals_race),
    ("a_paused_process_can_be_killed_and_its_parent_learns_of_it", &[Need::Ptrace], killed),
    ("what_is_traced_already_is_refused_or_stopped", &[Need::Ptrace], traced),
    ("a_forgotten_pause_is_over_and_an_extended_one_goes_on", &[Need::Ptrace], forgotten),
    ("a_stop_without_a_guardian_is_refused", &[], without_guardian),
];

fn pause_conforms() {
    conforms(process::pause());
}

fn stop_conforms() {
    conforms(process::stop());
}

fn conforms(fault: Pause) {
    let node = Node::new(&Chaos::seeded(1));
    let victim = Victim::counts();
    let world = async |_: &Process| victim.states();
    block_on(async {
        conformance(fault, async || node.process(victim.pid()), world).await.assert_passed();
    });
    victim.goes_on_after(Instant::now());
}

async fn paused(victim: &Victim) -> Injection {
    paused_for(victim, secs(600)).await
}

async fn paused_for(victim: &Victim, lasting: Duration) -> Injection {
    let chaos = Chaos::seeded(1);
    let node = Node::new(&chaos);
    let targets = Targets::one(node.process(victim.pid()).unwrap());
    let ledger = Ledger::in_memory(node.undos().unwrap());
    chaos
        .inject(process::pause().on(targets, Mode::ALL).lasting(lasting), BlastRadius::count(1).unwrap())
        .ledger(ledger)
        .begin()
        .await
        .unwrap()
}

fn forgotten() {
    let (forgotten, extended) = (Victim::counts(), Victim::counts());
    block_on(async {
        let first = paused_for(&forgotten, ms(1)).await;
        let second = paused_for(&extended, ms(1)).await;
        second.extend(secs(60)).await.unwrap();
        wait_until("its deadline", || forgotten.states() == "S");
        forgotten.goes_on_after(Instant::now());
        std::thread::sleep(ms(500));
        assert_eq!(extended.states(), "t");
        let (_, seen) = first.observe().await.remove(0);
        assert!(!seen.unwrap().is_in_force());
        let error = first.extend(secs(5)).await.unwrap_err();
        assert!(error.chain().contains("nothing of ours holds"), "{}", error.chain());
        assert!(second.observe().await.remove(0).1.unwrap().is_in_force());
        first.revert().await.unwrap();
        second.revert().await.unwrap();
    });
    extended.goes_on_after(Instant::now());
}

fn no_progress() {
    let victim = Victim::counts();
    block_on(async {
        let injection = paused(&victim).await;
        let before = victim.progress();
        std::thread::sleep(secs(2));
        assert_eq!(victim.progress(), before);
        let reverted = Instant::now();
        injection.revert().await.unwrap();
        println!("after a pause every thread goes on in {:?}", victim.goes_on_after(reverted));
    });
}

fn new_threads() {
    let victim = Victim::makes_threads();
    let mut took = Vec::new();
    for _ in 0..50 {
        block_on(async {
            let begun = Instant::now();
            let injection = paused(&victim).await;
            took.push(begun.elapsed());
            let before = victim.progress();
            std::thread::sleep(ms(20));
            assert_eq!(victim.progress(), before);
            assert_eq!(victim.states(), "t");
            injection.revert().await.unwrap();
        });
        victim.goes_on_after(Instant::now());
    }
    took.sort();
    println!(
        "a process that makes threads all the time is paused in {:?} (median), {:?} (max)",
        took[25], took[49]
    );
}

fn signals_wait() {
    let victim = Victim::counts();
    block_on(async {
        let injection = paused(&victim).await;
        for number in [10, 40] {
            victim.send(number);
        }
        std::thread::sleep(ms(50));
        assert_eq!((victim.arrived(10), victim.arrived(40)), (0, 0));
        injection.revert().await.unwrap();
    });
    wait_until("both arrive", || victim.arrived(10) == 1 && victim.arrived(40) == 1);
}

/// A thread may be caught at the very moment that a signal is delivered to it.
fn signals_race() {
    let victim = Victim::counts();
    for round in 1..=100 {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                victim.send(12);
                victim.send(40);
            });
            block_on(async { paused(&victim).await.revert().await.unwrap() });
        });
        wait_until("both arrive", || victim.arrived(12) >= round && victim.arrived(40) >= round);
    }
    assert_eq!((victim.arrived(12), victim.arrived(40)), (100, 100));
}

fn killed() {
    let mut victim = Victim::counts();
    block_on(async {
        let injection = paused(&victim).await;
        let killed = Instant::now();
        victim.send(9);
        wait_until("its parent learns of it", || victim.has_ended());
        println!("the parent of a paused process learns of its end after {:?}", killed.elapsed());
        injection.revert().await.unwrap();
    });
}

fn traced() {
    let victim = Victim::counts();
    let chaos = Chaos::seeded(1);
    block_on(async {
        let injection = paused(&victim).await;
        // By another handle of this program: to this one it is a debugger.
        let target = Node::new(&chaos).process(victim.pid()).unwrap();
        let error = process::pause().prepare(&target).await.unwrap_err();
        assert!(error.is_refused() && error.to_string().contains("stands still already"), "{error}");
        injection.revert().await.unwrap();
    });
    // A tracer that lets it run.
    #[expect(clippy::disallowed_methods, reason = "a debugger of somebody else")]
    let strace = std::process::Command::new("strace")
        .args(["-f", "-e", "trace=none", "-o", "/dev/null", "-p", &victim.pid().to_string()])
        .stderr(std::process::Stdio::null())
        .spawn();
    let Ok(mut strace) = strace else { return println!("not run: the part with a debugger: no strace") };
    let tracer = || {
        let status = std::fs::read_to_string(format!("/proc/{}/status", victim.pid())).unwrap();
        !status.contains("TracerPid:\t0\n")
    };
    wait_until("strace traces it", tracer);
    victim.goes_on_after(Instant::now());
    block_on(async {
        let target = Node::new(&chaos).process(victim.pid()).unwrap();
        let error = process::pause().prepare(&target).await.unwrap_err();
        let said = error.to_string();
        assert!(error.is_refused() && said.contains("strace") && said.contains("process::stop()"), "{said}");
        let plan = process::pause().or_stop().prepare(&target).await.unwrap();
        assert_eq!(plan.owner(), Owner::Guardian);
        assert!(plan.change().contains("SIGSTOP") && plan.change().contains("strace"), "{}", plan.change());
    });
    strace.kill().unwrap();
    strace.wait().unwrap();
}

fn without_guardian() {
    let victim = Victim::counts();
    let chaos = Chaos::seeded(1);
    let node = Node::new(&chaos);
    let targets = Targets::one(node.process(victim.pid()).unwrap());
    let ledger = Ledger::in_memory(node.undos().unwrap());
    let begun =
        chaos.inject(process::stop().on(targets, Mode::ALL), BlastRadius::count(1).unwrap()).ledger(ledger);
    let error = block_on(begun.begin()).unwrap_err();
    assert!(error.is_refused() && error.to_string().contains("guardian"), "{error}");
    assert_eq!(victim.states(), "S");
}
