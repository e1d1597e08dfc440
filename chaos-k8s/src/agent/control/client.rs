//! [`tell`]: the client's side. It needs no right, only the same network namespace.

use std::io::{self, BufRead, BufReader, ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use chaos_core::ledger::RunId;
use chaos_core::{Error, Result};
use rustix::net::sockopt::{Timeout, set_socket_timeout};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};

use super::{Answer, Order, Told, line, name};
use crate::agent::spec::Token;

/// More than all answers to an order: what could not be taken back of 4096 items is in them.
const LONGEST_ANSWERS: u64 = 16 << 20;

/// Tells the agent of this run, in the network namespace of the calling thread, and waits for its last answer, for no
/// longer than `patience` in all: a [`Stop`](Order::Stop) is answered when everything is taken back, a
/// [`Replace`](Order::Replace) when it is done at all items.
///
/// # Errors
/// [`refused`](Error::is_refused) where no such agent is, [`timeout`](Error::is_timeout) where it does not answer,
/// [`failed`](Error::is_failed) where it ends without an answer. A refusal by the agent is an [`Answer`].
pub fn tell(run: RunId, token: &Token, order: Order, patience: Duration) -> Result<Answer> {
    let until = Until(Instant::now() + patience);
    let unheard = |source: io::Error, otherwise: fn(RunId) -> Error| {
        match source.kind() {
            ErrorKind::WouldBlock | ErrorKind::TimedOut => Error::timeout(format!(
                "the agent of run {run} did not answer within {patience:?}: it is stopped, or takes longer"
            )),
            _ => otherwise(run),
        }
        .with_source(source)
    };
    let stream = until.connect(run).map_err(|source| unheard(source, nobody))?;
    let mut agent = Bounded { stream, until };
    let told = Told { token: token.clone(), order };
    agent.write_all(&line(&told)?).map_err(|source| unheard(source, gone))?;
    let mut answers = BufReader::new(agent.take(LONGEST_ANSWERS)).lines();
    loop {
        let answer = match answers.next() {
            Some(Ok(answer)) => answer,
            Some(Err(source)) => return Err(unheard(source, gone)),
            None => return Err(gone(run)),
        };
        match serde_json::from_str(&answer) {
            Ok(Answer::Stopping) => {}
            Ok(last) => return Ok(last),
            Err(source) => {
                return Err(
                    Error::failed("the agent answers what this version does not know").with_source(source)
                );
            }
        }
    }
}

fn nobody(run: RunId) -> Error {
    Error::refused(format!("no agent of run {run} is in this network namespace"))
}

fn gone(run: RunId) -> Error {
    Error::failed(format!("the agent of run {run} ended, or closed the connection, without an answer"))
}

/// The end of all waiting.
#[derive(Clone, Copy)]
struct Until(Instant);

impl Until {
    fn left(self) -> io::Result<Duration> {
        match self.0.saturating_duration_since(Instant::now()) {
            Duration::ZERO => Err(ErrorKind::TimedOut.into()),
            left => Ok(left),
        }
    }

    /// One who is stopped may have a full queue, in which it is waited for as long as a write (unix(7), `SO_SNDTIMEO`).
    fn connect(self, run: RunId) -> io::Result<UnixStream> {
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
        set_socket_timeout(&socket, Timeout::Send, Some(self.left()?))?;
        connect(&socket, &SocketAddrUnix::new_abstract_name(name(run).as_bytes())?)?;
        Ok(UnixStream::from(socket))
    }
}

/// A connection that is over with its time, however little comes at a time.
struct Bounded {
    stream: UnixStream,
    until: Until,
}

impl Read for Bounded {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        self.stream.set_read_timeout(Some(self.until.left()?))?;
        self.stream.read(into)
    }
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.stream.set_write_timeout(Some(self.until.left()?))?;
        self.stream.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.stream.flush()
    }
}
