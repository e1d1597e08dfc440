//! [`Address`]: a host and a port to connect to.

use std::fmt;
use std::io;

use chaos_core::{Error, Result};
use tokio::net::TcpStream;

/// A host, by name or address, and a port that is not 0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Address {
    /// An IPv6 address is without its brackets, as the resolver wants it.
    host: String,
    port: u16,
}

impl Address {
    /// `host` as in a URL: an IPv6 address is in brackets.
    pub(super) fn new(host: &str, port: u16) -> Self {
        let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
        Self { host: bare.to_owned(), port }
    }

    pub(super) fn parse(text: &str) -> Result<Self> {
        let wrong = |why: &str| {
            Error::invalid(format!("{text:?} is not an address: {why}, write it as \"127.0.0.1:5432\""))
        };
        let (host, port) = text.rsplit_once(':').ok_or_else(|| wrong("it has no port"))?;
        let is_v6 = host.starts_with('[') && host.ends_with(']');
        let stray = |c: char| c.is_whitespace() || matches!(c, '/' | '@' | '[' | ']') || (c == ':' && !is_v6);
        let bare = if is_v6 { &host[1..host.len() - 1] } else { host };
        if bare.is_empty() {
            return Err(wrong("it has no host"));
        }
        if bare.contains(stray) {
            return Err(wrong("it needs a host and a port alone, IPv6 in brackets"));
        }
        match port.parse() {
            Ok(port @ 1..) => Ok(Self::new(host, port)),
            _ => Err(wrong("its port is not in 1..=65535")),
        }
    }

    /// Resolved at every connect: a name that stops resolving is a failure to be seen.
    pub(super) async fn connect(&self) -> io::Result<TcpStream> {
        TcpStream::connect((self.host.as_str(), self.port)).await
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, port } = self;
        if host.contains(':') { write!(f, "[{host}]:{port}") } else { write!(f, "{host}:{port}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_addresses_with_a_port() {
        for text in ["127.0.0.1:5432", "[::1]:5432", "db.shop.svc:1", "localhost:65535"] {
            assert_eq!(Address::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Address::parse("[::1]:80").unwrap().host, "::1");
    }

    #[test]
    fn what_is_no_address_is_refused_with_the_reason() {
        for (text, why) in [
            ("", "no port"),
            ("localhost", "no port"),
            (":80", "no host"),
            ("[]:80", "no host"),
            ("localhost:", "1..=65535"),
            ("localhost:0", "1..=65535"),
            ("localhost:65536", "1..=65535"),
            ("localhost:-1", "1..=65535"),
            ("::1:80", "in brackets"),
            ("http://localhost:80", "in brackets"),
            ("user@localhost:80", "in brackets"),
            ("local host:80", "in brackets"),
            ("[::1:80", "in brackets"),
        ] {
            let error = Address::parse(text).unwrap_err();
            assert!(error.is_invalid() && error.to_string().contains(why), "{text}: {error}");
        }
    }
}
