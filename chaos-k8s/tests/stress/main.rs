//! Stress, as the kernel accounts for it. This program is the tests, the injectors that they kill, and, by the one line at
//! the start of its `main`, their stressors.
#![cfg_attr(target_os = "linux", expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do"))]
#![allow(clippy::print_stdout, reason = "times are printed, not asserted; and what is not run says so")]

#[cfg(target_os = "linux")]
mod contract;
#[cfg(target_os = "linux")]
mod cpu;
#[cfg(target_os = "linux")]
mod deaths;
#[cfg(target_os = "linux")]
mod group;
#[cfg(target_os = "linux")]
mod injector;
#[cfg(target_os = "linux")]
mod memory;
#[cfg(target_os = "linux")]
mod refusals;
#[cfg(target_os = "linux")]
mod scene;
#[cfg(target_os = "linux")]
mod second;
#[cfg(target_os = "linux")]
mod space;
#[cfg(target_os = "linux")]
#[path = "../support/mod.rs"]
mod support;

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    let _guardian = chaos_k8s::node::run_if_asked();
    if let Some(code) = injector::run_if_asked() {
        return code;
    }
    let everywhere =
        [cpu::TESTS, memory::TESTS, space::TESTS, deaths::TESTS, refusals::TESTS, contract::TESTS];
    let need = if group::is_v2() { support::Need::Cgroup2 } else { support::Need::Cgroup1 };
    let everywhere: Vec<support::Test> = everywhere
        .concat()
        .into_iter()
        .map(|(name, test)| {
            let needs: &'static [support::Need] = match need {
                support::Need::Cgroup2 => &[support::Need::Root, support::Need::Cgroup2],
                _ => &[support::Need::Root, support::Need::Cgroup1],
            };
            (name, needs, test)
        })
        .collect();
    support::run(&[&everywhere, second::TESTS])
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("not run: not Linux");
}
