//! Faults by agents on the nodes of a real Kubernetes, seen by what an application there sees: `cargo xtask cluster` has
//! one. This program runs in the network of its control plane, from where pods are reached.
#![cfg_attr(target_os = "linux", allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do"))]
#![allow(clippy::print_stdout, reason = "figures are printed, not asserted; and what is not run says so")]

#[cfg(target_os = "linux")]
mod api;
#[cfg(target_os = "linux")]
mod capabilities;
#[cfg(target_os = "linux")]
mod choice;
#[cfg(target_os = "linux")]
mod controller;
#[cfg(target_os = "linux")]
mod ends;
#[cfg(target_os = "linux")]
mod following;
#[cfg(target_os = "linux")]
mod gate;
#[cfg(target_os = "linux")]
mod guardian;
#[cfg(target_os = "linux")]
mod network;
#[cfg(target_os = "linux")]
mod on_node;
#[cfg(target_os = "linux")]
mod phases;
#[cfg(target_os = "linux")]
mod rights;
#[cfg(target_os = "linux")]
mod scene;
#[cfg(target_os = "linux")]
#[path = "../cluster/server.rs"]
#[allow(dead_code, reason = "of another test program")]
mod server;
#[cfg(target_os = "linux")]
mod stress;
#[cfg(target_os = "linux")]
#[path = "../support/mod.rs"]
mod support;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    if let Some((which, on)) = controller::asked() {
        match which.as_str() {
            "guardian" => guardian::controller::control(&on),
            "life" => phases::control(&on),
            _ => unreachable!("{which}"),
        }
        return std::process::ExitCode::SUCCESS;
    }
    support::run(&[
        api::TESTS,
        capabilities::TESTS,
        choice::TESTS,
        network::TESTS,
        stress::TESTS,
        on_node::TESTS,
        ends::TESTS,
        following::TESTS,
        rights::TESTS,
        phases::TESTS,
        guardian::TESTS,
    ])
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("not run: not Linux");
}
