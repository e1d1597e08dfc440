//! A connection over tcp.

use std::fmt;
use std::time::{Duration, Instant};

use chaos_core::probe::Reading;
use chaos_core::units::duration::brief;
use chaos_core::{Clock, Error, Probe, Result, probe};
use tokio::net::TcpStream;

/// Connects to `host:port` and closes again.
///
/// # Errors
/// What is not a host and a port from 1 to 65535.
pub fn tcp(address: &str) -> Result<TcpProbe> {
    let wrong = || Error::invalid(format!("{address:?} is not host:port with a port from 1 to 65535"));
    let (host, port) = address.rsplit_once(':').ok_or_else(wrong)?;
    let port: u16 = port.parse().ok().filter(|port| *port != 0).ok_or_else(wrong)?;
    let host = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    if host.is_empty() || host.contains(char::is_whitespace) {
        return Err(wrong());
    }
    Ok(TcpProbe { host: host.to_owned(), port, within: None })
}

/// Whether something accepts connections; made by [`tcp`].
#[derive(Debug, Clone)]
#[must_use = "a probe measures nothing until an experiment takes it"]
pub struct TcpProbe {
    host: String,
    port: u16,
    within: Option<Duration>,
}

impl TcpProbe {
    /// A connection that takes longer does not hold.
    pub fn within(mut self, bound: Duration) -> Self {
        self.within = Some(bound);
        self
    }

    /// How often it is taken while faults are in force.
    pub fn every(self, interval: Duration) -> Probe {
        Probe::from(self).every(interval)
    }

    /// How long one attempt may take.
    pub fn timeout(self, timeout: Duration) -> Probe {
        Probe::from(self).timeout(timeout)
    }

    /// How often an attempt that does not hold is repeated.
    pub fn retries(self, retries: u32) -> Probe {
        Probe::from(self).retries(retries)
    }

    async fn look(self) -> Result<Reading> {
        Clock::auto().require_real("a tcp probe")?;
        let begun = Instant::now();
        Ok(match TcpStream::connect((self.host.as_str(), self.port)).await {
            Ok(_) => super::in_time("connected", begun, self.within),
            Err(error) => Reading::fail(format!("no connection: {error}")),
        })
    }
}

impl From<TcpProbe> for Probe {
    fn from(tcp: TcpProbe) -> Self {
        let tolerance = match tcp.within {
            Some(within) => format!("connects within {}", brief(within)),
            None => "connects".to_owned(),
        };
        let name = format!("tcp {}:{}", tcp.host, tcp.port);
        probe::reading(name, move || tcp.clone().look()).tolerating(tolerance)
    }
}

impl fmt::Display for TcpProbe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "tcp {}:{}", self.host, self.port)
    }
}
