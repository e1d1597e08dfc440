//! [`Stress`]: what is to be taken, kind by kind, and where the stressors are put.

use std::marker::PhantomData;
use std::time::Duration;

use chaos_core::units::secs;

use super::parts::Part;
use super::placement::Placement;

/// Stress of one kind or of several, as a [`Fault`](chaos_core::Fault) on a [`Cgroup`](crate::node::Cgroup). `K` is the
/// kind that was named last, whose settings can be said here: [`Cpu`](super::Cpu), [`Memory`](super::Memory), and so on.
///
/// ```
/// use chaos_core::{Percent, units::secs};
/// use chaos_k8s::node::stress::{self, Amount, Placement};
/// let stress = stress::cpu(2)?
///     .load(Percent::try_new(50.0)?)
///     .and(stress::memory(Amount::percent(Percent::try_new(80.0)?)?).growing(16 << 20)?)
///     .placed(Placement::Beside)
///     .ends_after(secs(600));
/// # let _ = stress;
/// # Ok::<(), chaos_core::Error>(())
/// ```
#[must_use = "nothing is under stress until it is injected"]
#[derive(Debug, Clone, PartialEq)]
pub struct Stress<K> {
    pub(super) parts: Vec<Part>,
    placement: Option<Placement>,
    ends_after: Option<Duration>,
    last: PhantomData<fn() -> K>,
}

impl<K> Stress<K> {
    /// After how long a stressor ends by itself that is held without an end: an hour.
    pub const ENDS_AFTER: Duration = secs(3600);

    pub(super) fn of(part: Part) -> Self {
        Self::with(vec![part], None, None)
    }

    pub(super) fn with(parts: Vec<Part>, placement: Option<Placement>, ends_after: Option<Duration>) -> Self {
        Self { parts, placement, ends_after, last: PhantomData }
    }

    /// Placement and end, where some were said.
    pub(super) fn said(&self) -> (Option<Placement>, Option<Duration>) {
        (self.placement, self.ends_after)
    }

    /// This and `other`, in one injection. Placement and end are those of `other` where it says some.
    pub fn and<L>(mut self, other: Stress<L>) -> Stress<L> {
        self.parts.extend(other.parts);
        let placement = other.placement.or(self.placement);
        Stress::with(self.parts, placement, other.ends_after.or(self.ends_after))
    }

    /// Whose limits are eaten; [`Placement::Inside`] unless said.
    pub fn placed(mut self, placement: Placement) -> Self {
        self.placement = Some(placement);
        self
    }

    /// The stressors end by themselves after this long, counted from their start, whatever the fault is said to last: the last
    /// resort, when the injector is stopped. Without this they end when [it may last no longer](chaos_core::Approved::lasting),
    /// or after [`ENDS_AFTER`](Self::ENDS_AFTER) when it is held without an end.
    pub fn ends_after(mut self, ends_after: Duration) -> Self {
        self.ends_after = Some(ends_after);
        self
    }

    pub(super) fn placement(&self) -> Placement {
        self.placement.unwrap_or_default()
    }

    pub(super) fn most(&self) -> Option<Duration> {
        self.ends_after
    }
}
