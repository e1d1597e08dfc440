//! Which packets: [`Traffic`] is any of some [`Flow`]s.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use chaos_core::{Error, Result};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use super::Ports;

/// Whom packets go to or come from.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum Address {
    /// All addresses of this network, v4 or v6; `0.0.0.0/0` is all of v4 and nothing of v6.
    Net(IpNet),
    /// What this name resolves to in the target's namespace, at the time of the inject.
    Host(String),
}

/// The longest name that DNS carries (RFC 1035, section 2.3.4).
const LONGEST_NAME: usize = 253;

impl FromStr for Address {
    type Err = Error;

    fn from_str(written: &str) -> Result<Self> {
        if let Ok(address) = written.parse::<IpAddr>() {
            return Ok(Self::Net(address.into()));
        }
        if written.contains('/') {
            let net = written.parse::<IpNet>().map_err(|source| {
                Error::invalid(format!("{written:?} is no network such as 10.0.0.0/8 or fd00::/8"))
                    .with_source(source)
            })?;
            // 10.1.2.3/8 is 10.0.0.0/8 to the kernel.
            return Ok(Self::Net(net.trunc()));
        }
        let is_label = |label: &str| {
            !label.starts_with('-')
                && (1..=63).contains(&label.len())
                && label.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_".contains(&b))
        };
        // A last label of digits alone is an address with a mistake in it.
        let labels = written.trim_end_matches('.').split('.');
        let digits = |label: &str| label.bytes().all(|b| b.is_ascii_digit());
        let is_name = written.len() <= LONGEST_NAME
            && labels.clone().all(is_label)
            && !labels.clone().next_back().is_some_and(digits);
        if !is_name {
            return Err(Error::invalid(format!("{written:?} is no address, no network and no host name")));
        }
        Ok(Self::Host(written.to_owned()))
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Net(net) if net.prefix_len() == net.max_prefix_len() => write!(f, "{}", net.addr()),
            Self::Net(net) => write!(f, "{net}"),
            Self::Host(name) => f.write_str(name),
        }
    }
}

impl TryFrom<String> for Address {
    type Error = Error;
    fn try_from(written: String) -> Result<Self> {
        written.parse()
    }
}

impl From<Address> for String {
    fn from(address: Address) -> Self {
        address.to_string()
    }
}

/// The protocol above IP.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Protocol {
    /// Any. With ports: TCP, UDP and SCTP, which have them at the same place.
    #[default]
    Any,
    /// TCP.
    Tcp,
    /// UDP.
    Udp,
    /// ICMP over v4, ICMPv6 over v6; the neighbour discovery of v6 is left alone. It has no ports.
    Icmp,
}

/// Packets that fit all of this: one of the peers, one of the ports, the protocol. What is empty fits everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", try_from = "Written", into = "Written")]
pub struct Flow {
    peers: Vec<Address>,
    peer_ports: Vec<Ports>,
    local_ports: Vec<Ports>,
    protocol: Protocol,
}

impl Flow {
    /// All IP traffic, v4 and v6, said on purpose.
    pub fn all() -> Self {
        Self::default()
    }

    /// With this peer: an address, a network or a host name.
    ///
    /// # Errors
    /// What is none of these.
    pub fn peer(peer: &str) -> Result<Self> {
        Self::peers([peer])
    }

