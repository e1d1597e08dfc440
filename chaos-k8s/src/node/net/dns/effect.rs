//! [`DnsEffect`]: what happens to a query.

use std::fmt;
use std::net::IpAddr;
use std::time::Duration;

use chaos_core::units::duration::{self, brief};
use chaos_core::{Error, Result};
use serde::{Deserialize, Serialize};

use super::QueryType;

/// Waits of programs for an answer are 5 s (resolv.conf(5), `timeout`) and at most 30 s; longer is as good as no answer.
const LONGEST: Duration = Duration::from_secs(60);
/// So many fit into one answer over UDP, with a short name.
const MOST_ADDRESSES: usize = 16;

/// What happens to the queries that a [`DnsFault`](super::DnsFault) hits.
///
/// Where several faults hit one query, its delays add up, and one answer is given: none at all if one fault says so, then
/// SERVFAIL, REFUSED, NXDOMAIN, and addresses last.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DnsEffect {
    /// There is no such name (RFC 1035, response code 3).
    NxDomain,
    /// The server fails (2).
    ServFail,
    /// The server refuses (5).
    Refused,
    /// No answer comes.
    NoAnswer,
    /// These addresses, 1 to 16 of them: to queries for A those of IPv4, for AAAA those of IPv6. If there are none of the
    /// family, the name has no such address. Other types are answered truly.
    Addresses(Vec<IpAddr>),
    /// An address that nobody has: of 198.18.0.0/15 (RFC 2544) for A, of 2001:db8::/32 (RFC 3849) for AAAA. Drawn for each
    /// query. Other types are answered truly.
    RandomAddress,
    /// The true answer comes late, by up to 60 s.
    Delay(#[serde(with = "duration")] Duration),
}

impl DnsEffect {
    /// Refuses what would do nothing, or not what it says.
    ///
    /// # Errors
    /// A delay of nothing or of more than 60 s, no address or more than 16.
    pub fn check(&self) -> Result<()> {
        match self {
            Self::Delay(delay) if delay.is_zero() => {
                Err(Error::invalid("a delay of 0 changes nothing: give one of up to 60 s"))
            }
            Self::Delay(delay) if *delay > LONGEST => Err(Error::invalid(format!(
                "a delay of {} is longer than 60 s, for which nobody waits: use no answer instead",
                brief(*delay)
            ))),
            Self::Addresses(addresses) if addresses.is_empty() => Err(Error::invalid(
                "a wrong answer without an address: give one, or use the one for no such name",
            )),
            Self::Addresses(addresses) if addresses.len() > MOST_ADDRESSES => Err(Error::invalid(format!(
                "{} addresses do not fit into one answer: give at most {MOST_ADDRESSES}",
                addresses.len()
            ))),
            _ => Ok(()),
        }
    }

    /// Which queries it can hit at all; all where it does not matter.
    pub(super) fn types(&self) -> Option<[QueryType; 2]> {
        matches!(self, Self::Addresses(_) | Self::RandomAddress).then_some([QueryType::A, QueryType::AAAA])
    }
}

impl fmt::Display for DnsEffect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NxDomain => f.write_str("NXDOMAIN"),
            Self::ServFail => f.write_str("SERVFAIL"),
            Self::Refused => f.write_str("REFUSED"),
            Self::NoAnswer => f.write_str("no answer"),
            Self::Addresses(addresses) => {
                let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
                write!(f, "answer {}", addresses.join(" "))
            }
            Self::RandomAddress => f.write_str("a random address"),
            Self::Delay(delay) => write!(f, "answers {} late", brief(*delay)),
        }
    }
}

#[cfg(test)]
mod tests {
    use chaos_core::units::{ms, secs};

    use super::*;

    #[test]
    fn what_would_do_nothing_is_refused() {
        let many = vec![IpAddr::from([192, 0, 2, 1]); 17];
        for (effect, word) in [
            (DnsEffect::Delay(ms(0)), "0 changes nothing"),
            (DnsEffect::Delay(secs(61)), "longer than 60 s"),
            (DnsEffect::Addresses(Vec::new()), "without an address"),
            (DnsEffect::Addresses(many), "17 addresses"),
        ] {
            let error = effect.check().unwrap_err();
            assert!(error.is_invalid() && error.to_string().contains(word), "{error}");
        }
        DnsEffect::Delay(secs(60)).check().unwrap();
    }

    #[test]
    fn effects_are_data() {
        for (effect, text) in [
            (DnsEffect::NxDomain, r#""nx-domain""#),
            (DnsEffect::Delay(ms(50)), r#"{"delay":"50ms"}"#),
            (DnsEffect::Addresses(vec![[192, 0, 2, 1].into()]), r#"{"addresses":["192.0.2.1"]}"#),
        ] {
            assert_eq!(serde_json::to_string(&effect).unwrap(), text);
            assert_eq!(serde_json::from_str::<DnsEffect>(text).unwrap(), effect);
        }
    }
}
