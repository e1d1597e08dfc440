//! [`Socket`]: one netlink socket, requests and their answers.
//!
//! Not `netlink-socket2`, which has no bound on a wait and asks for an acknowledgement of each message: the receive buffer
//! of a socket holds some 270 of them, and a transaction may have thousands of messages.

use std::io;
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};

use chaos_core::{Error, Result};
use netlink_bindings::builtin::{NlmsgerrAttrs, Nlmsghdr};
use netlink_bindings::traits::{self, NetlinkRequest};
use nix::errno::Errno;
use nix::libc;
use nix::sys::socket::{
    AddressFamily, MsgFlags, SockFlag, SockProtocol, SockType, recv, send, setsockopt, socket, sockopt,
};
use nix::sys::time::{TimeVal, TimeValLike};

use super::refusal::Refusal;
use crate::node::sys::netlink::explain_refusals;

/// netlink answers within the call; this bounds a kernel that does not.
const PATIENCE_SECONDS: i64 = 10;
/// The kernel fills at most 32 KiB per message of a dump (net/netlink/af_netlink.c, `netlink_dump`).
const ANSWER: usize = 64 * 1024;
/// For the longest transaction, a set of some 100,000 networks, in one message.
const BUFFER: usize = 16 * 1024 * 1024;

const HEADER: usize = Nlmsghdr::len();

/// Whom a socket talks to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Protocol {
    Route,
    Netfilter,
}

/// One netlink socket. It stays in the network namespace it was opened in.
#[derive(Debug)]
pub(super) struct Socket {
    fd: OwnedFd,
    sequence: u32,
    answer: Vec<u8>,
}

/// One message of an answer.
enum Answer<'a> {
    Data(&'a [u8]),
    Done,
    Refused(Refusal),
}

impl Socket {
    /// Gives the socket a descriptor with a higher number than `other`, if it has not. When a process dies, its descriptors are
    /// closed from the highest number down (`close_files` queues them upwards, `task_work_run` takes the last first).
    pub(super) fn rise_above(&mut self, other: RawFd) -> Result<()> {
        if self.fd.as_raw_fd() < other {
            self.fd = rustix::io::fcntl_dupfd_cloexec(&self.fd, other + 1).map_err(|errno| {
                Error::failed("no descriptor is left for the socket that owns the tables")
                    .with_source(io::Error::from(errno))
            })?;
        }
        Ok(())
    }

    pub(super) fn open(protocol: Protocol) -> Result<Self> {
        let number = match protocol {
            Protocol::Route => SockProtocol::NetlinkRoute,
            Protocol::Netfilter => SockProtocol::NetlinkNetFilter,
        };
        let open = || -> io::Result<OwnedFd> {
            let fd = socket(AddressFamily::Netlink, SockType::Raw, SockFlag::SOCK_CLOEXEC, number)?;
            explain_refusals(fd.as_fd())?;
            setsockopt(&fd, sockopt::ReceiveTimeout, &TimeVal::seconds(PATIENCE_SECONDS))?;
            // Forcing needs rights that a container may lack; then the system's own limit holds.
            if setsockopt(&fd, sockopt::SndBufForce, &BUFFER).is_err() {
                setsockopt(&fd, sockopt::SndBuf, &BUFFER)?;
            }
            if setsockopt(&fd, sockopt::RcvBufForce, &BUFFER).is_err() {
                setsockopt(&fd, sockopt::RcvBuf, &BUFFER)?;
            }
            Ok(fd)
        };
        let fd = open().map_err(|source| {
            Error::failed(format!("a netlink socket to {protocol:?} cannot be opened")).with_source(source)
        })?;
        Ok(Self { fd, sequence: 0, answer: vec![0; ANSWER] })
    }

    /// Sends `request` and waits until it is done. `what` says what was attempted, for the error.
    pub(super) fn ask<R: NetlinkRequest>(&mut self, what: &str, request: &R) -> Result<()> {
        self.each(what, request, |_| Ok(()))
    }

