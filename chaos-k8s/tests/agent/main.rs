//! The agent's program as a process of this machine: its targets are namespaces, cgroups and processes that the tests make,
//! where Kubernetes has pods. This program is the tests; the agent is `chaos-agent`, or what `CHAOS_TEST_AGENT` names.
#![cfg_attr(target_os = "linux", expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do"))]
#![allow(clippy::print_stdout, reason = "times are printed, not asserted; and what is not run says so")]

#[cfg(target_os = "linux")]
mod agent;
#[cfg(target_os = "linux")]
#[path = "../dns/asking.rs"]
#[allow(dead_code, reason = "of another test program")]
mod asking;
#[cfg(target_os = "linux")]
mod container;
#[cfg(target_os = "linux")]
mod ends;
#[cfg(target_os = "linux")]
#[path = "../stress/group.rs"]
#[allow(dead_code, reason = "of another test program")]
mod group;
#[cfg(target_os = "linux")]
mod network;
#[cfg(target_os = "linux")]
mod node;
#[cfg(target_os = "linux")]
mod order_file;
#[cfg(target_os = "linux")]
mod orders;
#[cfg(target_os = "linux")]
mod processes;
#[cfg(target_os = "linux")]
mod refusals;
#[cfg(target_os = "linux")]
mod replace;
#[cfg(target_os = "linux")]
mod restart;
#[cfg(target_os = "linux")]
mod rights;
#[cfg(target_os = "linux")]
#[path = "../net/scene.rs"]
#[allow(dead_code, reason = "of another test program")]
mod scene;
#[cfg(target_os = "linux")]
#[path = "../dns/server.rs"]
#[allow(dead_code, reason = "of another test program")]
mod server;
#[cfg(target_os = "linux")]
mod stress;
#[cfg(target_os = "linux")]
#[path = "../support/mod.rs"]
mod support;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    // Before there are threads: what is mounted here ends with this program.
    node::be_apart();
    support::run(&[
        refusals::TESTS,
        network::TESTS,
        stress::TESTS,
        processes::TESTS,
        ends::TESTS,
        orders::TESTS,
        order_file::TESTS,
        replace::TESTS,
        restart::TESTS,
        rights::TESTS,
    ])
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("not run: not Linux");
}
