//! [`Outcome`]: what a test body may return.

use std::fmt::Display;

/// What a test body may return: nothing, or a `Result` whose `Err` fails the seed.
pub trait Outcome {
    /// Why it failed, if it did.
    fn failure(self) -> Option<String>;
}

impl Outcome for () {
    fn failure(self) -> Option<String> {
        None
    }
}

impl<E: Display> Outcome for Result<(), E> {
    fn failure(self) -> Option<String> {
        // The alternate form of error reports of other crates shows the causes too.
        self.err().map(|err| format!("{err:#}"))
    }
}
