//! Faults on processes, with real ones. This program is the tests, the processes that are hit, the injectors that are
//! killed, and, by the one line at the start of its `main`, their guardians.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]
#![allow(clippy::print_stdout, reason = "times are printed, not asserted; and what is not run says so")]

#[cfg(target_os = "linux")]
mod clocks;
#[cfg(target_os = "linux")]
mod deaths;
#[cfg(target_os = "linux")]
#[path = "../stress/group.rs"]
#[allow(dead_code, reason = "shared with the tests of stress")]
mod group;
#[cfg(target_os = "linux")]
mod groups;
#[cfg(target_os = "linux")]
mod injector;
#[cfg(target_os = "linux")]
mod lists;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(target_os = "linux")]
mod pauses;
#[cfg(target_os = "linux")]
mod rights;
#[cfg(target_os = "linux")]
mod signals;
#[cfg(target_os = "linux")]
#[path = "../support/mod.rs"]
mod support;
#[cfg(target_os = "linux")]
mod victim;

/// This program, as the guardian of its tests.
#[cfg(target_os = "linux")]
fn guardian() -> chaos_core::Guardian {
    chaos_core::Guardian::of_program("/proc/self/exe")
}

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    let guardian = if std::env::var_os(rights::LACKS_THE_LINE).is_some() {
        self::guardian()
    } else {
        chaos_k8s::node::run_if_asked()
    };
    if victim::run_if_asked() || clocks::run_if_asked() || rights::run_if_asked() {
        return std::process::ExitCode::SUCCESS;
    }
    if injector::run_if_asked(&guardian) {
        return std::process::ExitCode::SUCCESS;
    }
    support::run(&[
        signals::TESTS,
        lists::TESTS,
        pauses::TESTS,
        groups::TESTS,
        deaths::TESTS,
        memory::TESTS,
        clocks::TESTS,
        rights::TESTS,
    ])
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("not run: not Linux");
}
