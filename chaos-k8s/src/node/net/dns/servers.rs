//! Which DNS servers the programs of a namespace ask: resolv.conf(5).

use std::fmt;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv6Addr, UdpSocket};
use std::path::{Path, PathBuf};

use chaos_core::{Error, Result};

use super::table::{IpFamily, PORT};
use crate::node::Namespace;
use crate::node::namespace::Origin;

/// Where `ip netns` puts the configuration of a named namespace (ip-netns(8)), and where the names are.
const OF_NAMED: &str = "/etc/netns";
const NAMED: [&str; 2] = ["/run/netns", "/var/run/netns"];

/// Which servers a fault is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) servers: Vec<IpAddr>,
    /// And all others that are on other machines.
    pub(super) others: bool,
}

impl fmt::Display for Asked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let servers: Vec<String> = self.servers.iter().map(ToString::to_string).collect();
        f.write_str(&servers.join(" "))?;
        if self.others { f.write_str(" and of all other servers") } else { Ok(()) }
    }
}

/// Whether an address is this machine's, in the calling thread's namespace: it is asked from itself.
pub(super) fn is_here(address: IpAddr) -> bool {
    address.is_loopback() || asked_from(address).is_ok_and(|from| from == address)
}

/// Whether the calling thread's namespace has a way to this address, to another machine.
pub(super) fn is_elsewhere(address: IpAddr) -> bool {
    !address.is_loopback() && asked_from(address).is_ok_and(|from| from != address)
}

/// Where packets to this address come from. None is sent.
fn asked_from(address: IpAddr) -> io::Result<IpAddr> {
    let socket = UdpSocket::bind((IpFamily::of(address).any(), 0))?;
    socket.connect((address, PORT))?;
    Ok(socket.local_addr()?.ip())
}

/// The servers in the `resolv.conf` of the namespace's programs that can be led aside, in its order.
///
/// # Errors
/// There is none to be found, it cannot be read, or it names no such server.
pub(super) fn of(namespace: &Namespace) -> Result<Vec<IpAddr>> {
    let path = path(namespace.origin())?;
    let text = fs::read_to_string(&path).map_err(|source| {
        Error::refused(format!("{} cannot be read: name the DNS servers instead", path.display()))
            .with_source(source)
    })?;
    let servers: Vec<IpAddr> = parse(&text).into_iter().filter(|server| check(*server).is_ok()).collect();
    if servers.is_empty() {
        return Err(Error::refused(format!(
            "{} has no nameserver that can be led aside: name the DNS servers instead",
            path.display()
        )));
    }
    Ok(servers)
}

fn path(origin: &Origin) -> Result<PathBuf> {
    Ok(match origin {
        Origin::Process(pid) => PathBuf::from(format!("/proc/{pid}/root/etc/resolv.conf")),
        Origin::Own => PathBuf::from("/etc/resolv.conf"),
        Origin::Path(path) => {
            let is_named =
                path.parent().is_some_and(|parent| NAMED.iter().any(|named| parent == Path::new(named)));
            let name = path.file_name().filter(|_| is_named);
            name.map(|name| Path::new(OF_NAMED).join(name).join("resolv.conf"))
                .filter(|path| path.exists())
                .ok_or_else(|| {
                Error::refused(format!(
                    "whose resolv.conf goes with {} is not known: name the DNS servers, or a process",
                    path.display()
                ))
            })?
        }
    })
}

/// As glibc reads it: the word at the start of a line; what is no address is passed over (resolv/res_init.c).
fn parse(text: &str) -> Vec<IpAddr> {
    let mut servers = Vec::new();
    for line in text.lines() {
        let Some(rest) = line.strip_prefix("nameserver") else { continue };
        if !rest.starts_with([' ', '\t']) {
            continue;
        }
        let Some(word) = rest.split_whitespace().next() else { continue };
        // With a zone only of link-local addresses, which are not for us.
        if let Ok(server) = word.parse() {
            if !servers.contains(&server) {
                servers.push(server);
            }
        }
    }
    servers
}

/// Refuses what is no server's address, or one that belongs to a device.
pub(super) fn check(server: IpAddr) -> Result<()> {
    let wrong = |why: &str| Err(Error::invalid(format!("{server} is no DNS server to lead aside: {why}")));
    match server {
        _ if server.is_unspecified() || server.is_multicast() => wrong("it is no address of one machine"),
        IpAddr::V6(six) if is_link_local(six) => {
            wrong("answers of a link-local one must come from its device")
        }
        IpAddr::V6(six) if six.to_ipv4_mapped().is_some() => wrong("write it as IPv4"),
        _ => Ok(()),
    }
}

fn is_link_local(address: Ipv6Addr) -> bool {
    address.segments()[0] & 0xffc0 == 0xfe80
}

#[cfg(test)]
mod tests {
    use chaos_core::Chaos;

    use super::*;
    use crate::Node;

    #[test]
    fn nameservers_are_read_as_glibc_does() {
        let text = "# comment\nsearch shop.svc\nnameserver 10.96.0.10\nnameserver\t fd00::a  # first\n\
            nameserver fe80::1%eth0\nnameserverx 1.1.1.1\n nameserver 2.2.2.2\nnameserver\nnameserver 10.96.0.10\n\
            nameserver fe80::2\noptions ndots:5";
        let found: Vec<String> = parse(text).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["10.96.0.10", "fd00::a", "fe80::2"]);
        check("fe80::2".parse().unwrap()).unwrap_err();
        check("127.0.0.53".parse().unwrap()).unwrap();
    }

    #[test]
    fn a_file_that_is_no_process_has_no_resolv_conf() {
        let node = Node::new(&Chaos::seeded(1));
        let by_path = node.namespace_at("/proc/self/ns/net").unwrap();
        let error = of(&by_path).unwrap_err();
        assert!(error.is_refused() && error.to_string().contains("name the DNS servers"), "{error}");
    }
}
