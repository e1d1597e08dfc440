//! [`Replay`]: the one line that runs a seed again, and the variable in it.

use std::env;
use std::panic::Location;
use std::thread;

const VARIABLE: &str = "CHAOS_SEED";

/// Which test of which package is running.
#[derive(Debug)]
pub(super) struct Replay {
    package: Option<String>,
    test: Option<String>,
    at: &'static Location<'static>,
}

impl Replay {
    #[track_caller]
    pub(super) fn here() -> Self {
        // The test harness names the thread of a test after it; with one test thread it uses the main one.
        let test = thread::current().name().filter(|name| *name != "main").map(str::to_owned);
        // Set by cargo for the test programs it runs.
        Self { package: env::var("CARGO_PKG_NAME").ok(), test, at: Location::caller() }
    }

    /// What the environment says, if anything.
    pub(super) fn variable() -> Option<String> {
        env::var_os(VARIABLE).map(|text| text.to_string_lossy().into_owned())
    }

    pub(super) fn line(&self, seed: u64) -> String {
        let package = self.package.as_ref().map_or(String::new(), |package| format!(" -p {package}"));
        match &self.test {
            Some(test) => format!("{VARIABLE}={seed} cargo test{package} {test} -- --exact"),
            None => format!("{VARIABLE}={seed} cargo test{package} (the test at {})", self.at),
        }
    }
}

pub(super) fn parse(text: &str) -> Result<u64, String> {
    let trimmed = text.trim();
    let number = match trimmed.strip_prefix("0x").or_else(|| trimmed.strip_prefix("0X")) {
        Some(digits) if !digits.starts_with('+') => u64::from_str_radix(digits, 16).ok(),
        Some(_) => None,
        None => trimmed.parse().ok(),
    };
    number.ok_or_else(|| {
        format!("{VARIABLE}={text} is not a seed: write a number of 64 bits, decimal or 0x and hexadecimal")
    })
}
