//! A program's side: queries over sockets that stay open, and what comes back.

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use domain::base::iana::Class;
use domain::base::{Message, MessageBuilder, Name, Rtype};
use domain::rdata::{A, Aaaa};

use super::server::{TRUE4, TRUE6};

use crate::support::through_signals;

/// What came back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Came {
    /// A code other than 0.
    Code(u8),
    Addresses(Vec<IpAddr>),
    Nothing,
}

impl Came {
    pub(crate) fn addresses(addresses: &[&str]) -> Self {
        Self::Addresses(addresses.iter().map(|address| address.parse().unwrap()).collect())
    }

    /// As the server answers.
    pub(crate) fn truth(kind: Rtype) -> Self {
        Self::addresses(if kind == Rtype::AAAA { &[TRUE6] } else { &[TRUE4] })
    }
}

/// A socket to a server, as a program has it that keeps it for all its queries.
pub(crate) enum Asker {
    Udp(UdpSocket),
    Tcp(TcpStream),
}

impl Asker {
    pub(crate) fn udp(server: &str) -> Self {
        let server = SocketAddr::new(server.parse().unwrap(), 53);
        let socket = UdpSocket::bind(if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" }).unwrap();
        socket.connect(server).unwrap();
        Self::Udp(socket).patient(Duration::from_secs(5))
    }

    pub(crate) fn tcp(server: &str) -> Self {
        let server = SocketAddr::new(server.parse().unwrap(), 53);
        Self::Tcp(TcpStream::connect_timeout(&server, Duration::from_secs(5)).unwrap())
            .patient(Duration::from_secs(5))
    }

    pub(crate) fn patient(self, patience: Duration) -> Self {
        match &self {
            Self::Udp(socket) => socket.set_read_timeout(Some(patience)).unwrap(),
            Self::Tcp(stream) => stream.set_read_timeout(Some(patience)).unwrap(),
        }
        self
    }

    pub(crate) fn ask(&mut self, name: &str, kind: Rtype) -> Came {
        self.send(&query(7, name, kind));
        self.receive().map_or(Came::Nothing, |bytes| read(&bytes))
    }

    pub(crate) fn send(&mut self, query: &[u8]) {
        match self {
            Self::Udp(socket) => {
                socket.send(query).unwrap();
            }
            Self::Tcp(stream) => {
                stream.write_all(&[&(query.len() as u16).to_be_bytes(), query].concat()).unwrap();
            }
        }
    }

    pub(crate) fn receive(&mut self) -> Option<Vec<u8>> {
        let mut answer = vec![0; 65_535];
        match self {
            Self::Udp(socket) => {
                let length = through_signals(|| socket.recv(&mut answer)).ok()?;
                answer.truncate(length);
            }
            Self::Tcp(stream) => {
                let mut length = [0; 2];
                stream.read_exact(&mut length).ok()?;
                answer.truncate(usize::from(u16::from_be_bytes(length)));
                stream.read_exact(&mut answer).ok()?;
            }
        }
        Some(answer)
    }
}

pub(crate) fn query(id: u16, name: &str, kind: Rtype) -> Vec<u8> {
    let mut builder = MessageBuilder::new_vec();
    builder.header_mut().set_id(id);
    builder.header_mut().set_rd(true);
    let mut builder = builder.question();
    builder.push((name.parse::<Name<Vec<u8>>>().unwrap(), kind, Class::IN)).unwrap();
    builder.finish()
}

pub(crate) fn read(bytes: &[u8]) -> Came {
    let message = Message::from_slice(bytes).unwrap();
    let code = message.header().rcode().to_int();
    if code != 0 {
        return Came::Code(code);
    }
    let answer = message.answer().unwrap();
    let four = answer.limit_to::<A>().map(|record| IpAddr::from(record.unwrap().data().addr()));
    let six = answer.limit_to::<Aaaa>().map(|record| IpAddr::from(record.unwrap().data().addr()));
    Came::Addresses(four.chain(six).collect())
}
