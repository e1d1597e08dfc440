//! What the engines take for granted of a kernel, checked without them. `cargo xtask kernel` runs this on this machine's
//! kernel and on others.
#![cfg_attr(target_os = "linux", expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do"))]
#![allow(clippy::print_stdout, reason = "what is not run says so")]

#[cfg(target_os = "linux")]
mod facts;
#[cfg(target_os = "linux")]
mod host;
#[cfg(target_os = "linux")]
#[path = "../support/mod.rs"]
mod support;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    support::run(&[facts::TESTS, host::TESTS])
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("not run: not Linux");
}
