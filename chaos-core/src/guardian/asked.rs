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
/// injections and mounts. In the process that was started as a guardian it never returns, nor in the first process of a
/// container: see [`run_as_init`].
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
    start(undos, std::process::id() == 1)
}

/// [`run_if_asked`] for a program that is its container's program, whether it has the number 1 there or not (in a pod that
/// shares its pid namespace it has not): this process becomes the guardian, and starts the program again as its child.
/// There it returns.
///
/// The arguments, the environment, the working directory and the input of the child are those of this process. It passes
/// on SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1 and SIGUSR2, takes the ends of orphans, and ends with the status of the
/// child (128 and the signal's number, when a signal ended that), after all that was in force is put back. A child that
/// goes on for 5 s after a SIGTERM or SIGINT has its faults put back meanwhile.
///
/// Only on Linux; elsewhere it is [`run_if_asked`].
///
/// ```no_run
/// let guardian = chaos_core::guardian::run_as_init(|| Ok(chaos_core::Undos::none()));
/// # let _: chaos_core::Guardian = guardian;
/// ```
pub fn run_as_init(undos: impl FnOnce() -> Result<Undos> + Send) -> Guardian {
    start(async move || undos(), true)
}

/// [`run_as_init`] for a program whose end says more: `code` makes the exit code of this process, once all is put back that
/// can be, of how the child ended. It is called in this process only.
///
/// ```no_run
/// use chaos_core::guardian::ChildEnd;
/// let undos = || Ok(chaos_core::Undos::none());
/// let guardian = chaos_core::guardian::run_as_init_ending(undos, |ChildEnd { status, is_put_back, .. }| match status {
///     0..128 => status,
///     _ if is_put_back => 120,
///     _ => 121,
/// });
/// # let _: chaos_core::Guardian = guardian;
/// ```
pub fn run_as_init_ending(
    undos: impl FnOnce() -> Result<Undos> + Send,
    code: impl FnOnce(ChildEnd) -> i32 + Send,
) -> Guardian {
    start_ending(async move || undos(), true, code)
}

/// How the program ended that a guardian had below itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct ChildEnd {
    /// Its exit status; 128 and the number of the signal, when a signal ended it.
    pub status: i32,
    /// Whether nothing is left of what the guardian held for it.
    pub is_put_back: bool,
}

fn start(undos: impl AsyncFnOnce() -> Result<Undos> + Send, as_init: bool) -> Guardian {
    start_ending(undos, as_init, |end| end.status)
}

fn start_ending(
    undos: impl AsyncFnOnce() -> Result<Undos> + Send,
    as_init: bool,
    code: impl FnOnce(ChildEnd) -> i32 + Send,
) -> Guardian {
    if is_asked() {
        on_a_thread(|| i32::from(watch::run(undos) != ExitCode::SUCCESS));
    }
    #[cfg(target_os = "linux")]
    {
        if let Some(control) = super::within::Control::of_this_process() {
            return Guardian::within(control);
        }
        if as_init {
            on_a_thread(|| super::first::run(undos).map_or(1, code));
        }
    }
    let _ = (as_init, code);
    Guardian::of_this_program()
}

/// On a thread of its own: the line may stand in an async `main`, where no second runtime may be entered.
fn on_a_thread(work: impl FnOnce() -> i32 + Send) -> ! {
    let outcome = std::thread::scope(|scope| scope.spawn(work).join());
    exit(outcome.unwrap_or(1))
}

/// Whether this process was started as a guardian.
pub(super) fn is_asked() -> bool {
    child::is_asked(ASKED)
}
