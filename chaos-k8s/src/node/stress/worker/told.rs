//! [`Pipe`]: what the injector tells its stressor, line by line, with a bound for every wait.

use std::io;
use std::os::fd::AsFd;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::{Errno, read};

/// What came, or did not.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Told {
    Line(Vec<u8>),
    /// The injector is dead, or wants us to end.
    End,
    Nothing,
}

/// An end of a pipe, without a buffer that others do not see.
#[derive(Debug)]
pub(super) struct Pipe<F> {
    from: F,
    /// What came behind the last line.
    rest: Vec<u8>,
}

impl<F: AsFd> Pipe<F> {
    pub(super) fn new(from: F) -> Self {
        Self { from, rest: Vec::new() }
    }

    /// The next line, if it comes until then.
    pub(super) fn next(&mut self, until: Instant) -> io::Result<Told> {
        loop {
            if let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
                let rest = self.rest.split_off(end + 1);
                return Ok(Told::Line(std::mem::replace(&mut self.rest, rest)));
            }
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(Told::Nothing);
            }
            let left = Timespec::try_from(left).map_err(|_| io::ErrorKind::InvalidInput)?;
            match poll(&mut [PollFd::from_borrowed_fd(self.from.as_fd(), PollFlags::IN)], Some(&left)) {
                Ok(0) => return Ok(Told::Nothing),
                Ok(_) => {}
                Err(Errno::INTR) => continue,
                Err(errno) => return Err(errno.into()),
            }
            let mut came = [0; 4096];
            match read(&self.from, &mut came) {
                Ok(0) => return Ok(Told::End),
                Ok(length) => self.rest.extend(&came[..length]),
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::time::Duration;

    use super::*;

    #[test]
    fn lines_come_one_by_one_and_no_wait_is_without_a_bound() {
        let (mut to, from) = std::os::unix::net::UnixStream::pair().unwrap();
        let mut pipe = Pipe::new(from);
        let soon = || Instant::now() + Duration::from_millis(20);
        to.write_all(b"one\ntwo\nth").unwrap();
        assert_eq!(pipe.next(soon()).unwrap(), Told::Line(b"one\n".to_vec()));
        assert_eq!(pipe.next(Instant::now()).unwrap(), Told::Line(b"two\n".to_vec()));
        assert_eq!(pipe.next(soon()).unwrap(), Told::Nothing);
        to.write_all(b"ree\n").unwrap();
        assert_eq!(pipe.next(soon()).unwrap(), Told::Line(b"three\n".to_vec()));
        drop(to);
        assert_eq!(pipe.next(soon()).unwrap(), Told::End);
    }
}
