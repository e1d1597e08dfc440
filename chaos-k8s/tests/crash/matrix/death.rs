//! [`Death`]: who dies, where, and by which signal.

use std::fmt;
use std::time::Duration;

use chaos_core::units::{ms, secs};
use nix::sys::signal::Signal;

use crate::tree::Place;

/// Who takes a fault back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    Kernel,
    Guardian,
}

impl Owner {
    /// How long it may take.
    pub(super) fn bound(self) -> Duration {
        match self {
            Self::Kernel => ms(200),
            Self::Guardian => secs(2),
        }
    }
}

/// Who dies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dying {
    /// The injector, at any call of its own or of its children.
    Injector,
    /// Its guardian, while it lives.
    Guardian,
    /// Both at once.
    Both,
    /// The injector while the fault is in force, and then the guardian at its work.
    GuardianAtWork,
    /// A sweep, after both died.
    Sweep,
}

impl Dying {
    pub(super) const ALL: [Self; 5] =
        [Self::Injector, Self::Guardian, Self::Both, Self::GuardianAtWork, Self::Sweep];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Injector => "injector",
            Self::Guardian => "guardian",
            Self::Both => "both",
            Self::GuardianAtWork => "injector, then guardian",
            Self::Sweep => "both, then sweep",
        }
    }
}

/// One death.
#[derive(Debug, Clone, Copy)]
pub(super) struct Death {
    pub(super) dying: Dying,
    pub(super) signal: Signal,
    pub(super) place: Place,
}

impl fmt::Display for Death {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let when = if self.place.after { "after" } else { "before" };
        write!(f, "{}, {} {when}", self.dying.name(), self.signal)
    }
}
