//! [`QueryType`]: what is asked of a name.

use std::fmt;
use std::str::FromStr;

use chaos_core::{Error, Result};
use domain::base::Rtype;
use serde::{Deserialize, Serialize};

/// The type of record that is asked for, by IANA's number and name: `"AAAA"`, `"MX"`, `"TYPE65280"`.
///
/// ```
/// use chaos_k8s::node::net::QueryType;
/// assert_eq!("aaaa".parse::<QueryType>()?, QueryType::AAAA);
/// assert_eq!(QueryType::new(65).to_string(), "HTTPS");
/// # Ok::<(), chaos_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct QueryType(u16);

impl QueryType {
    /// An address of IPv4.
    pub const A: Self = Self(1);
    /// An address of IPv6.
    pub const AAAA: Self = Self(28);
    /// Another name.
    pub const CNAME: Self = Self(5);
    /// Where mail goes.
    pub const MX: Self = Self(15);
    /// The name of an address.
    pub const PTR: Self = Self(12);
    /// Where a service is.
    pub const SRV: Self = Self(33);
    /// Text.
    pub const TXT: Self = Self(16);

    /// A type by its number.
    pub const fn new(number: u16) -> Self {
        Self(number)
    }
}

impl fmt::Display for QueryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Rtype::from_int(self.0).fmt(f)
    }
}

impl FromStr for QueryType {
    type Err = Error;
    fn from_str(text: &str) -> Result<Self> {
        let known = text.parse::<Rtype>().map_err(|_| {
            Error::invalid(format!(
                "{text:?} is no type of DNS records: write one as A, AAAA, MX or TYPE65280"
            ))
        })?;
        Ok(Self(known.to_int()))
    }
}

impl TryFrom<String> for QueryType {
    type Error = Error;
    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<QueryType> for String {
    fn from(kind: QueryType) -> Self {
        kind.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers() {
        for (text, number) in [("A", 1), ("cname", 5), ("HTTPS", 65), ("TYPE65280", 65_280)] {
            let kind = text.parse::<QueryType>().unwrap();
            assert_eq!(kind, QueryType::new(number));
            assert_eq!(kind.to_string().parse::<QueryType>().unwrap(), kind);
        }
        for wrong in ["", "AAAAA", "TYPE", "TYPE65536", "1"] {
            assert!(wrong.parse::<QueryType>().unwrap_err().is_invalid(), "{wrong}");
        }
    }
}
