//! Faults on the names that programs of a [`Namespace`](crate::node::Namespace) look up: [`dns`](super::dns()).
//!
//! ```text
//! program ── asks 10.96.0.10:53 ──┐ owned table: to 127.0.0.1, a port for each server; other servers share one
//!                                 v
//!                resolver of ours, in the namespace ── names that no fault hits ──> 10.96.0.10:53, byte for byte
//! ```
//!
//! ```
//! use chaos_core::units::ms;
//! use chaos_k8s::node::net::{self, DnsEffect, QueryType};
//!
//! let gone = net::dns(DnsEffect::NxDomain).names("*.example.com")?.types([QueryType::AAAA]);
//! assert_eq!(gone.to_string(), "NXDOMAIN for *.example.com type AAAA");
//! let slow = net::dns(DnsEffect::Delay(ms(300))).names("*")?.probability(0.5)?;
//! assert_eq!(slow.to_string(), "answers 300ms late for *, probability 0.5");
//! # Ok::<(), chaos_core::Error>(())
//! ```
//!
//! # What is led aside
//! What programs of the namespace send to port 53, UDP and TCP: of the DNS servers in their `/etc/resolv.conf`, and of all others on
//! other machines (8.8.8.8, in a program that has that of its own). Narrower are [`DnsFault::known_servers_only`], and
//! [`DnsFault::server`] for those that are named, and no other. Where the resolv.conf names a server on the target's own machine
//! (127.0.0.53), other servers are left alone: it asks them itself, and its queries would be hit a second time. The plan says
//! what is led aside. Of other servers a family without an address of the loopback device is left alone.
//!
//! Datagrams are led by rewriting each one, without a memory of connections: so
//! sockets that were open before are hit too, and go straight again with the next datagram after the fault, also when its
//! owner was killed. Of TCP, connections that begin under the fault are led aside; those that were open stay as they are.
//!
//! Left alone: servers on the own machine that the resolv.conf does not name, DNS over TLS or HTTPS, `/etc/hosts`, what a cache in the program knows already, traffic that
//! the namespace forwards for others, sockets bound to a device (`SO_BINDTODEVICE`), and packets with the mark 0x35
//! (`SO_MARK`), by which the resolver's own are told: they are never led aside.
//!
//! # What differs for names that no fault hits
//! The way through the resolver costs a fraction of a millisecond (`cargo xtask kernel dns -- late` prints it). Where nobody
//! listens at the server's address, a program over UDP is told SERVFAIL instead of an ICMP error. Of all programs of a
//! namespace, 1,024 queries over UDP and 256 connections are worked on at once; more are lost, or closed. What goes to port 53
//! and is no DNS gets one answer to each datagram that begins with the same two bytes, and is closed over TCP: a tunnel there
//! breaks.
//!
//! # Ends
//! A revert lets go the queries that wait, and gives those that are with the server 2 s; connections over TCP that were led
//! aside are closed. When the injector dies, the kernel takes the table away with it. When it is stopped (SIGSTOP) or hangs,
//! nobody answers what is led to it, until the kernel leads nothing to it any more: at the fault's deadline
//! ([`Approved::lasting`](chaos_core::Approved::lasting)), and 10 s after its last word at the latest. Then the fault is over,
//! also when the injector wakes up. Connections over TCP that it had taken stay as they are until it dies.
//!
//! # Caches
//! No answer of a fault may be kept: wrong addresses have a time to live of 0, and failures carry no SOA record (RFC 2308,
//! section 5).

mod build;
mod effect;
mod engine;
mod fault;
mod names;
mod query_type;
mod resolver;
mod servers;
mod table;
mod undo;

pub use build::{DnsFault, dns};
pub use effect::DnsEffect;
pub(crate) use engine::Engine;
pub use names::NamePattern;
pub use query_type::QueryType;
pub use undo::DnsUndo;
