//! [`Approved`]: a target that the blast radius has passed.

use crate::point::Cap;
use crate::sync::Arc;

/// A target that the blast radius has passed. Only this crate makes one, so that what was not approved cannot be
/// injected.
#[derive(Debug, Clone)]
pub struct Approved<T> {
    target: T,
    cap: Option<Arc<Cap>>,
}

impl<T> Approved<T> {
    pub(crate) fn new(target: T, cap: Option<Arc<Cap>>) -> Self {
        Self { target, cap }
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
