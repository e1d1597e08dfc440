//! [`run_if_asked`]: the line in `main`.

use std::process::{ExitCode, exit};

use super::child;
use super::program::Guardian;
use super::watch;
use crate::error::Result;
use crate::ledger::Undos;

/// The last argument of a guardian's process, with the version of what the two say to each other.
pub(super) const ASKED: &str = "--chaos-guardian=1";

/// The line at the start of `main`. In the ordinary process it returns at once: the [`Guardian`] to give to experiments,
/// injections and mounts. In the process that was started as a guardian it never returns.
///
/// `undos` is called in the guardian only, in a tokio runtime with time and I/O, so that what the undos need that is not
/// data is made there: the same function that ledger and sweep get theirs from.
///
/// ```
/// let guardian = chaos_core::guardian::run_if_asked(|| Ok(chaos_core::Undos::none()));
/// assert!(guardian.program().is_absolute());
/// ```
pub fn run_if_asked(undos: impl FnOnce() -> Result<Undos> + Send) -> Guardian {
    run_if_asked_async(async move || undos())
}

/// [`run_if_asked`] for undos whose making waits for something: a client that connects.
///
/// ```
/// # async fn connect() -> chaos_core::Result<()> { Ok(()) }
/// let guardian = chaos_core::guardian::run_if_asked_async(async || {
///     connect().await?;
///     Ok(chaos_core::Undos::none())
/// });
/// # let _: chaos_core::Guardian = guardian;
/// ```
pub fn run_if_asked_async(undos: impl AsyncFnOnce() -> Result<Undos> + Send) -> Guardian {
    if !is_asked() {
        return Guardian::of_this_program();
    }
    // On a thread of its own: the line may stand in an async `main`, where no second runtime may be entered.
    let outcome = std::thread::scope(|scope| scope.spawn(|| watch::run(undos)).join());
    exit(i32::from(outcome.unwrap_or(ExitCode::FAILURE) != ExitCode::SUCCESS))
}

/// Whether this process was started as a guardian.
pub(super) fn is_asked() -> bool {
    child::is_asked(ASKED)
}
