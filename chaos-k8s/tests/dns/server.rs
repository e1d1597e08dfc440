//! A small DNS server, over UDP and TCP: every name has the addresses [`TRUE4`] and [`TRUE6`].

use std::io::{Read, Write};
use std::net::{IpAddr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;

use domain::base::iana::{Class, Rcode};
use domain::base::{Message, MessageBuilder, Rtype, Ttl};
use domain::rdata::{A, Aaaa};

use crate::support::through_signals;

pub(crate) const TRUE4: &str = "203.0.113.9";
pub(crate) const TRUE6: &str = "fd99::9";

/// What the server was asked, letter by letter, in its order.
#[derive(Debug, Clone, Default)]
pub(crate) struct Server {
    asked: Arc<Mutex<Vec<Vec<u8>>>>,
}

impl Server {
    /// Serves these addresses of the calling thread's namespace, until the process ends.
    pub(crate) fn start(addresses: &[&str]) -> Self {
        let server = Self::default();
        for address in addresses {
            let address = SocketAddr::new(address.parse::<IpAddr>().unwrap(), 53);
            let (socket, listener) = (UdpSocket::bind(address).unwrap(), TcpListener::bind(address).unwrap());
            let udp = server.clone();
            thread::spawn(move || {
                let mut datagram = [0; 65_535];
                while let Ok((length, from)) = through_signals(|| socket.recv_from(&mut datagram)) {
                    let _ = socket.send_to(&udp.answer(&datagram[..length]), from);
                }
            });
            let tcp = server.clone();
            thread::spawn(move || {
                while let Ok((stream, _)) = listener.accept() {
                    let tcp = tcp.clone();
                    thread::spawn(move || tcp.connection(stream));
                }
            });
        }
        server
    }

    /// What was asked since the last look.
    pub(crate) fn asked(&self) -> Vec<Vec<u8>> {
        std::mem::take(&mut self.asked.lock().unwrap())
    }

    fn connection(&self, mut stream: TcpStream) {
        let mut length = [0; 2];
        while stream.read_exact(&mut length).is_ok() {
            let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
            stream.read_exact(&mut query).unwrap();
            let answer = self.answer(&query);
            let _ = stream.write_all(&[&(answer.len() as u16).to_be_bytes(), &answer[..]].concat());
        }
    }

    /// To a query with its addresses; what is no query comes back as it is.
    fn answer(&self, bytes: &[u8]) -> Vec<u8> {
        self.asked.lock().unwrap().push(bytes.to_vec());
        let Ok(query) = Message::from_slice(bytes) else { return bytes.to_vec() };
        let Ok(question) = query.sole_question() else { return bytes.to_vec() };
        let (name, kind, ttl) = (question.qname(), question.qtype(), Ttl::from_secs(60));
        let mut answer = MessageBuilder::new_vec().start_answer(query, Rcode::NOERROR).unwrap();
        match kind {
            Rtype::A => answer.push((name, Class::IN, ttl, A::new(TRUE4.parse().unwrap()))).unwrap(),
            Rtype::AAAA => answer.push((name, Class::IN, ttl, Aaaa::new(TRUE6.parse().unwrap()))).unwrap(),
            _ => {}
        }
        answer.finish()
    }
}
