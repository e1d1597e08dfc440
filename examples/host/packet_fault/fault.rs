//! The fault: questions to DNS about a name, or a name below it, never leave.
//!
//! A resolver that hears nothing asks again and waits; one that hears "no such name" gives up at once. Programs are mostly
//! tested against the second.

use chaos_core::dice::Rolls;
use chaos_k8s::node::net::own::{Packet, PacketFault, Verdict};
use etherparse::{SlicedPacket, TransportSlice};

const DNS: u16 = 53;
/// Of a message of DNS before its questions (RFC 1035, section 4.1.1).
const HEADER: usize = 12;

#[derive(Debug, Clone)]
pub struct SilentName {
    labels: Vec<Vec<u8>>,
}

impl SilentName {
    pub fn new(name: &str) -> Self {
        Self { labels: name.split('.').map(|label| label.to_ascii_lowercase().into_bytes()).collect() }
    }

    fn is_about(&self, question: &[Vec<u8>]) -> bool {
        question.ends_with(&self.labels)
    }
}

impl PacketFault for SilentName {
    fn packet(&mut self, packet: &mut Packet<'_>, _dice: &mut Rolls) -> Verdict {
        match packet.ip().and_then(question) {
            Some(name) if self.is_about(&name) => Verdict::Drop,
            _ => Verdict::Pass,
        }
    }
}

/// The labels of the name that the first question of a message is about, in lower case; none if this is no question over UDP.
fn question(ip: &[u8]) -> Option<Vec<Vec<u8>>> {
    let sliced = SlicedPacket::from_ip(ip).ok()?;
    let Some(TransportSlice::Udp(udp)) = sliced.transport else { return None };
    if udp.destination_port() != DNS {
        return None;
    }
    let mut rest = udp.payload().get(HEADER..)?;
    let mut labels = Vec::new();
    loop {
        let (length, behind) = rest.split_first()?;
        match *length {
            0 => return Some(labels),
            // A pointer: nobody writes one in the first question.
            64.. => return None,
            length => {
                labels.push(behind.get(..length.into())?.to_ascii_lowercase());
                rest = behind.get(length.into()..)?;
            }
        }
    }
}