    /// Sends `request` and collects what `keep` takes of each answer.
    pub(super) fn list<R: NetlinkRequest, T>(
        &mut self,
        what: &str,
        request: &R,
        mut keep: impl FnMut(R::ReplyType<'_>) -> Option<T>,
    ) -> Result<Vec<T>> {
        let mut kept = Vec::new();
        self.each(what, request, |data| {
            kept.extend(keep(R::decode_reply(data)));
            Ok(())
        })?;
        Ok(kept)
    }

    fn each<R: NetlinkRequest>(
        &mut self,
        what: &str,
        request: &R,
        mut data: impl FnMut(&[u8]) -> Result<()>,
    ) -> Result<()> {
        let traits::Protocol::Raw { request_type, .. } = request.protocol() else {
            return Err(Error::failed(format!("{what}: no request of this socket")));
        };
        self.sequence = self.sequence.wrapping_add(1);
        let header = Nlmsghdr {
            len: (HEADER + request.payload().len()) as u32,
            r#type: request_type,
            flags: request.flags() | (libc::NLM_F_REQUEST | libc::NLM_F_ACK) as u16,
            seq: self.sequence,
            pid: 0,
        };
        let message = [header.as_slice(), request.payload()].concat();
        self.send(what, &message)?;
        let sequence = self.sequence;
        self.answers(what, |seq, answer| match answer {
            _ if seq != sequence => Ok(false),
            Answer::Data(bytes) => data(bytes).map(|()| false),
            Answer::Done => Ok(true),
            Answer::Refused(refusal) => Err(refusal.to(what)),
        })
    }

    /// Sends messages that belong together in one piece: all are done or none. The last one must ask to be acknowledged.
    /// `named` says what was attempted from the place of a message among them.
    pub(super) fn transact(&mut self, messages: &mut Messages) -> Result<()> {
        let first = self.sequence.wrapping_add(1);
        let count = messages.names.len() as u32;
        self.sequence = self.sequence.wrapping_add(count);
        let bytes = messages.numbered(first);
        self.send("a transaction", bytes)?;
        let names = &messages.names;
        // That of the end is never acknowledged before Linux 6.10.
        let last = first.wrapping_add(count - 2);
        let mut refused = None;
        self.answers("a transaction", |seq, answer| {
            let place = seq.wrapping_sub(first);
            match answer {
                _ if place >= count => Ok(false),
                Answer::Data(_) => Ok(false),
                Answer::Done => Ok(seq == last),
                // The first is the cause; what follows it are its consequences.
                Answer::Refused(refusal) => {
                    refused.get_or_insert_with(|| refusal.to(&names[place as usize]));
                    Ok(true)
                }
            }
        })?;
        refused.map_or(Ok(()), Err)
    }

    fn send(&mut self, what: &str, message: &[u8]) -> Result<()> {
        let sent = send(self.fd.as_raw_fd(), message, MsgFlags::empty());
        match sent {
            Ok(sent) if sent == message.len() => Ok(()),
            Ok(sent) => {
                Err(Error::failed(format!("{what}: only {sent} of {} bytes were sent", message.len())))
            }
            Err(errno) => Err(Refusal::new(errno, None).to(what)),
        }
    }

    /// Gives every message that comes to `take` until it says that it has all.
    fn answers(&mut self, what: &str, mut take: impl FnMut(u32, Answer<'_>) -> Result<bool>) -> Result<()> {
        loop {
            let length = match recv(self.fd.as_raw_fd(), &mut self.answer, MsgFlags::empty()) {
                Ok(length) => length,
                Err(Errno::EINTR) => continue,
                Err(Errno::EAGAIN) => {
                    return Err(Error::timeout(format!(
                        "{what}: the kernel did not answer within {PATIENCE_SECONDS} s"
                    )));
                }
                Err(errno) => return Err(Refusal::new(errno, None).to(what)),
            };
            let mut rest = &self.answer[..length];
            while rest.len() >= HEADER {
                let header = Nlmsghdr::new_from_zeroed(&rest[..HEADER]);
                let end = (header.len as usize).clamp(HEADER, rest.len());
                let answer = parse(&header, &rest[HEADER..end]);
                if take(header.seq, answer)? {
                    return Ok(());
                }
                rest = rest.get(end.next_multiple_of(4)..).unwrap_or_default();
            }
        }
    }
}

fn parse<'a>(header: &Nlmsghdr, body: &'a [u8]) -> Answer<'a> {
    let kind = i32::from(header.r#type);
    if kind != libc::NLMSG_ERROR && kind != libc::NLMSG_DONE {
        return Answer::Data(body);
    }
    let code = body.get(..4).and_then(|code| code.try_into().ok()).map_or(0, i32::from_ne_bytes);
    if code == 0 {
        return Answer::Done;
    }
    // After the code comes the request, whole or only its header, and then the words (netlink(7)).
    let mut words = 4;
    if kind == libc::NLMSG_ERROR {
        let capped = header.flags & libc::NLM_F_CAPPED as u16 != 0;
        let request = body.get(4..8).and_then(|len| len.try_into().ok()).map_or(0, u32::from_ne_bytes);
        words += if capped { HEADER } else { (request as usize).max(HEADER).next_multiple_of(4) };
    }
    let has_words = header.flags & libc::NLM_F_ACK_TLVS as u16 != 0;
    let said = body.get(words..).filter(|_| has_words).and_then(|words| {
        let said = NlmsgerrAttrs::new(words).get_msg().ok()?;
        Some(said.to_string_lossy().into_owned())
    });
    Answer::Refused(Refusal::new(Errno::from_raw(-code), said))
}

/// Messages that are sent in one piece.
#[derive(Debug, Default)]
pub(super) struct Messages {
    bytes: Vec<u8>,
    starts: Vec<usize>,
    names: Vec<String>,
}

impl Messages {
    /// Adds a message: `body` writes what comes after the header.
    pub(super) fn add(&mut self, name: String, kind: u16, flags: u16, body: impl FnOnce(&mut Vec<u8>)) {
        let start = self.bytes.len();
        self.bytes.extend([0; HEADER]);
        body(&mut self.bytes);
        self.bytes.resize(self.bytes.len().next_multiple_of(4), 0);
        let header = Nlmsghdr {
            len: (self.bytes.len() - start) as u32,
            r#type: kind,
            flags: flags | libc::NLM_F_REQUEST as u16,
            seq: 0,
            pid: 0,
        };
        self.bytes[start..start + HEADER].copy_from_slice(header.as_slice());
        self.starts.push(start);
        self.names.push(name);
    }

    /// Asks for an acknowledgement of the message added last.
    pub(super) fn acknowledge_last(&mut self) {
        if let Some(&start) = self.starts.last() {
            let at = start + 6..start + 8;
            let flags = u16::from_ne_bytes([self.bytes[at.start], self.bytes[at.start + 1]]);
            self.bytes[at].copy_from_slice(&(flags | libc::NLM_F_ACK as u16).to_ne_bytes());
        }
    }

    pub(super) fn len(&self) -> usize {
        self.names.len()
    }

    fn numbered(&mut self, first: u32) -> &[u8] {
        for (place, &start) in self.starts.iter().enumerate() {
            let sequence = first.wrapping_add(place as u32);
            self.bytes[start + 8..start + 12].copy_from_slice(&sequence.to_ne_bytes());
        }
        &self.bytes
    }
}
