//! What injector and guardian say to each other: one line of JSON per order and answer, over two pipes, and the ends
//! of pipes on which no wait is without a bound.

use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};
use crate::ledger::{Entry, RunId};

/// Both ends are one program, but it may have been replaced on disk between two starts where there is no `/proc`.
pub(super) const VERSION: u32 = 1;

/// From the injector. The end of the pipe is an order as well: the injector is dead.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Order {
    Arm(Orders),
    /// The deadline is so many milliseconds from now.
    Extend(u64),
    /// The injector has put these back itself; numbers as in [`Orders::entries`].
    Strike(Vec<usize>),
    Disarm,
}

/// What the guardian is there for.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Orders {
    pub(super) lasting_ms: u64,
    pub(super) limit_ms: u64,
    /// Past the deadline the injector is ended first.
    #[serde(default)]
    pub(super) ends_injector: bool,
    pub(super) ledger: Option<LedgerFile>,
    pub(super) entries: Vec<Entry>,
}

/// The file in which the injector has recorded the same entries.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct LedgerFile {
    pub(super) dir: PathBuf,
    pub(super) run: RunId,
}

/// From the guardian.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Answer {
    /// It runs, in a session of its own.
    Ready(u32),
    /// It holds so many entries and watches.
    Armed(usize),
    /// It cannot revert what it was given, and says why.
    Refused(String),
}

pub(super) fn line(message: &impl Serialize) -> Result<Vec<u8>> {
    let mut line = serde_json::to_vec(message).map_err(|err| {
        Error::invalid("what the guardian must know cannot be written as JSON").with_source(err)
    })?;
    line.push(b'\n');
    Ok(line)
}

/// Writes all of `bytes` to a pipe that does not block, within `bound`.
pub(super) fn write_all(pipe: &mut (impl Write + AsFd), mut bytes: &[u8], bound: Duration) -> io::Result<()> {
    let until = Instant::now() + bound;
    while !bytes.is_empty() {
        match pipe.write(bytes) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(written) => bytes = &bytes[written..],
            Err(err) if err.kind() == io::ErrorKind::WouldBlock => {
                wait(pipe.as_fd(), PollFlags::OUT, until)?;
            }
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) => return Err(err),
        }
    }
    Ok(())
}

/// Reads one line from a pipe, within `bound`; an end of the pipe before the line's end is an error.
pub(super) fn read_line<T: DeserializeOwned>(
    pipe: &mut (impl Read + AsFd),
    bound: Duration,
) -> io::Result<T> {
    // An answer is short; what a program that is no guardian prints may not be.
    const LONGEST: usize = 64 << 10;
    let until = Instant::now() + bound;
    let mut line = Vec::new();
    loop {
        wait(pipe.as_fd(), PollFlags::IN, until)?;
        let mut byte = [0];
        match pipe.read(&mut byte) {
            Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
            Ok(_) if byte == *b"\n" => return Ok(serde_json::from_slice(&line)?),
            Ok(_) if line.len() < LONGEST => line.push(byte[0]),
            Ok(_) => return Err(io::ErrorKind::InvalidData.into()),
            Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
            Err(err) => return Err(err),
        }
    }
}

/// Waits until the other side has closed the pipe, within `bound`.
pub(super) fn wait_for_end(pipe: &mut (impl Read + AsFd), bound: Duration) -> io::Result<()> {
    let until = Instant::now() + bound;
    loop {
        wait(pipe.as_fd(), PollFlags::IN, until)?;
        match pipe.read(&mut [0; 512]) {
            Ok(0) => return Ok(()),
            Err(err) if err.kind() != io::ErrorKind::Interrupted => return Err(err),
            _ => {}
        }
    }
}

fn wait(pipe: BorrowedFd<'_>, ready: PollFlags, until: Instant) -> io::Result<()> {
    loop {
        let left = until.saturating_duration_since(Instant::now());
        let left = Timespec::try_from(left).map_err(|_| io::ErrorKind::InvalidInput)?;
        match poll(&mut [PollFd::from_borrowed_fd(pipe, ready)], Some(&left)) {
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            // Also when the other side is gone: the read or write that follows says so.
            Ok(_) => return Ok(()),
            Err(rustix::io::Errno::INTR) => {}
            Err(err) => return Err(err.into()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::{ms, secs};

    #[test]
    fn a_line_is_read_back_and_no_wait_is_without_a_bound() {
        let (mut from, mut to) = std::os::unix::net::UnixStream::pair().unwrap();
        to.write_all(&line(&Answer::Armed(3)).unwrap()).unwrap();
        assert_eq!(read_line::<Answer>(&mut from, secs(5)).unwrap(), Answer::Armed(3));
        assert_eq!(read_line::<Answer>(&mut from, ms(1)).unwrap_err().kind(), io::ErrorKind::TimedOut);
        to.set_nonblocking(true).unwrap();
        let full = write_all(&mut to, &vec![b'x'; 1 << 20], ms(1)).unwrap_err();
        assert_eq!(full.kind(), io::ErrorKind::TimedOut);
        let long = read_line::<Answer>(&mut from, secs(5)).unwrap_err();
        assert!(matches!(long.kind(), io::ErrorKind::InvalidData | io::ErrorKind::TimedOut), "{long}");
        drop(to);
        wait_for_end(&mut from, secs(5)).unwrap();
        assert_eq!(read_line::<Answer>(&mut from, secs(5)).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
    }
}
