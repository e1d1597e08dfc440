//! Selection and faults through the Kubernetes API, on a server in memory and, where there is one, on a real one.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]
#![allow(clippy::print_stdout, reason = "what is not run says so")]

#[cfg(target_os = "linux")]
mod contract;
#[cfg(target_os = "linux")]
mod effects;
#[cfg(target_os = "linux")]
mod facts;
#[cfg(target_os = "linux")]
mod following;
#[cfg(all(target_os = "linux", feature = "agents"))]
mod guardian;
#[cfg(target_os = "linux")]
mod overlap;
#[cfg(target_os = "linux")]
mod real;
#[cfg(target_os = "linux")]
mod refusals;
#[cfg(target_os = "linux")]
mod rights;
#[cfg(target_os = "linux")]
mod scene;
#[cfg(target_os = "linux")]
mod selection;
#[cfg(target_os = "linux")]
mod server;
#[cfg(target_os = "linux")]
#[path = "../support/mod.rs"]
mod support;
#[cfg(target_os = "linux")]
mod sweeping;
#[cfg(target_os = "linux")]
mod troubles;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    support::run(&[
        facts::TESTS,
        selection::TESTS,
        refusals::TESTS,
        contract::TESTS,
        effects::TESTS,
        following::TESTS,
        overlap::TESTS,
        rights::TESTS,
        sweeping::TESTS,
        #[cfg(feature = "agents")]
        guardian::TESTS,
        troubles::TESTS,
        real::TESTS,
    ])
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("not run: not Linux");
}
