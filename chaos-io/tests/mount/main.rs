//! The mount, as programs see it that know nothing of it. This program is the tests, the servers that they kill, and, by
//! the one line at the start of its `main`, their guardians.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]
#![expect(clippy::print_stdout, reason = "times are printed, not asserted; and what is not run says so")]

#[cfg(target_os = "linux")]
mod database;
#[cfg(target_os = "linux")]
mod deaths;
#[cfg(target_os = "linux")]
mod effects;
#[cfg(target_os = "linux")]
mod ends;
#[cfg(target_os = "linux")]
mod exercise;
#[cfg(target_os = "linux")]
mod model;
#[cfg(target_os = "linux")]
mod parity;
#[cfg(target_os = "linux")]
mod refusals;
#[cfg(target_os = "linux")]
mod scene;
#[cfg(target_os = "linux")]
mod server;

/// A test and its name.
#[cfg(target_os = "linux")]
type Test = (&'static str, fn());

#[cfg(target_os = "linux")]
fn main() -> std::process::ExitCode {
    use libtest_mimic::{Arguments, Trial};

    let guardian = chaos_core::guardian::run_if_asked(scene::undos);
    if let Some(code) = server::run_if_asked(guardian) {
        return code;
    }
    let tests = [
        refusals::TESTS,
        parity::TESTS,
        model::TESTS,
        effects::TESTS,
        database::TESTS,
        ends::TESTS,
        deaths::TESTS,
    ];
    let trial = |(name, test): (&str, fn())| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    };
    libtest_mimic::run(&Arguments::from_args(), tests.concat().into_iter().map(trial).collect()).exit_code()
}

#[cfg(not(target_os = "linux"))]
fn main() {
    println!("not run: no FUSE");
}
