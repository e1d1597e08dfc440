//! The line in `main`: this program as its own guardian and its own stressor.

use chaos_core::{Chaos, Guardian, Result, Undos, guardian};

use super::Node;

/// The line at the start of `main` of a program that uses the engines. In the ordinary process it returns at once, with
/// the [`Guardian`] to give to experiments and injections. In a process that was started as a guardian or as a stressor of
/// an engine it never returns.
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
    #[cfg(feature = "stress")]
    super::stress::run_if_asked();
    #[cfg(feature = "process")]
    super::process::run_if_asked();
    guardian::run_if_asked(|| more(Node::new(&Chaos::random()).undos()?))
}
