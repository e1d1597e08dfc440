//! [`dns`], and [`DnsFault`], which it begins.

use std::fmt;
use std::net::IpAddr;

use chaos_core::{Error, Probability, Result};
use serde::{Deserialize, Serialize};

use super::{DnsEffect, NamePattern, QueryType};

/// Queries for names fail, are answered wrongly, or wait: say which by [`names`](DnsFault::names).
pub fn dns(effect: DnsEffect) -> DnsFault {
    DnsFault {
        effect,
        names: Vec::new(),
        types: Vec::new(),
        probability: Probability::ONE,
        servers: Vec::new(),
        known_servers_only: false,
    }
}

/// A fault on names about to act, also as data.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
#[must_use = "nothing happens until it is injected"]
pub struct DnsFault {
    pub(super) effect: DnsEffect,
    pub(super) names: Vec<NamePattern>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) types: Vec<QueryType>,
    #[serde(default = "certain", skip_serializing_if = "is_certain")]
    pub(super) probability: Probability,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) servers: Vec<IpAddr>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub(super) known_servers_only: bool,
}

fn certain() -> Probability {
    Probability::ONE
}

fn is_certain(probability: &Probability) -> bool {
    *probability == Probability::ONE
}

impl DnsFault {
    /// Names of this [pattern](NamePattern); several add up. `*` is all names.
    ///
    /// # Errors
    /// As [`NamePattern::try_new`].
    pub fn names(mut self, pattern: &str) -> Result<Self> {
        self.names.push(NamePattern::try_new(pattern)?);
        Ok(self)
    }

    /// Only queries of these types; without it all types.
    pub fn types(mut self, types: impl IntoIterator<Item = QueryType>) -> Self {
        self.types.extend(types);
        self
    }

    /// With this probability, drawn for each matching query.
    ///
    /// # Errors
    /// Not a number, or not in 0..=1.
    pub fn probability(mut self, chance: impl Into<f64>) -> Result<Self> {
        self.probability = Probability::try_new(chance)?;
        Ok(self)
    }

    /// What is asked of this server, and of no other but those that are named so too.
    pub fn server(mut self, address: IpAddr) -> Self {
        self.servers.push(address);
        self
    }

    /// What is asked of the servers in the target's `/etc/resolv.conf`, and of no other. Without it, and without
    /// [servers](Self::server) that are named, what is asked of others counts too: of 8.8.8.8, by a program that has that of its own.
    pub fn known_servers_only(mut self) -> Self {
        self.known_servers_only = true;
        self
    }

    /// Refuses what would do nothing, or not what it says.
    ///
    /// # Errors
    /// As [`DnsEffect::check`]; no names; a probability of 0; types that the effect leaves alone; servers that are no
    /// machine's address.
    pub fn check(&self) -> Result<()> {
        self.effect.check()?;
        if self.names.is_empty() {
            return Err(Error::invalid("a DNS fault without names: say which, or \"*\" for all"));
        }
        if self.probability.value() == 0.0 {
            return Err(Error::invalid("a probability of 0 hits no query: give more"));
        }
        if let Some(can) = self.effect.types() {
            if let Some(other) = self.types.iter().find(|kind| !can.contains(kind)) {
                return Err(Error::invalid(format!(
                    "addresses do not answer queries of type {other}: use A and AAAA, or another effect"
                )));
            }
        }
        self.servers.iter().try_for_each(|server| super::servers::check(*server))
    }

    /// The servers that were named.
    #[cfg(feature = "agent")]
    pub(crate) fn servers(&self) -> &[IpAddr] {
        &self.servers
    }

    /// Whether it is for queries of this name and type.
    pub(super) fn matches(&self, name: &str, kind: QueryType) -> bool {
        let can = self.effect.types().is_none_or(|can| can.contains(&kind));
        can && (self.types.is_empty() || self.types.contains(&kind))
            && self.names.iter().any(|pattern| pattern.matches(name))
    }
}

impl fmt::Display for DnsFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<String> = self.names.iter().map(ToString::to_string).collect();
        write!(f, "{} for {}", self.effect, names.join(" "))?;
        for kind in &self.types {
            write!(f, " type {kind}")?;
        }
        if !is_certain(&self.probability) {
            write!(f, ", probability {}", self.probability)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bad_input_has_its_own_error() {
        let named = |effect| dns(effect).names("*").unwrap();
        let v4 = IpAddr::from([192, 0, 2, 1]);
        for (fault, word) in [
            (dns(DnsEffect::NxDomain), "without names"),
            (named(DnsEffect::Addresses(Vec::new())), "without an address"),
            (named(DnsEffect::NxDomain).probability(0.0).unwrap(), "probability of 0"),
            (named(DnsEffect::Addresses(vec![v4])).types([QueryType::MX]), "type MX"),
            (named(DnsEffect::NxDomain).server("0.0.0.0".parse().unwrap()), "0.0.0.0"),
            (named(DnsEffect::NxDomain).server("ff02::fb".parse().unwrap()), "ff02::fb"),
        ] {
            let error = fault.check().unwrap_err();
            assert!(error.is_invalid() && error.to_string().contains(word), "{error}");
        }
        assert!(named(DnsEffect::NxDomain).probability(30.0).is_err());
    }

    #[test]
    fn a_fault_is_data() {
        let fault =
            dns(DnsEffect::ServFail).names("*.svc").unwrap().types([QueryType::A]).probability(0.25).unwrap();
        let text = serde_json::to_string(&fault).unwrap();
        assert_eq!(text, r#"{"effect":"serv-fail","names":["*.svc"],"types":["A"],"probability":0.25}"#);
        assert_eq!(serde_json::from_str::<DnsFault>(&text).unwrap(), fault);
        assert!(serde_json::from_str::<DnsFault>(r#"{"effect":"serv-fail","names":["a b"]}"#).is_err());
        let narrow = dns(DnsEffect::Refused).names("*").unwrap().known_servers_only();
        let text = serde_json::to_string(&narrow).unwrap();
        assert_eq!(text, r#"{"effect":"refused","names":["*"],"known-servers-only":true}"#);
        assert_eq!(serde_json::from_str::<DnsFault>(&text).unwrap(), narrow);
    }
}
