//! The process that injects, and that the tests kill and stop.

use std::path::PathBuf;
use std::process::ExitCode;

use chaos_core::experiment::Step;
use chaos_core::units::{ms, secs};
use chaos_core::{BlastRadius, Chaos, Fault, Ledger, Mode, Targets};
use chaos_k8s::Node;
use chaos_k8s::node::stress::{self, Amount};

use crate::scene::run;

pub(crate) const TARGET: &str = "CHAOS_TEST_STRESS_TARGET";
pub(crate) const LEDGER: &str = "CHAOS_TEST_STRESS_LEDGER";
/// How many milliseconds it lasts; without it, it is held.
pub(crate) const LASTING: &str = "CHAOS_TEST_STRESS_LASTING";
/// A cgroup to move to, to be in a namespace of one's own below it.
pub(crate) const OWN: &str = "CHAOS_TEST_STRESS_OWN";

/// Without the right to leave that namespace.
pub(crate) const UNPRIVILEGED: &str = "CHAOS_TEST_STRESS_UNPRIVILEGED";

pub(crate) fn run_if_asked() -> Option<ExitCode> {
    let target = PathBuf::from(std::env::var_os(TARGET)?);
    let ledger = PathBuf::from(std::env::var_os(LEDGER)?);
    if let Some(own) = std::env::var_os(OWN) {
        std::fs::write(PathBuf::from(own).join("cgroup.procs"), "0").unwrap();
        nix::sched::unshare(nix::sched::CloneFlags::CLONE_NEWCGROUP).unwrap();
        // That the border is there: a move of ours across it is refused.
        let moved = std::fs::write(target.join("cgroup.procs"), "0");
        assert_eq!(moved.unwrap_err().kind(), std::io::ErrorKind::NotFound);
    }
    if std::env::var_os(UNPRIVILEGED).is_some() {
        caps::drop(None, caps::CapSet::Effective, caps::Capability::CAP_SYS_ADMIN).unwrap();
    }
    run(async {
        let chaos = Chaos::seeded(7);
        let node = Node::new(&chaos);
        let stress = stress::cpu(1).unwrap().and(stress::memory(Amount::of(16 << 20).unwrap()));
        let on = stress.ends_after(secs(60)).on(Targets::one(node.cgroup_at(target).unwrap()), Mode::ALL);
        let mut step = Step::from(on);
        if let Ok(millis) = std::env::var(LASTING) {
            step = step.lasting(ms(millis.parse().unwrap()));
        }
        let ledger = Ledger::open(ledger, node.undos().unwrap()).unwrap();
        match chaos.inject(step, BlastRadius::count(1).unwrap()).ledger(ledger).begin().await {
            Ok(injection) => {
                println!("in force");
                chaos.clock().sleep(secs(60)).await;
                drop(injection);
            }
            Err(error) => println!("{}", error.chain()),
        }
    });
    Some(ExitCode::SUCCESS)
}
