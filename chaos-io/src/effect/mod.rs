//! The faults: rules for [`Io`] operations, and how each effect is carried out on bytes.
//!
//! The functions are at the root of the crate too. Each makes a rule; [`when`](Rule::when) says which operations it is
//! about. An effect hits and counts operations of the kinds that it can happen to only: `short` never matches a flush.
//!
//! ```
//! use chaos_core::{Delay, units::ms};
//! use chaos_io::{IoKind, Keep, kind, offset};
//! use std::io::ErrorKind;
//! let _slow = chaos_io::latency(Delay::fixed(ms(5))).when(kind(IoKind::Read)).probability(0.2)?;
//! let _disk = chaos_io::throttle(10_000_000)?;                    // 10 MB/s, reads and writes together
//! let _wal = chaos_io::torn(Keep::random()).when(offset(4096..)?).nth("3")?;
//! let _full = chaos_io::disk_full(1 << 20);
//! let _gone = chaos_io::error(ErrorKind::NotFound).when(kind(IoKind::Open));
//! # Ok::<(), chaos_core::Error>(())
//! ```
//!
//! | effect | happens to |
//! |---|---|
//! | errors, `stuck`, `pending_storm`, delays | all kinds |
//! | `throttle`, `short`, `duplicate`, `corrupt`, `flip`, `replace_range` | reads and writes |
//! | `torn`, `disk_full` | writes |
//! | `eof` | reads |
//! | `lost_flush`, `lost_sync` | flushes, syncs |
//! | `misdirected_seek` | seeks |
//! | `attributes` | stats |

#[cfg(all(feature = "mount", target_os = "linux"))]
mod attributes;
mod corrupt;
mod disk_full;
mod duplicate;
mod eof;
mod errors;
mod fail;
mod latency;
mod lost;
mod per_rule;
mod seek;
mod short;
mod throttle;
mod torn;
mod wait;

use std::fmt;

use chaos_core::Rule;
use chaos_core::point::Abilities;

#[cfg(all(feature = "mount", target_os = "linux"))]
use crate::operation::MOUNT;
use crate::operation::{Io, IoKind, WRAPPER};

#[cfg(all(feature = "mount", target_os = "linux"))]
pub use attributes::{Attributes, attributes};
pub use corrupt::{corrupt, flip, replace_range};
pub use disk_full::disk_full;
pub use duplicate::duplicate;
pub use eof::eof;
pub use fail::{errno, error, fail_close, interrupted};
pub use latency::{latency, latency_after, slow_close};
pub use lost::{lost_flush, lost_sync};
pub use seek::misdirected_seek;
pub use short::short;
pub use throttle::{throttle, throttle_with_burst};
pub use torn::{Keep, torn, torn_with_error};
pub use wait::{pending_storm, stuck};

pub(crate) use corrupt::Corrupt;
pub(crate) use disk_full::DiskFull;
pub(crate) use errors::errno_of_kind;
#[cfg(feature = "rules")]
pub(crate) use errors::{errno_named, kind_named};
pub(crate) use fail::Fail;
pub(crate) use throttle::Throttle;
pub(crate) use torn::Torn;
#[cfg(feature = "rules")]
pub(crate) use {seek::misdirection, short::at_most, wait::polls};

/// What can happen to an I/O operation besides a delay; made by the functions of [`effect`](self).
#[derive(Debug, Clone)]
pub struct IoEffect(pub(crate) Effect);

#[derive(Debug, Clone)]
pub(crate) enum Effect {
    /// The operation fails and is not done.
    Fail(Fail),
    /// It is done when the rule is reverted.
    Stuck,
    /// `Pending` so many times, each with a wake.
    PendingStorm(u32),
    /// No more than what a line of this rate carries.
    Throttle(Throttle),
    /// No more than so many bytes.
    Short(usize),
    /// The beginning of a write is done, the rest is lost.
    Torn(Torn),
    /// Bytes change, their number does not.
    Corrupt(Corrupt),
    /// Bytes come twice.
    Duplicate,
    /// A read finds the end.
    Eof,
    /// Acknowledged and not done: a flush, a sync.
    Lost,
    /// Writes up to a number of bytes, then ENOSPC.
    DiskFull(DiskFull),
    /// Attributes that are not those of the file.
    #[cfg(all(feature = "mount", target_os = "linux"))]
    Attributes(Attributes),
    /// A seek lands so far from where it says.
    Misdirect(i64),
}

impl Effect {
    /// What can carry it out.
    pub(crate) fn needs(&self) -> Abilities {
        match self {
            Self::PendingStorm(_) | Self::Duplicate | Self::Misdirect(_) => WRAPPER,
            #[cfg(all(feature = "mount", target_os = "linux"))]
            Self::Attributes(_) => MOUNT,
            _ => Abilities::ERROR,
        }
    }

    /// The kinds of operation that it can happen to; `None` is all of them.
    pub(crate) fn kinds(&self) -> Option<&'static [IoKind]> {
        match self {
            Self::Fail(_) | Self::Stuck | Self::PendingStorm(_) => None,
            Self::Throttle(_) | Self::Short(_) | Self::Corrupt(_) | Self::Duplicate => {
                Some(&[IoKind::Read, IoKind::Write])
            }
            Self::Torn(_) | Self::DiskFull(_) => Some(&[IoKind::Write]),
            Self::Eof => Some(&[IoKind::Read]),
            Self::Lost => Some(&[IoKind::Flush, IoKind::Sync]),
            #[cfg(all(feature = "mount", target_os = "linux"))]
            Self::Attributes(_) => Some(&[IoKind::Stat]),
            Self::Misdirect(_) => Some(&[IoKind::Seek]),
        }
    }
}

impl fmt::Display for IoEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Effect::Fail(fail) => write!(f, "error: {fail}"),
            Effect::Stuck => f.write_str("stuck"),
            Effect::PendingStorm(polls) => write!(f, "pending {polls} times"),
            Effect::Throttle(throttle) => throttle.fmt(f),
            Effect::Short(at_most) => write!(f, "at most {at_most} bytes"),
            Effect::Torn(torn) => torn.fmt(f),
            Effect::Corrupt(corrupt) => corrupt.fmt(f),
            Effect::Duplicate => f.write_str("bytes twice"),
            Effect::Eof => f.write_str("end of file"),
            Effect::Lost => f.write_str("acknowledged, not done"),
            Effect::DiskFull(full) => full.fmt(f),
            #[cfg(all(feature = "mount", target_os = "linux"))]
            Effect::Attributes(attributes) => attributes.fmt(f),
            Effect::Misdirect(by) => write!(f, "seek lands {by:+} bytes away"),
        }
    }
}

fn rule(effect: Effect) -> Rule<Io> {
    Rule::effect(IoEffect(effect))
}
