//! What the tests on real kernels share: what a test [needs](Need), what happens where that is missing, and a
//! [namespace](Scratch) to act in.
//!
//! A test program names its tests and hands over:
//!
//! ```text
//! #[path = "../support/mod.rs"]
//! mod support;
//! const TESTS: &[Test] = &[("a_name", &[Need::Root, Need::Netem], a_function)];
//! fn main() -> ExitCode { support::run(&[TESTS]) }
//! ```
//!
//! Where something is missing, the test prints `not run: name: reason`. `CHAOS_REQUIRE` lists by commas what must be there:
//! then the test fails instead. `CHAOS_TRIES=2` tries a test that failed once more, and says so. `CHAOS_TIMES` has each say how long
//! it took.
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]
#![allow(dead_code, unused_imports, reason = "each test program uses its own part")]

pub(crate) mod need;
mod scratch;

use std::process::ExitCode;
use std::time::Instant;

use libtest_mimic::{Arguments, Completion, Trial};

pub(crate) use need::Need;
pub(crate) use scratch::{Scratch, interfaces};

/// Waits on through signals: a socket with a timeout answers each of them with EINTR (signal(7)).
pub(crate) fn through_signals<T>(mut wait: impl FnMut() -> std::io::Result<T>) -> std::io::Result<T> {
    loop {
        match wait() {
            Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
            done => return done,
        }
    }
}

/// How often something is done that is done `times` on the kernel where it counts: a tenth of it where `CHAOS_BRIEF` says that it
/// was done there before.
pub(crate) fn cycles(times: usize) -> usize {
    if std::env::var_os("CHAOS_BRIEF").is_some() { times.div_ceil(10) } else { times }
}

/// Runs a test. Where `CHAOS_TRIES` says 2, one that fails is tried once more, and is told of as `unsteady`: what is measured on a
/// machine that others use is sometimes not what it should be, and a test of a share within its 99 % interval fails now and then.
fn steady(name: &str, test: fn()) {
    if std::env::var("CHAOS_TRIES").is_ok_and(|tries| tries == "2") {
        let Err(why) = std::panic::catch_unwind(test) else { return };
        let why = why.downcast_ref::<String>().map(String::as_str).or(why.downcast_ref::<&str>().copied());
        // As one piece: other tests print meanwhile.
        println!("unsteady: {name}: {}", why.unwrap_or_default().lines().next().unwrap_or_default());
    }
    test();
}

/// A test, by its name, with what it needs.
pub(crate) type Test = (&'static str, &'static [Need], fn());

/// Whether all that a test needs is among what `CHAOS_ELSEWHERE` lists by commas: what a kernel has, on which it ran already.
fn ran_elsewhere(needs: &[Need]) -> bool {
    let Ok(there) = std::env::var("CHAOS_ELSEWHERE") else { return false };
    !needs.is_empty() && needs.iter().all(|need| there.split(',').any(|name| name == need.name()))
}

/// Runs the tests that the command line asks for.
pub(crate) fn run(tests: &[&[Test]]) -> ExitCode {
    let arguments = Arguments::from_args();
    let mut machine = need::Machine::default();
    let mut trials = Vec::new();
    let all = tests.concat();
    let (elsewhere, tests): (Vec<Test>, Vec<Test>) = all.into_iter().partition(|test| ran_elsewhere(test.1));
    if !elsewhere.is_empty() && !arguments.list {
        println!(
            "left out: {} tests, which CHAOS_ELSEWHERE says have run on another kernel",
            elsewhere.len()
        );
    }
    for (name, needs, test) in tests {
        let trial = Trial::test(name, move || {
            let since = Instant::now();
            steady(name, test);
            if std::env::var_os("CHAOS_TIMES").is_some() {
                println!("took: {:.1} s: {name}", since.elapsed().as_secs_f64());
            }
            Ok(())
        });
        if arguments.list || arguments.is_filtered_out(&trial) {
            trials.push(trial);
            continue;
        }
        trials.push(match machine.missing(needs) {
            None => trial,
            Some((need, reason)) if need.is_demanded() => Trial::test(name, move || {
                Err(format!("{reason}, and CHAOS_REQUIRE demands {}", need.name()).into())
            }),
            Some((_, reason)) => {
                // Before any test runs, so that the line stands alone.
                println!("not run: {name}: {reason}");
                Trial::ignorable_test(name, move || Ok(Completion::ignored_with(reason)))
            }
        });
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}
