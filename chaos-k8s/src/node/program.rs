//! The line in `main`: this program as its own guardian and its own stressor.

use chaos_core::guardian::ChildEnd;
use chaos_core::{Chaos, Guardian, Result, Undos, guardian};

use super::Node;

/// The line at the start of `main` of a program that uses the engines. In the ordinary process it returns at once, with
/// the [`Guardian`] to give to experiments and injections. In a process that was started as a guardian, or at work for
/// an engine, it never returns; nor in the first process of a container, which becomes the guardian and starts the program
/// again below itself ([`chaos_core::guardian`]).
///
/// ```
/// let guardian = chaos_k8s::node::run_if_asked();
/// assert!(guardian.program().is_absolute());
/// ```
pub fn run_if_asked() -> Guardian {
    run_if_asked_with(Ok)
}

/// [`run_if_asked`] for a program with undos of its own: `more` adds them to those of the engines.
///
/// ```
/// # use chaos_core::Undos;
/// let guardian = chaos_k8s::node::run_if_asked_with(|undos: Undos| {
///     Ok(undos)                                       // undos.with::<MyUndo>(())
/// });
/// # let _ = guardian;
/// ```
pub fn run_if_asked_with(more: impl FnOnce(Undos) -> Result<Undos> + Send) -> Guardian {
    at_work_if_asked();
    guardian::run_if_asked(|| undos(more))
}

/// [`run_if_asked_with`] for a program that is its container's program though it has not the number 1 there, as in a pod
/// with `hostPID`: this process becomes the guardian, and starts the program again as its child, where it returns
/// ([`guardian::run_as_init`]).
///
/// ```no_run
/// let guardian = chaos_k8s::node::run_as_init_with(Ok);
/// # let _ = guardian;
/// ```
pub fn run_as_init_with(more: impl FnOnce(Undos) -> Result<Undos> + Send) -> Guardian {
    at_work_if_asked();
    guardian::run_as_init(|| undos(more))
}

/// [`run_as_init_with`] for a program whose end says more: `code` makes the exit code of the guardian's process, of how its child
/// ended ([`guardian::run_as_init_ending`]).
pub fn run_as_init_ending(
    more: impl FnOnce(Undos) -> Result<Undos> + Send,
    code: impl FnOnce(ChildEnd) -> i32 + Send,
) -> Guardian {
    at_work_if_asked();
    guardian::run_as_init_ending(|| undos(more), code)
}

/// Never returns in a process that an engine has started to work for it.
fn at_work_if_asked() {
    #[cfg(feature = "stress")]
    super::stress::run_if_asked();
    #[cfg(feature = "process")]
    super::process::run_if_asked();
}

fn undos(more: impl FnOnce(Undos) -> Result<Undos>) -> Result<Undos> {
    more(Node::new(&Chaos::random()).undos()?)
}
