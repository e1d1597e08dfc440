//! Packets through this process: between two namespaces, with real sockets.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]
#![expect(clippy::print_stdout, reason = "times are printed, and what is not run says so")]

#[cfg(target_os = "linux")]
mod deaths;
#[cfg(target_os = "linux")]
mod effects;
#[cfg(target_os = "linux")]
mod ends;
#[cfg(target_os = "linux")]
mod inward;
#[cfg(target_os = "linux")]
mod parity;
#[cfg(target_os = "linux")]
mod refusals;
#[cfg(target_os = "linux")]
mod scene;
#[cfg(target_os = "linux")]
mod streams;
#[cfg(target_os = "linux")]
#[path = "../support/mod.rs"]
mod support;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    if let Some(code) = deaths::injector_if_asked() {
        return code;
    }
    support::run(&[
        effects::TESTS,
        streams::TESTS,
        ends::TESTS,
        inward::TESTS,
        parity::TESTS,
        refusals::TESTS,
        deaths::TESTS,
    ])
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("not run: no Linux");
}
