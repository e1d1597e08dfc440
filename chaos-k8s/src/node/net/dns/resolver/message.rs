//! Queries as they are read, and the answers that a fault gives.

use std::net::IpAddr;

use chaos_core::{Error, Result};
use domain::base::iana::{Class, Opcode, Rcode};
use domain::base::message_builder::StaticCompressor;
use domain::base::{Message, MessageBuilder, Name, Rtype, Ttl};
use domain::rdata::{A, Aaaa, Txt};

use crate::node::net::dns::QueryType;

/// What fits into a datagram where the query does not say more (RFC 1035, section 4.2.1).
const PLAIN_DATAGRAM: usize = 512;
/// What the resolver takes itself (RFC 9715, section 3.1).
const OWN_DATAGRAM: u16 = 1232;
/// Not to be kept: it would outlive the fault.
const NO_TIME_TO_LIVE: Ttl = Ttl::from_secs(0);

/// A query with its one question.
#[derive(Debug)]
pub(super) struct Query<'a> {
    message: &'a Message<[u8]>,
    pub(super) name: String,
    pub(super) kind: QueryType,
    class: Class,
}

/// What a fault answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Answer {
    NxDomain,
    ServFail,
    Refused,
    Addresses(Vec<IpAddr>),
}

/// How an answer travels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Carrier {
    Udp,
    Tcp,
}

impl<'a> Query<'a> {
    /// `None` for what is no ordinary query with one question: it is for others to understand.
    pub(super) fn read(bytes: &'a [u8]) -> Option<Self> {
        let message = Message::from_slice(bytes).ok()?;
        let header = message.header();
        if header.qr() || header.opcode() != Opcode::QUERY {
            return None;
        }
        let question = message.sole_question().ok()?;
        Some(Self {
            message,
            name: question.qname().to_string().to_ascii_lowercase(),
            kind: QueryType::new(question.qtype().to_int()),
            class: question.qclass(),
        })
    }

    /// Whether it is about names of the Internet: the others are asked of a server about itself.
    pub(super) fn is_of_internet(&self) -> bool {
        matches!(self.class, Class::IN | Class::ANY)
    }

    /// Whether it asks a server about itself (RFC 4892).
    pub(super) fn is_about_server(&self) -> bool {
        self.class == Class::CH
    }

    /// The message of an answer. One that is too long for its datagram says so, and the program asks again over TCP.
    pub(super) fn answer(&self, answer: &Answer, carrier: Carrier) -> Result<Vec<u8>> {
        let whole = self.write(answer, false)?;
        Ok(if carrier == Carrier::Udp && whole.len() > self.datagram() {
            self.write(answer, true)?
        } else {
            whole
        })
    }

    fn write(&self, answer: &Answer, cut: bool) -> Result<Vec<u8>> {
        let (code, addresses) = match answer {
            Answer::NxDomain => (Rcode::NXDOMAIN, &[][..]),
            Answer::ServFail => (Rcode::SERVFAIL, &[][..]),
            Answer::Refused => (Rcode::REFUSED, &[][..]),
            Answer::Addresses(addresses) => (Rcode::NOERROR, &addresses[..]),
        };
        let compressed = MessageBuilder::from_target(StaticCompressor::new(Vec::new())).map_err(too_long)?;
        let mut builder = compressed.start_answer(self.message, code).map_err(too_long)?;
        builder.header_mut().set_ra(true);
        builder.header_mut().set_tc(cut);
        let name = self.message.sole_question().map_err(too_long)?.into_qname();
        for address in addresses.iter().filter(|_| !cut) {
            match (self.kind, address) {
                (QueryType::A, IpAddr::V4(four)) => {
                    builder.push((name, Class::IN, NO_TIME_TO_LIVE, A::new(*four))).map_err(too_long)?;
                }
                (QueryType::AAAA, IpAddr::V6(six)) => {
                    builder.push((name, Class::IN, NO_TIME_TO_LIVE, Aaaa::new(*six))).map_err(too_long)?;
                }
                _ => {}
            }
        }
        let mut builder = builder.additional();
        // Who speaks EDNS is answered in it (RFC 6891, section 7).
        if self.message.opt().is_some() {
            builder
                .opt(|opt| {
                    opt.set_udp_payload_size(OWN_DATAGRAM);
                    Ok(())
                })
                .map_err(too_long)?;
        }
        Ok(builder.finish().into_target())
    }

    fn datagram(&self) -> usize {
        let said = self.message.opt().map_or(0, |opt| usize::from(opt.udp_payload_size()));
        said.max(PLAIN_DATAGRAM)
    }

    /// An answer with a text, for what is asked about the server itself.
    pub(super) fn say(&self, text: &str) -> Result<Vec<u8>> {
        let mut builder =
            MessageBuilder::new_vec().start_answer(self.message, Rcode::NOERROR).map_err(too_long)?;
        let name = self.message.sole_question().map_err(too_long)?.into_qname();
        let text = Txt::<Vec<u8>>::build_from_slice(text.as_bytes())
            .map_err(|error| Error::failed(format!("a text does not fit into a DNS record: {error}")))?;
        builder.push((name, Class::CH, NO_TIME_TO_LIVE, text)).map_err(too_long)?;
        Ok(builder.finish())
    }
}

