//! [`Approved`]: a target that the blast radius has passed.

use std::time::Duration;

use crate::point::Cap;
use crate::sync::Arc;

/// A target that the blast radius has passed. Only this crate makes one, so that what was not approved cannot be
/// injected.
#[derive(Debug, Clone)]
pub struct Approved<T> {
    target: T,
    cap: Option<Arc<Cap>>,
    lasting: Option<Duration>,
}

impl<T> Approved<T> {
    pub(crate) fn new(target: T, cap: Option<Arc<Cap>>) -> Self {
        Self { target, cap, lasting: None }
    }

    pub(crate) fn lasting_at_most(mut self, lasting: Option<Duration>) -> Self {
        self.lasting = lasting;
        self
    }

    /// How long the fault may be in force, counted from the call that gets this: what it was said to last, and a
    /// [margin](crate::injection::MARGIN) for the revert. `None` for one that is held until it is taken back.
    ///
    /// A fault whose effect something beside this process can end (the kernel's clock, a helper process) hands it over
    /// there, so that the fault ends as well while this process is stopped or hangs.
    /// [`Fault::extend`](crate::Fault::extend) is called when it changes.
    pub fn lasting(&self) -> Option<Duration> {
        self.lasting
    }

    /// The cap on operations, where the target is a point.
    pub(crate) fn cap(&self) -> Option<&Arc<Cap>> {
        self.cap.as_ref()
    }
}

impl<T> std::ops::Deref for Approved<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.target
    }
}
