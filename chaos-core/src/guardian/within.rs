//! The injector that runs below its guardian: how it learns so, and how it asks for a session.

use std::env;
use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout, socket_peercred};
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, recvmsg, sendmsg,
};
use rustix::pipe::{PipeFlags, pipe_with};
use rustix::process::getppid;

use super::program::Guardian;

/// Tells a process that its parent, of this number, is its guardian; a child of its own inherits the variable, and has
/// another parent.
pub(super) const WITHIN: &str = "CHAOS_GUARDIAN_WITHIN";
/// The most descriptors in one message: two pipes and a log.
const MOST: usize = 3;

/// The way to the guardian that is the first process.
#[derive(Debug)]
pub(super) struct Control(OwnedFd);

impl Control {
    /// That of this process, when its parent is its guardian: it is found where the standard input should be, and brings
    /// that. Once per process.
    pub(super) fn of_this_process() -> Option<Self> {
        let parent = getppid()?;
        let is_said = env::var(WITHIN).is_ok_and(|said| said == parent.as_raw_nonzero().to_string());
        let stdin = rustix::stdio::stdin();
        // Of a socket that the parent made, and of nothing else, the parent is the peer.
        if !is_said || socket_peercred(stdin).ok()?.pid != parent {
            return None;
        }
        let control = rustix::io::fcntl_dupfd_cloexec(stdin, 3).ok()?;
        limit(&control, Guardian::START).ok()?;
        let input = receive(control.as_fd()).ok()?.pop()?;
        rustix::stdio::dup2_stdin(&input).ok()?;
        Some(Self(control))
    }

    /// A session of the guardian: the pipes to it and from it.
    pub(super) fn session(&self, log: Option<&File>) -> io::Result<(File, File)> {
        let (orders, to) = pipe_with(PipeFlags::CLOEXEC)?;
        let (from, answers) = pipe_with(PipeFlags::CLOEXEC)?;
        let mut given = vec![orders.as_fd(), answers.as_fd()];
        given.extend(log.map(AsFd::as_fd));
        send(self.0.as_fd(), &given)?;
        Ok((to.into(), from.into()))
    }
}

fn limit(socket: &OwnedFd, bound: Duration) -> io::Result<()> {
    set_socket_timeout(socket, Timeout::Recv, Some(bound))?;
    Ok(set_socket_timeout(socket, Timeout::Send, Some(bound))?)
}

/// Gives descriptors to the other side, in one message.
pub(super) fn send(socket: BorrowedFd<'_>, given: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut rights = SendAncillaryBuffer::new(&mut space);
    if !rights.push(SendAncillaryMessage::ScmRights(given)) {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    sendmsg(socket, &[IoSlice::new(b"1")], &mut rights, SendFlags::NOSIGNAL)?;
    Ok(())
}

/// The descriptors of the next message; an error when the other side is gone.
pub(super) fn receive(socket: BorrowedFd<'_>) -> io::Result<Vec<OwnedFd>> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut rights = RecvAncillaryBuffer::new(&mut space);
    let mut byte = [0];
    let how = RecvFlags::CMSG_CLOEXEC;
    let message = loop {
        match recvmsg(socket, &mut [IoSliceMut::new(&mut byte)], &mut rights, how) {
            Err(rustix::io::Errno::INTR) => {}
            other => break other?,
        }
    };
    if message.bytes == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    let mut received = Vec::new();
    for message in rights.drain() {
        if let RecvAncillaryMessage::ScmRights(fds) = message {
            received.extend(fds);
        }
    }
    Ok(received)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn descriptors_are_given_and_the_end_is_seen() {
        let (here, there) = UnixStream::pair().unwrap();
        let (from, to) = pipe_with(PipeFlags::CLOEXEC).unwrap();
        send(here.as_fd(), &[from.as_fd(), to.as_fd()]).unwrap();
        drop((from, to));
        let mut got: Vec<File> = receive(there.as_fd()).unwrap().into_iter().map(File::from).collect();
        let (mut to, mut from) = (got.pop().unwrap(), got.pop().unwrap());
        to.write_all(b"x").unwrap();
        drop(to);
        let mut text = String::new();
        from.read_to_string(&mut text).unwrap();
        assert_eq!(text, "x");
        drop(here);
        assert_eq!(receive(there.as_fd()).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }

    #[test]
    fn an_ordinary_process_is_not_within() {
        assert!(Control::of_this_process().is_none());
    }
}
