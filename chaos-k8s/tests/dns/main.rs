//! DNS faults: programs in a namespace ask a server in another. This program is the tests and the injectors that they kill.
#![cfg_attr(target_os = "linux", expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do"))]
#![allow(clippy::print_stdout, reason = "what is not run says so, and what was measured")]

#[cfg(target_os = "linux")]
mod asking;
#[cfg(target_os = "linux")]
mod bad_input;
#[cfg(target_os = "linux")]
mod deaths;
#[cfg(target_os = "linux")]
mod effects;
#[cfg(target_os = "linux")]
mod others;
#[cfg(target_os = "linux")]
mod programs;
#[cfg(target_os = "linux")]
#[path = "../net/scene.rs"]
#[allow(dead_code, reason = "shared with the tests of other network faults")]
mod scene;
#[cfg(target_os = "linux")]
mod server;
#[cfg(target_os = "linux")]
mod site;
#[cfg(target_os = "linux")]
mod stops;
#[cfg(target_os = "linux")]
#[path = "../support/mod.rs"]
mod support;
#[cfg(target_os = "linux")]
mod unchanged;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    if let Some(code) = deaths::run_if_asked() {
        return code;
    }
    support::run(&[
        effects::TESTS,
        unchanged::TESTS,
        programs::TESTS,
        others::TESTS,
        bad_input::TESTS,
        deaths::TESTS,
        stops::TESTS,
    ])
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("not run: not Linux");
}