/// A question to a server about itself.
pub(super) fn ask_about(name: &str, id: u16) -> Result<Vec<u8>> {
    let name: Name<Vec<u8>> = name.parse().map_err(too_long)?;
    let mut builder = MessageBuilder::new_vec();
    builder.header_mut().set_id(id);
    let mut builder = builder.question();
    builder.push((name, Rtype::TXT, Class::CH)).map_err(too_long)?;
    Ok(builder.finish())
}

/// The text that [`Query::say`] said.
pub(super) fn said(bytes: &[u8]) -> Option<String> {
    let message = Message::from_slice(bytes).ok()?;
    let record = message.answer().ok()?.limit_to::<Txt<_>>().next()?.ok()?;
    (record.class() == Class::CH)
        .then(|| String::from_utf8_lossy(&record.data().text::<Vec<u8>>()).into_owned())
}

/// Of an answer to a query that was itself received; only a message of 64 KiB could meet it.
fn too_long(source: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::failed("a DNS message cannot be written").with_source(source)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(name: &str, kind: Rtype, edns: Option<u16>) -> Vec<u8> {
        let mut builder = MessageBuilder::new_vec();
        builder.header_mut().set_id(0xabcd);
        builder.header_mut().set_rd(true);
        let mut builder = builder.question();
        builder.push((name.parse::<Name<Vec<u8>>>().unwrap(), kind, Class::IN)).unwrap();
        let mut builder = builder.additional();
        if let Some(size) = edns {
            builder
                .opt(|opt| {
                    opt.set_udp_payload_size(size);
                    Ok(())
                })
                .unwrap();
        }
        builder.finish()
    }

    #[test]
    fn failures_keep_id_question_and_its_letters() {
        let bytes = query("wWw.ExAmple.com", Rtype::from_int(65_280), Some(4096));
        let query = Query::read(&bytes).unwrap();
        assert_eq!((query.name.as_str(), query.kind), ("www.example.com", QueryType::new(65_280)));
        for (answer, code) in [(Answer::NxDomain, 3), (Answer::ServFail, 2), (Answer::Refused, 5)] {
            let reply = query.answer(&answer, Carrier::Udp).unwrap();
            // Id; QR, RD; RA and the code; one question, no answer, no authority, OPT.
            assert_eq!(&reply[..4], [0xab, 0xcd, 0x81, 0x80 | code]);
            assert_eq!(&reply[4..12], [0, 1, 0, 0, 0, 0, 0, 1]);
            assert_eq!(reply[12..33], bytes[12..33], "the question, letter by letter");
        }
    }

    #[test]
    fn addresses_of_the_family_that_is_asked() {
        let addresses = Answer::Addresses(vec!["192.0.2.7".parse().unwrap(), "2001:db8::7".parse().unwrap()]);
        let reply = |kind| {
            let bytes = query("a.example", kind, None);
            Query::read(&bytes).unwrap().answer(&addresses, Carrier::Udp).unwrap()
        };
        // Pointer to the question's name, type, class, ttl 0, length.
        assert!(reply(Rtype::A).ends_with(&[0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 192, 0, 2, 7]));
        let six = reply(Rtype::AAAA);
        assert_eq!(&six[4..12], [0, 1, 0, 1, 0, 0, 0, 0]);
        assert!(six.ends_with(&"2001:db8::7".parse::<std::net::Ipv6Addr>().unwrap().octets()));
        assert_eq!(&reply(Rtype::MX)[4..12], [0, 1, 0, 0, 0, 0, 0, 0], "no such record");
    }

    #[test]
    fn what_does_not_fit_is_cut_over_udp_alone() {
        let name = format!("{}.{}.{}.example", "a".repeat(63), "b".repeat(63), "c".repeat(63));
        let addresses = Answer::Addresses(vec!["2001:db8::7".parse().unwrap(); 16]);
        let answer = |edns, carrier| {
            let bytes = query(&name, Rtype::AAAA, edns);
            Query::read(&bytes).unwrap().answer(&addresses, carrier).unwrap()
        };
        let cut = answer(None, Carrier::Udp);
        assert!(cut.len() <= 512 && cut[2] & 2 == 2 && cut[7] == 0, "{cut:?}");
        for whole in [answer(Some(1232), Carrier::Udp), answer(None, Carrier::Tcp)] {
            assert!(whole.len() > 512 && whole[2] & 2 == 0 && whole[7] == 16);
        }
    }

    #[test]
    fn questions_about_the_server() {
        let bytes = ask_about("rule-1.chaos", 7).unwrap();
        let query = Query::read(&bytes).unwrap();
        assert!(query.is_about_server() && !query.is_of_internet());
        assert_eq!(said(&query.say("here").unwrap()).as_deref(), Some("here"));
        assert_eq!(said(&bytes), None);
    }

    #[test]
    fn what_is_no_query_is_for_others() {
        let good = query("a.example", Rtype::A, None);
        let mut response = good.clone();
        response[2] |= 0x80;
        let mut update = good.clone();
        update[2] |= 5 << 3;
        for bytes in [&[][..], &good[..12], &good[..20], &response, &update, &[0xff; 40]] {
            assert!(Query::read(bytes).is_none(), "{bytes:?}");
        }
    }

    #[test]
    fn no_bytes_make_it_panic() {
        use proptest::prelude::*;
        proptest!(|(bytes in proptest::collection::vec(any::<u8>(), 0..300))| {
            if let Some(query) = Query::read(&bytes) {
                let _ = query.answer(&Answer::NxDomain, Carrier::Udp);
            }
            let _ = said(&bytes);
        });
    }
}
