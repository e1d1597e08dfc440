//! [`Ports`]: a port or a range of them.

use std::fmt;
use std::ops::RangeInclusive;
use std::str::FromStr;

use chaos_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// A port or a range of ports, 1 to 65535, both ends included.
///
/// ```
/// use chaos_k8s::node::net::Ports;
/// assert_eq!("8000-8080".parse::<Ports>()?, Ports::range(8000..=8080)?);
/// assert!(Ports::one(0).is_err());
/// # Ok::<(), chaos_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Ports {
    first: u16,
    last: u16,
}

impl Ports {
    /// This port.
    ///
    /// # Errors
    /// Port 0, which no packet of a connection has.
    pub fn one(port: u16) -> Result<Self> {
        Self::range(port..=port)
    }

    /// These ports.
    ///
    /// # Errors
    /// Port 0, or an end below the start.
    pub fn range(ports: RangeInclusive<u16>) -> Result<Self> {
        let (first, last) = ports.into_inner();
        if first == 0 {
            return Err(Error::invalid("port 0 is no port of a packet: ports are 1 to 65535"));
        }
        if first > last {
            return Err(Error::invalid(format!("ports {first}-{last} end below their start")));
        }
        Ok(Self { first, last })
    }

    /// The lowest.
    pub fn first(self) -> u16 {
        self.first
    }

    /// The highest.
    pub fn last(self) -> u16 {
        self.last
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.first == self.last {
            true => write!(f, "{}", self.first),
            false => write!(f, "{}-{}", self.first, self.last),
        }
    }
}

impl FromStr for Ports {
    type Err = Error;

    fn from_str(written: &str) -> Result<Self> {
        let port = |number: &str| {
            number.trim().parse::<u16>().map_err(|source| {
                Error::invalid(format!("{written:?} is no port and no range such as 8000-8080"))
                    .with_source(source)
            })
        };
        match written.split_once('-') {
            Some((first, last)) => Self::range(port(first)?..=port(last)?),
            None => Self::one(port(written)?),
        }
    }
}

impl TryFrom<String> for Ports {
    type Error = Error;
    fn try_from(written: String) -> Result<Self> {
        written.parse()
    }
}

impl From<Ports> for String {
    fn from(ports: Ports) -> Self {
        ports.to_string()
    }
}
