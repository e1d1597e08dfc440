//! Crashes: injector, guardian and sweep die at every call that changes the world, before it is done and after it. What is felt
//! then is seen from outside. This program is the tests, the processes that die, what they act on, and, by the one line at the
//! start of its `main`, their guardians, stressors and tracers.
#![cfg_attr(target_os = "linux", expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do"))]
#![allow(clippy::print_stdout, reason = "what is not run says so, and what was measured")]

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[path = "../dns/asking.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod asking;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod calls;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod faults;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[path = "../stress/group.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod group;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod injector;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod matrix;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod report;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod sample;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[path = "../net/scene.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod scene;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[path = "../dns/server.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod server;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[path = "../dns/site.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod site;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[path = "../support/mod.rs"]
mod support;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod tree;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
#[path = "../process/victim.rs"]
#[allow(dead_code, reason = "shared with other tests")]
mod victim;
#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
mod world;

#[cfg(all(target_os = "linux", target_arch = "x86_64"))]
fn main() -> std::process::ExitCode {
    let guardian = chaos_k8s::node::run_if_asked();
    if victim::run_if_asked() {
        return std::process::ExitCode::SUCCESS;
    }
    if let Some(code) = injector::run_if_asked(&guardian) {
        return code;
    }
    // What is left of a tree of processes is for the thread that traces it, and not for whoever is the first process here.
    nix::sys::prctl::set_child_subreaper(true).unwrap();
    let code = support::run(&[faults::TESTS, &[faults::of_cgroups()]]);
    report::print();
    code
}

#[cfg(not(all(target_os = "linux", target_arch = "x86_64")))]
fn main() {
    println!("not run: not Linux on x86-64, whose registers are read");
}
