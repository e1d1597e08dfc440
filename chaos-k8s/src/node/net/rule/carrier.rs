//! [`Carrier`]: who does to packets what a fault says.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Who does to packets what a fault says.
///
/// ```
/// use chaos_core::units::ms;
/// use chaos_k8s::node::net::{self, Carrier};
/// let here = net::delay(ms(40)).carrier(Carrier::Process);
/// assert_eq!(here.to_string(), "delay 40ms to everyone through this process");
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Carrier {
    /// The kernel, and where it cannot, this process. The plan says which.
    #[default]
    Automatic,
    /// The kernel alone: refused where it cannot.
    Kernel,
    /// This process ([`own`](crate::node::net::own)), also where the kernel could: the same dice, and so the same packets, on
    /// every kernel. For what [`Netem`](super::Netem) says; all else is the kernel's.
    Process,
}

impl Carrier {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde asks for a reference")]
    pub(super) fn is_automatic(&self) -> bool {
        *self == Self::Automatic
    }
}

impl fmt::Display for Carrier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Automatic => "by the kernel or this process",
            Self::Kernel => "by the kernel",
            Self::Process => "through this process",
        })
    }
}
