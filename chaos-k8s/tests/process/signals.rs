//! Signals, once and again.

use std::time::Instant;

use chaos_core::testing::conformance;
use chaos_core::units::ms;
use chaos_core::{BlastRadius, Chaos, Fault, Mode, Targets};
use chaos_k8s::Node;
use chaos_k8s::node::process::{self, Signal};

use crate::support::Test;
use crate::victim::{Victim, block_on, wait_until};

pub(crate) const TESTS: &[Test] = &[
    ("a_kill_and_a_term_end_a_process_and_are_seen_to", &[], ends),
    ("a_handled_signal_arrives_real_time_ones_as_well", &[], handled),
    ("what_would_do_nothing_is_refused", &[], nothing),
    ("a_process_that_ended_is_not_hit_again", &[], ended),
    ("a_repeated_signal_keeps_its_contract", &[], repeated_conforms),
    ("a_repeated_signal_ends_with_its_fault", &[], repeated),
];

fn radius() -> BlastRadius {
    BlastRadius::count(1).unwrap()
}

fn ends() {
    for fault in [process::kill(), process::terminate(), process::signal(Signal::ABRT).unwrap()] {
        let mut victim = Victim::sleeps();
        let chaos = Chaos::seeded(1);
        let target = Node::new(&chaos).process(victim.pid()).unwrap();
        block_on(async {
            let plan = fault.prepare(&target).await.unwrap();
            assert!(
                !plan.is_reversible() && plan.change().ends_with("the process ends"),
                "{}",
                plan.change()
            );
            assert!(!fault.observe(&target, plan.undo()).await.unwrap().is_in_force());
            let on = fault.clone().on(Targets::one(target.clone()), Mode::ALL);
            let injection = chaos.inject(on, radius()).begin().await.unwrap();
            let seen = fault.observe(&target, plan.undo()).await.unwrap();
            assert!(seen.is_in_force(), "{}", seen.detail());
            injection.revert().await.unwrap();
        });
        victim.reap();
    }
}

fn handled() {
    for number in [10, 40] {
        let victim = Victim::counts();
        let chaos = Chaos::seeded(1);
        let targets = Targets::one(Node::new(&chaos).process(victim.pid()).unwrap());
        let fault = process::signal(Signal::try_new(number).unwrap()).unwrap();
        block_on(async {
            let injection = chaos.inject(fault.on(targets, Mode::ALL), radius()).begin().await.unwrap();
            injection.revert().await.unwrap();
        });
        wait_until("the handler has run", || victim.arrived(number) == 1);
    }
}

fn nothing() {
    let victim = Victim::sleeps();
    let target = Node::new(&Chaos::seeded(1)).process(victim.pid()).unwrap();
    // The Rust runtime ignores SIGPIPE; nobody handles SIGWINCH.
    for name in ["PIPE", "WINCH", "CHLD"] {
        let fault = process::signal(name.parse().unwrap()).unwrap();
        let error = block_on(fault.prepare(&target)).unwrap_err();
        assert!(error.is_refused() && error.to_string().contains("would do nothing"), "{error}");
    }
}

fn ended() {
    let mut victim = Victim::sleeps();
    let node = Node::new(&Chaos::seeded(1));
    let target = node.process(victim.pid()).unwrap();
    victim.send(9);
    wait_until("it has ended", || victim.has_ended());
    for error in [
        block_on(process::kill().prepare(&target)).unwrap_err(),
        block_on(process::pause().prepare(&target)).unwrap_err(),
        block_on(process::stop().prepare(&target)).unwrap_err(),
    ] {
        assert!(error.is_refused() && error.to_string().contains("has ended"), "{error}");
    }
    let error = node.process(target.pid()).unwrap_err();
    assert!(error.is_invalid() && error.to_string().contains("no process"), "{error}");
}

fn repeated_conforms() {
    let node = Node::new(&Chaos::seeded(1));
    let victim = Victim::counts();
    let usr1: Signal = "USR1".parse().unwrap();
    let fault = process::signal(usr1).unwrap().every(ms(2)).unwrap();
    let world = async |_: &process::Process| {
        /// Of those that were sent before fewer than that are still on their way: the kernel keeps one of a kind (signal(7)).
        const SEVERAL: u64 = 5;
        let arrived = || victim.arrived(usr1.number());
        let (before, mut last, mut since) = (arrived(), arrived(), Instant::now());
        // Much longer than the interval, for a victim that waits for a processor.
        while since.elapsed() < ms(500) {
            chaos_core::Clock::real().sleep(ms(2)).await;
            if arrived() >= before + SEVERAL {
                return "signals arrive";
            }
            if arrived() != last {
                (last, since) = (arrived(), Instant::now());
            }
        }
        "quiet"
    };
    block_on(async {
        conformance(fault, async || node.process(victim.pid()), world).await.assert_passed();
    });
}

fn repeated() {
    let victim = Victim::counts();
    let chaos = Chaos::seeded(1);
    let targets = Targets::one(Node::new(&chaos).process(victim.pid()).unwrap());
    let fault = process::signal(Signal::USR2).unwrap().every(ms(5)).unwrap();
    block_on(async {
        // It ends with this program, so it needs no ledger.
        let injection = chaos.inject(fault.on(targets, Mode::ALL), radius()).begin().await.unwrap();
        while victim.arrived(Signal::USR2.number()) < 3 {
            chaos_core::Clock::real().sleep(ms(1)).await;
        }
        injection.revert().await.unwrap();
    });
}