    /// With any of these peers.
    ///
    /// # Errors
    /// None given, or what is no address, network or host name.
    pub fn peers<'a>(peers: impl IntoIterator<Item = &'a str>) -> Result<Self> {
        let peers = peers.into_iter().map(str::parse).collect::<Result<Vec<Address>>>()?;
        if peers.is_empty() {
            return Err(Error::invalid("no peers are no traffic: name one, or say `Flow::all()`"));
        }
        Ok(Self { peers, ..Self::default() })
    }

    /// With the peer's port `port`; several add up.
    ///
    /// # Errors
    /// Port 0, or a protocol without ports.
    pub fn port(self, port: u16) -> Result<Self> {
        let ports = Ports::one(port)?;
        self.ports(ports)
    }

    /// With a port of the peer in this range; several add up.
    ///
    /// # Errors
    /// A protocol without ports.
    pub fn ports(mut self, ports: Ports) -> Result<Self> {
        self.peer_ports.push(ports);
        self.checked()
    }

    /// With a port of the target's own in this range; several add up.
    ///
    /// # Errors
    /// A protocol without ports.
    pub fn local_ports(mut self, ports: Ports) -> Result<Self> {
        self.local_ports.push(ports);
        self.checked()
    }

    /// Only TCP.
    #[must_use]
    pub fn tcp(mut self) -> Self {
        self.protocol = Protocol::Tcp;
        self
    }

    /// Only UDP.
    #[must_use]
    pub fn udp(mut self) -> Self {
        self.protocol = Protocol::Udp;
        self
    }

    /// Only ICMP.
    ///
    /// # Errors
    /// Ports were named: it has none.
    pub fn icmp(mut self) -> Result<Self> {
        self.protocol = Protocol::Icmp;
        self.checked()
    }

    fn checked(self) -> Result<Self> {
        if self.protocol == Protocol::Icmp && !(self.peer_ports.is_empty() && self.local_ports.is_empty()) {
            return Err(Error::invalid("icmp has no ports: leave them out, or name another protocol"));
        }
        Ok(self)
    }

    /// The peers; empty for all.
    pub fn addresses(&self) -> &[Address] {
        &self.peers
    }

    /// The same with other peers: names that were resolved.
    #[must_use]
    pub(crate) fn with_addresses(&self, peers: Vec<Address>) -> Self {
        Self { peers, ..self.clone() }
    }

    /// The ports of the peers; empty for all.
    pub fn of_peer(&self) -> &[Ports] {
        &self.peer_ports
    }

    /// The ports of the target; empty for all.
    pub fn of_target(&self) -> &[Ports] {
        &self.local_ports
    }

    /// The protocol.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }
}

/// A flow as it is written in data, before it is looked at.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Written {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    peers: Vec<Address>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    peer_ports: Vec<Ports>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    local_ports: Vec<Ports>,
    #[serde(default)]
    protocol: Protocol,
}

impl TryFrom<Written> for Flow {
    type Error = Error;
    fn try_from(written: Written) -> Result<Self> {
        let Written { peers, peer_ports, local_ports, protocol } = written;
        Self { peers, peer_ports, local_ports, protocol }.checked()
    }
}

impl From<Flow> for Written {
    fn from(flow: Flow) -> Self {
        let Flow { peers, peer_ports, local_ports, protocol } = flow;
        Self { peers, peer_ports, local_ports, protocol }
    }
}

impl fmt::Display for Flow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fn list<T: fmt::Display>(items: &[T]) -> String {
            items.iter().map(ToString::to_string).collect::<Vec<_>>().join(",")
        }
        match self.peers.is_empty() {
            true => f.write_str("everyone")?,
            false => f.write_str(&list(&self.peers))?,
        }
        if !self.peer_ports.is_empty() {
            write!(f, " port {}", list(&self.peer_ports))?;
        }
        if !self.local_ports.is_empty() {
            write!(f, " local port {}", list(&self.local_ports))?;
        }
        match self.protocol {
            Protocol::Any => Ok(()),
            Protocol::Tcp => f.write_str(" tcp"),
            Protocol::Udp => f.write_str(" udp"),
            Protocol::Icmp => f.write_str(" icmp"),
        }
    }
}

/// Packets that fit any of these flows. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<Flow>", into = "Vec<Flow>")]
pub struct Traffic(Vec<Flow>);

impl Traffic {
    /// Any of these.
    ///
    /// # Errors
    /// None given.
    pub fn any_of(flows: impl IntoIterator<Item = Flow>) -> Result<Self> {
        let flows: Vec<Flow> = flows.into_iter().collect();
        if flows.is_empty() {
            return Err(Error::invalid("no flows are no traffic: name one, or say `Flow::all()`"));
        }
        Ok(Self(flows))
    }

    /// The flows.
    pub fn flows(&self) -> &[Flow] {
        &self.0
    }

    /// Whether it is all IP traffic.
    pub fn is_all(&self) -> bool {
        self.0.iter().any(|flow| *flow == Flow::all())
    }
}

impl From<Flow> for Traffic {
    fn from(flow: Flow) -> Self {
        Self(vec![flow])
    }
}

impl TryFrom<Vec<Flow>> for Traffic {
    type Error = Error;
    fn try_from(flows: Vec<Flow>) -> Result<Self> {
        Self::any_of(flows)
    }
}

impl From<Traffic> for Vec<Flow> {
    fn from(traffic: Traffic) -> Self {
        traffic.0
    }
}

impl fmt::Display for Traffic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let flows: Vec<_> = self.0.iter().map(ToString::to_string).collect();
        f.write_str(&flows.join(" or "))
    }
}
