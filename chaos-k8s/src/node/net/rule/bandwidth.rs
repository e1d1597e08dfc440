//! [`Bandwidth`]: bits per second, and [`Shaping`]: a bandwidth with its burst.

use std::fmt;
use std::str::FromStr;

use chaos_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// A rate of data, 8 bit/s to 1 Tbit/s, held in bits per second.
///
/// ```
/// use chaos_k8s::node::net::Bandwidth;
/// assert_eq!(Bandwidth::mbit(10)?, "10mbit".parse()?);
/// assert_eq!(Bandwidth::kbit(1500)?.to_string(), "1500kbit");
/// assert!("10mbps".parse::<Bandwidth>().is_err());        // to tc(8) these are megabytes: written out here
/// # Ok::<(), chaos_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Bandwidth(u64);

const LEAST: u64 = 8;
const MOST: u64 = 1_000_000_000_000;
const UNITS: [(&str, u64); 4] = [("gbit", 1_000_000_000), ("mbit", 1_000_000), ("kbit", 1_000), ("bit", 1)];

impl Bandwidth {
    /// So many bits per second.
    ///
    /// # Errors
    /// Below 8 bit/s (one byte) or above 1 Tbit/s.
    pub fn bits(per_second: u64) -> Result<Self> {
        if (LEAST..=MOST).contains(&per_second) {
            return Ok(Self(per_second));
        }
        Err(Error::invalid(format!("a bandwidth of {per_second} bit/s is not in 8bit..=1000gbit")))
    }

    /// So many thousand bits per second.
    ///
    /// # Errors
    /// As [`bits`](Self::bits).
    pub fn kbit(per_second: u64) -> Result<Self> {
        Self::bits(per_second.saturating_mul(1_000))
    }

    /// So many million bits per second.
    ///
    /// # Errors
    /// As [`bits`](Self::bits).
    pub fn mbit(per_second: u64) -> Result<Self> {
        Self::bits(per_second.saturating_mul(1_000_000))
    }

    /// So many billion bits per second.
    ///
    /// # Errors
    /// As [`bits`](Self::bits).
    pub fn gbit(per_second: u64) -> Result<Self> {
        Self::bits(per_second.saturating_mul(1_000_000_000))
    }

    /// Bits per second.
    pub fn bits_per_second(self) -> u64 {
        self.0
    }

    /// Bytes per second, rounded down; at least one.
    pub fn bytes_per_second(self) -> u64 {
        self.0 / 8
    }
}

impl fmt::Display for Bandwidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let whole = UNITS.into_iter().find(|(_, size)| self.0 % size == 0);
        let (unit, size) = whole.unwrap_or(("bit", 1));
        write!(f, "{}{unit}", self.0 / size)
    }
}

impl FromStr for Bandwidth {
    type Err = Error;

    fn from_str(written: &str) -> Result<Self> {
        let unknown = || {
            Error::invalid(format!(
                "bandwidth {written:?} is not a whole number with bit, kbit, mbit or gbit"
            ))
        };
        let (number, size) = UNITS
            .into_iter()
            .find_map(|(unit, size)| written.strip_suffix(unit).map(|number| (number, size)))
            .ok_or_else(unknown)?;
        let number: u64 = number.trim().parse().map_err(|_| unknown())?;
        Self::bits(number.saturating_mul(size))
    }
}

impl TryFrom<String> for Bandwidth {
    type Error = Error;
    fn try_from(written: String) -> Result<Self> {
        written.parse()
    }
}

impl From<Bandwidth> for String {
    fn from(bandwidth: Bandwidth) -> Self {
        bandwidth.to_string()
    }
}

/// Traffic held to a bandwidth: what comes faster waits, and is dropped when too much waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Shaping {
    /// At most so fast, each device and direction on its own.
    pub rate: Bandwidth,
    /// How many bytes may pass at full speed after a pause; `None` for what the rate needs (10 ms of it, and no less than
    /// two large packets).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub burst: Option<u32>,
    /// How many bytes may wait before more are dropped; `None` for 200 ms of the rate, and no less than 64 KiB.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<u32>,
}

impl Shaping {
    /// The burst in force, in bytes.
    pub fn burst_bytes(&self) -> u32 {
        self.burst.unwrap_or_else(|| share(self.rate, 100).max(3_200))
    }

    /// The queue in force, in bytes.
    pub fn queue_bytes(&self) -> u32 {
        self.queue.unwrap_or_else(|| share(self.rate, 5).max(65_536))
    }
}

/// What a rate carries in this part of a second, in bytes.
fn share(rate: Bandwidth, of_a_second: u64) -> u32 {
    u32::try_from(rate.bytes_per_second() / of_a_second).unwrap_or(u32::MAX)
}

impl fmt::Display for Shaping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "rate {}", self.rate)?;
        self.burst.map_or(Ok(()), |bytes| write!(f, " burst {bytes}B"))?;
        self.queue.map_or(Ok(()), |bytes| write!(f, " queue {bytes}B"))
    }
}
