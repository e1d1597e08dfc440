//! The guardian, with real processes: this program is the tests, the injectors that they kill and stop, and, by the one
//! line at the start of its `main`, their guardians.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]
#![expect(
    clippy::print_stdout,
    reason = "times are printed, not asserted; and an undo that prints must do no harm"
)]

mod deadlines;
mod deaths;
mod fault;
#[cfg(target_os = "linux")]
mod first;
mod injector;
mod place;
mod refusals;

use std::process::ExitCode;

use chaos_core::Guardian;
use chaos_core::guardian::ChildEnd;
use libtest_mimic::{Arguments, Trial};

fn main() -> ExitCode {
    let guardian = if std::env::var_os(LACKS_THE_LINE).is_some() {
        Guardian::of_program("/proc/self/exe")
    } else if std::env::var_os(SAYS_MORE).is_some() {
        let code = |end: ChildEnd| if end.is_put_back { PUT_BACK } else { LEFT } + end.status;
        chaos_core::guardian::run_as_init_ending(fault::undos, code)
    } else if std::env::var_os(AS_INIT).is_some() {
        chaos_core::guardian::run_as_init(fault::undos)
    } else {
        chaos_core::guardian::run_if_asked(fault::undos)
    };
    if let Some(code) = injector::run_if_asked(&guardian) {
        return code;
    }
    #[cfg(target_os = "linux")]
    let first = first::TESTS;
    #[cfg(not(target_os = "linux"))]
    let first = &[];
    let tests = [deaths::TESTS, deadlines::TESTS, refusals::TESTS, first].concat();
    let trial = |(name, test): (&str, fn())| {
        Trial::test(name, move || {
            test();
            Ok(())
        })
    };
    libtest_mimic::run(&Arguments::from_args(), tests.into_iter().map(trial).collect()).exit_code()
}

/// Makes `main` forget the line.
const LACKS_THE_LINE: &str = "CHAOS_TEST_GUARDIAN_LACKS_THE_LINE";

/// Makes `main` say that this is the first process of a container, whatever its number.
const AS_INIT: &str = "CHAOS_TEST_GUARDIAN_AS_INIT";

/// The same, and that its end says what became of what its child had in force: one of these more than the child's status.
const SAYS_MORE: &str = "CHAOS_TEST_GUARDIAN_SAYS_MORE";
const PUT_BACK: i32 = 20;
const LEFT: i32 = 40;

/// A test and its name.
type Test = (&'static str, fn());
