//! [`Fail`]: operations that fail and are not done.

use std::fmt;
use std::io;
use std::sync::Arc;

use chaos_core::{Error, Result, Rule};

use super::errors::{errno_name, kind_name};
use super::{Effect, rule};
use crate::injected::Injected;
use crate::operation::{Io, IoKind, kind};

/// The largest errno of Linux (EHWPOISON, asm-generic/errno.h).
const LARGEST_ERRNO: i32 = 133;

/// Operations fail with an error of this kind, which says that it was injected: see [`Injected`].
///
/// `WouldBlock` is what callers of non-blocking descriptors and of mounts expect; code on tokio's traits is never to see
/// it, see [`pending_storm`](crate::pending_storm).
pub fn error(kind: io::ErrorKind) -> Rule<Io> {
    rule(Effect::Fail(Fail::Kind(kind)))
}

/// Operations fail with this error number of Linux, as [`raw_os_error`](io::Error::raw_os_error) says it: 5 is EIO.
///
/// # Errors
/// Not in 1..=133, or 41 and 58, which no error has.
pub fn errno(errno: i32) -> Result<Rule<Io>> {
    Fail::errno_of(errno).map(|fail| rule(Effect::Fail(fail)))
}

/// Operations fail with `Interrupted` (EINTR) and are to be tried again. `std::io` and `read_exact` of the standard
/// library do; tokio's helpers hand it on.
pub fn interrupted() -> Rule<Io> {
    error(io::ErrorKind::Interrupted)
}

/// Closing fails: the shutdown of a stream or writer, the release of a file.
pub fn fail_close(error: io::ErrorKind) -> Rule<Io> {
    self::error(error).when(kind(IoKind::Close))
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fail {
    Kind(io::ErrorKind),
    Errno(i32),
}

impl Fail {
    /// A full disk.
    pub(crate) const NO_SPACE: Self =
        if cfg!(unix) { Self::Errno(28) } else { Self::Kind(io::ErrorKind::StorageFull) };

    pub(crate) fn errno_of(errno: i32) -> Result<Self> {
        // 41 and 58 are EWOULDBLOCK and EDEADLOCK on machines where these are numbers of their own.
        if !(1..=LARGEST_ERRNO).contains(&errno) || [41, 58].contains(&errno) {
            return Err(Error::invalid(format!(
                "errno {errno} is not an error number of Linux: use 1 to {LARGEST_ERRNO}, 5 for EIO"
            )));
        }
        Ok(Self::Errno(errno))
    }

    /// The error that the caller gets.
    #[cold]
    pub(crate) fn error(&self, rule: Option<Arc<str>>, point: &str) -> io::Error {
        match *self {
            Self::Kind(kind) => io::Error::new(kind, Injected::new(kind, rule, point)),
            Self::Errno(errno) => io::Error::from_raw_os_error(errno),
        }
    }
}

impl fmt::Display for Fail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Kind(kind) => f.write_str(kind_name(kind).unwrap_or("other")),
            Self::Errno(errno) => match errno_name(errno) {
                Some(name) => write!(f, "{name} (errno {errno})"),
                None => write!(f, "errno {errno}"),
            },
        }
    }
}
