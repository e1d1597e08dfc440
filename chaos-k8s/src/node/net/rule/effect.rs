//! [`Effect`]: what happens to the packets of a rule.

use std::fmt;

use chaos_core::Result;
use serde::{Deserialize, Serialize};

use super::{Netem, Shaping};

/// How a refused packet is answered.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Refusal {
    /// TCP by a reset, all else by "port unreachable": as if nobody listened.
    #[default]
    Reset,
    /// ICMP "host unreachable": as if the peer were away.
    HostUnreachable,
    /// ICMP "administratively prohibited": as a firewall says it.
    Prohibited,
}

/// What happens to packets.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Effect {
    /// What a bad network does.
    Netem(Netem),
    /// They are held to a bandwidth.
    Bandwidth(Shaping),
    /// They vanish: a partition.
    Drop,
    /// They are refused.
    Refuse(Refusal),
}

impl Effect {
    /// Refuses what would do nothing, or not what it says.
    ///
    /// # Errors
    /// As [`Netem::check`].
    pub fn check(&self) -> Result<()> {
        match self {
            Self::Netem(netem) => netem.check(),
            Self::Bandwidth(_) | Self::Drop | Self::Refuse(_) => Ok(()),
        }
    }
}

impl fmt::Display for Effect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Netem(netem) => write!(f, "{netem}"),
            Self::Bandwidth(shaping) => write!(f, "{shaping}"),
            Self::Drop => f.write_str("drop"),
            Self::Refuse(Refusal::Reset) => f.write_str("reset"),
            Self::Refuse(Refusal::HostUnreachable) => f.write_str("host unreachable"),
            Self::Refuse(Refusal::Prohibited) => f.write_str("prohibited"),
        }
    }
}

impl From<Netem> for Effect {
    fn from(netem: Netem) -> Self {
        Self::Netem(netem)
    }
}

impl From<Shaping> for Effect {
    fn from(shaping: Shaping) -> Self {
        Self::Bandwidth(shaping)
    }
}

impl From<Refusal> for Effect {
    fn from(refusal: Refusal) -> Self {
        Self::Refuse(refusal)
    }
}
