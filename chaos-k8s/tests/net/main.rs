//! Network faults between real sockets in namespaces of their own. This program is the tests, the injectors that
//! they kill, and, by the one line at the start of its `main`, their guardians.
#![cfg_attr(target_os = "linux", expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do"))]
#![allow(clippy::print_stdout, reason = "what is not run says so, and what was measured")]

#[cfg(target_os = "linux")]
mod changes;
#[cfg(target_os = "linux")]
mod compose;
#[cfg(target_os = "linux")]
mod custom;
#[cfg(target_os = "linux")]
mod deaths;
#[cfg(target_os = "linux")]
mod effects;
#[cfg(target_os = "linux")]
mod filters;
#[cfg(target_os = "linux")]
mod foreign;
#[cfg(target_os = "linux")]
mod guarded;
#[cfg(target_os = "linux")]
mod refusals;
#[cfg(target_os = "linux")]
mod scene;
#[cfg(target_os = "linux")]
mod stops;
#[cfg(target_os = "linux")]
#[path = "../support/mod.rs"]
mod support;
#[cfg(target_os = "linux")]
mod sweeps;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    let _ = scene::GUARDIAN.set(chaos_k8s::node::run_if_asked());
    if let Some(code) = deaths::run_if_asked() {
        return code;
    }
    support::run(&[
        // The longest, beside which the others run.
        foreign::TESTS,
        refusals::TESTS,
        effects::TESTS,
        compose::TESTS,
        changes::TESTS,
        custom::TESTS,
        filters::TESTS,
        guarded::TESTS,
        deaths::TESTS,
        stops::TESTS,
        sweeps::TESTS,
    ])
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("not run: not Linux");
}
