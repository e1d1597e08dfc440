//! Where packets are met: [`Devices`] and [`Direction`].

use std::fmt;

use chaos_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::node::net::plan::Way;

/// The name of a network device: 1 to 15 bytes, no `/`, no white space, not `.` or `..` (`dev_valid_name`,
/// net/core/dev.c), and no `:`.
///
/// ```
/// use chaos_k8s::node::net::IfName;
/// assert!(IfName::try_new("eth0").is_ok());
/// assert!(IfName::try_new("a name\nlonger than fifteen").unwrap_err().is_invalid());
/// ```
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct IfName(String);

const LONGEST: usize = 15;

impl IfName {
    /// This name.
    ///
    /// # Errors
    /// What the kernel would not take as a name.
    pub fn try_new(name: impl Into<String>) -> Result<Self> {
        let name = name.into();
        let wrong = if name.is_empty() {
            "is empty"
        } else if name.len() > LONGEST {
            "is longer than 15 bytes"
        } else if name == "." || name == ".." {
            "is a directory"
        } else if name.contains(|c: char| c == '/' || c == ':' || c.is_whitespace() || c.is_control()) {
            "has a character that no device has"
        } else {
            return Ok(Self(name));
        };
        Err(Error::invalid(format!("device name {name:?} {wrong}")))
    }

    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for IfName {
    type Error = Error;
    fn try_from(name: String) -> Result<Self> {
        Self::try_new(name)
    }
}

impl From<IfName> for String {
    fn from(name: IfName) -> Self {
        name.0
    }
}

impl fmt::Display for IfName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which devices of a namespace.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Devices {
    /// All that are up, but loopback, ports of a bridge or a bond (their packets are met at the bridge or the bond) and what this
    /// crate made. One that comes up later is met from the next look at the fault on.
    #[default]
    AllUp,
    /// These; each must be there.
    Named(Vec<IfName>),
}

impl fmt::Display for Devices {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AllUp => f.write_str("all devices that are up"),
            Self::Named(names) => {
                let names: Vec<_> = names.iter().map(IfName::as_str).collect();
                f.write_str(&names.join(", "))
            }
        }
    }
}

/// On which way a packet is met, seen from the namespace.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// On its way out: the peer is the destination.
    #[default]
    Egress,
    /// On its way in: the peer is the source.
    Ingress,
    /// Both; a delay is then met twice by a request and its answer.
    Both,
}

impl Direction {
    /// Whether packets on their way out are met.
    pub fn is_out(self) -> bool {
        self != Self::Ingress
    }

    /// Whether packets on their way in are met.
    pub fn is_in(self) -> bool {
        self != Self::Egress
    }
}

impl Direction {
    /// The ways that are met.
    pub(crate) fn ways(self) -> Vec<Way> {
        let ways = [(self.is_out(), Way::Out), (self.is_in(), Way::In)];
        ways.into_iter().filter(|(is_met, _)| *is_met).map(|(_, way)| way).collect()
    }
}

impl fmt::Display for Direction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Egress => " to",
            Self::Ingress => " from",
            Self::Both => " to and from",
        })
    }
}
