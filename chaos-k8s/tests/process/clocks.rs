//! Programs with other clocks.

use std::process::Command;

use chaos_core::units::secs;
use chaos_k8s::node::process::{Shift, clock_offset};
use nix::time::{ClockId, clock_gettime};

use crate::support::{Need, Test};

pub(crate) const TESTS: &[Test] = &[
    ("a_program_is_ahead_or_behind_and_nothing_else_is", &[Need::Root, Need::TimeNamespaces], shifted),
    ("a_program_that_is_not_there_says_so", &[Need::Root, Need::TimeNamespaces], not_there),
];

const ASKED: &str = "CHAOS_TEST_CLOCKS";

pub(crate) fn run_if_asked() -> bool {
    let asked = std::env::var_os(ASKED).is_some();
    if asked {
        println!("{}", serde_json::to_string(&now()).unwrap());
    }
    asked
}

/// Monotonic, since the boot, of the wall: in seconds.
fn now() -> [i64; 3] {
    [ClockId::CLOCK_MONOTONIC, ClockId::CLOCK_BOOTTIME, ClockId::CLOCK_REALTIME]
        .map(|clock| clock_gettime(clock).unwrap().tv_sec())
}

fn clock_reader() -> Command {
    #[expect(clippy::disallowed_methods, reason = "programs that are started are the point of this test")]
    let mut command = Command::new("/proc/self/exe");
    command.env(ASKED, "1").stdout(std::process::Stdio::piped());
    command
}

fn shifted() {
    let uptime = now()[1];
    let back = secs(u64::try_from(uptime / 2).unwrap());
    let day = 86_400;
    for (offset, expected) in [
        (clock_offset().monotonic(Shift::ahead(secs(day))), [86_400, 0, 0]),
        (clock_offset().boottime(Shift::ahead(secs(day))), [0, 86_400, 0]),
        (clock_offset().both(Shift::behind(back)), [-uptime / 2, -uptime / 2, 0]),
    ] {
        let before = now();
        let child = offset.spawn(clock_reader()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success());
        let seen: [i64; 3] = serde_json::from_slice(&output.stdout).unwrap();
        let after = now();
        for clock in 0..3 {
            // A second for what the division of the kernel's and ours rounds.
            let (from, to) = (before[clock] + expected[clock] - 1, after[clock] + expected[clock] + 1);
            assert!(
                (from..=to).contains(&seen[clock]),
                "{offset:?}: {seen:?} between {before:?} and {after:?}"
            );
        }
    }
}

fn not_there() {
    #[expect(clippy::disallowed_methods, reason = "a program that does not start")]
    let command = Command::new("/no/such/program");
    let error = clock_offset().both(Shift::ahead(secs(1))).spawn(command).unwrap_err();
    assert!(error.is_failed() && error.chain().contains("/no/such/program"), "{}", error.chain());
}
