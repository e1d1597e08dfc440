//! [`Fault`]: one kind of harm, and the contract it keeps. Read this first, then one fault.

mod plan;
mod undo;

use std::fmt::Debug;
use std::future::Future;
use std::time::Duration;

pub use plan::{Observed, Owner, Plan};
pub use undo::{NoUndo, Undo};

use crate::error::{Error, Result};
use crate::injection::On;
use crate::target::{Approved, Mode, Select, Target};
use crate::units::secs;

/// One kind of harm.
///
/// # Flow
/// ```text
/// prepare -> approve -> record -> inject -> observe -> hold -> revert -> observe -> strike off
/// (look,     (blast     (ledger,  (effect)  (did it    (dead-  (restore  (is it     (ledger)
///  no effect) radius)    fsync)              take?)     line)   found)    gone?)
/// ```
///
/// # Guarantees to an implementation
/// - `inject` is called at most once per prepared undo, after that undo is durable, and only for a target that the
///   blast radius has passed: an [`Approved`] cannot be made outside this crate.
/// - The undo is reverted after every `inject` that was begun, whether it failed, panicked or was cut off.
/// - How long it may last is in the [`Approved`] target, for effects that end by themselves; it is told again by `extend`.
/// - `revert` may be called again, in another process, with nothing but the undo.
/// - Where the selection is [followed](crate::injection::On::following), what has gone is [let go](Fault::let_go) before
///   anything comes in its place.
///
/// # Assumptions about an implementation
/// - `prepare` has no effect, and what it returns holds what was *found*.
/// - `observe` reads the world. A fault that is not seen in force makes the experiment inconclusive, never held.
/// - Dropping a future of `prepare` or `observe` has no effect; a dropped `inject` is taken back by the undo.
///
/// # Caveats
/// Faults whose effect lives and dies with this process say [`Owner::Process`]; they are not in the ledger. A fault
/// that cannot be taken back uses [`NoUndo`] and [`Plan::irreversible`].
///
/// # Errors
/// [`Error::refused`](crate::Error::refused) for what the world forbids, [`Error::invalid`](crate::Error::invalid) for
/// a wrong argument, [`Error::failed`](crate::Error::failed) for an action that did not work.
pub trait Fault: Debug + Send + Sync + 'static {
    /// What it acts on.
    type Target: Target;
    /// What takes it back.
    type Undo: Undo;

    /// One line for plans and reports: "app.conf gets timeout=1".
    fn describe(&self) -> String {
        format!("{self:?}")
    }

    /// This fault on `mode` of `targets`, for an experiment or for [`Chaos::inject`](crate::Chaos::inject).
    fn on(self, targets: impl Select<Self::Target>, mode: Mode) -> On<Self>
    where
        Self: Sized,
    {
        On::new(self, targets, mode)
    }

    /// What the undo needs that is not data: `()`, a client, a point.
    fn via<'a>(&'a self, target: &'a Self::Target) -> &'a <Self::Undo as Undo>::Via;

    /// How long making it at one target, or looking at it there, may take: 30 s unless said. One that takes longer has
    /// failed, and is taken back.
    fn takes_at_most(&self) -> Duration {
        secs(30)
    }

    /// Looks at the target and touches nothing: what would change, and how to put it back.
    ///
    /// # Errors
    /// When the target cannot be read, or what was found forbids the fault.
    fn prepare(&self, target: &Self::Target) -> impl Future<Output = Result<Plan<Self::Undo>>> + Send;

    /// All targets of one injection, or all that come at one look of one that follows its selection, approved, before the first of them is injected: for a fault that brings something up
    /// which several of them share (an agent on a node). It has no effect, and no target that is not in it is injected.
    fn gather(&self, targets: &[(&Approved<Self::Target>, &Self::Undo)]) {
        let _ = targets;
    }

    /// Makes it happen. May fail half-way: the undo copes.
    ///
    /// # Errors
    /// When the effect could not be made.
    fn inject(
        &self,
        target: &Approved<Self::Target>,
        undo: &Self::Undo,
    ) -> impl Future<Output = Result<()>> + Send;

    /// The fault in force may now last [`target.lasting()`](Approved::lasting) from here on, whatever was said before. Only
    /// faults that end by themselves have something to do.
    ///
    /// # Errors
    /// When it could not be told, or the fault had ended already: it does not come back.
    fn extend(
        &self,
        target: &Approved<Self::Target>,
        undo: &Self::Undo,
    ) -> impl Future<Output = Result<()>> + Send {
        let _ = (target, undo);
        async { Ok(()) }
    }

    /// Takes back what is left at a target that is gone or has lost the fault by itself, while the fault stays in force at
    /// others. Unless said otherwise that is its undo; a fault whose targets share something (an agent on a node) leaves that
    /// to the others, and takes it back with the last.
    ///
    /// # Errors
    /// As the undo's.
    fn let_go(&self, target: &Self::Target, undo: &Self::Undo) -> impl Future<Output = Result<()>> + Send {
        async move {
            let via = self.via(target);
            undo.revert(via).await?;
            if undo.is_gone(via).await? {
                return Ok(());
            }
            Err(Error::failed("reverted, but still seen to be in force"))
        }
    }

    /// Reads the world: is the fault in force?
    ///
    /// # Errors
    /// When the world could not be read.
    fn observe(
        &self,
        target: &Self::Target,
        undo: &Self::Undo,
    ) -> impl Future<Output = Result<Observed>> + Send;
}
