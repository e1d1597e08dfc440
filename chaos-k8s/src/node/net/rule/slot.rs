//! [`Slot`]: packets that go in bunches.

use std::fmt;
use std::time::Duration;

use chaos_core::units::duration;
use chaos_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// Packets wait and go in bunches, as on media with time slots (tc-netem(8), `slot`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Slot {
    /// The shortest time between two bunches.
    #[serde(with = "duration")]
    pub min: Duration,
    /// The longest.
    #[serde(with = "duration")]
    pub max: Duration,
    /// At most so many packets in a bunch; 0 for any number.
    #[serde(default)]
    pub packets: u32,
    /// At most so many bytes in a bunch; 0 for any number.
    #[serde(default)]
    pub bytes: u32,
}

impl Slot {
    /// A bunch every `min` to `max`.
    ///
    /// # Errors
    /// `max` below `min`, or both zero.
    pub fn every(min: Duration, max: Duration) -> Result<Self> {
        let slot = Self { min, max, packets: 0, bytes: 0 };
        slot.check()?;
        Ok(slot)
    }

    pub(super) fn check(&self) -> Result<()> {
        if self.max < self.min {
            return Err(Error::invalid(format!(
                "slots of {:?} to {:?} end below their start",
                self.min, self.max
            )));
        }
        if self.max.is_zero() {
            return Err(Error::invalid("slots of no time are no slots: give them at least a microsecond"));
        }
        Ok(())
    }
}

impl fmt::Display for Slot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "slot {:?}", self.min)?;
        if self.max != self.min {
            write!(f, "..{:?}", self.max)?;
        }
        if self.packets > 0 {
            write!(f, " packets {}", self.packets)?;
        }
        if self.bytes > 0 {
            write!(f, " bytes {}", self.bytes)?;
        }
        Ok(())
    }
}
