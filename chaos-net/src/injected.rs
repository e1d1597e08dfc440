//! [`InjectedError`]: an error that a rule made, recognisable wherever it comes out.
//!
//! ```
//! use chaos_net::{InjectedError, InjectedKind};
//! use std::io;
//! let err = io::Error::from(InjectedError::new(InjectedKind::Refused));
//! assert_eq!(err.kind(), io::ErrorKind::ConnectionRefused);
//!
//! // What a client makes of it, some layers up.
//! let wrapped = io::Error::other(Box::<dyn std::error::Error + Send + Sync>::from(err));
//! assert_eq!(InjectedError::find(&wrapped).map(InjectedError::kind), Some(InjectedKind::Refused));
//! assert!(InjectedError::find(&io::Error::from(io::ErrorKind::ConnectionRefused)).is_none());
//! ```

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::str::FromStr;
use std::sync::Arc;

use chaos_core::Error;

/// What an injected error stands for. Grows with the faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum InjectedKind {
    /// Nobody listens: ECONNREFUSED.
    Refused,
    /// The peer reset the connection: ECONNRESET.
    Reset,
    /// The connection was aborted on this side: ECONNABORTED.
    Aborted,
    /// Nothing came in time: ETIMEDOUT.
    TimedOut,
    /// No way to the host: EHOSTUNREACH.
    HostUnreachable,
    /// No way to its network: ENETUNREACH.
    NetworkUnreachable,
    /// Written to a connection that the peer has closed: EPIPE.
    BrokenPipe,
    /// The connection ended in the middle of a message.
    UnexpectedEof,
    /// The name has no address.
    NameNotResolved,
}

const KINDS: [(InjectedKind, &str, &str, io::ErrorKind); 9] = {
    use InjectedKind::*;
    [
        (Refused, "refused", "connection refused", io::ErrorKind::ConnectionRefused),
        (Reset, "reset", "connection reset", io::ErrorKind::ConnectionReset),
        (Aborted, "aborted", "connection aborted", io::ErrorKind::ConnectionAborted),
        (TimedOut, "timed_out", "timed out", io::ErrorKind::TimedOut),
        (HostUnreachable, "host_unreachable", "host unreachable", io::ErrorKind::HostUnreachable),
        (NetworkUnreachable, "network_unreachable", "network unreachable", io::ErrorKind::NetworkUnreachable),
        (BrokenPipe, "broken_pipe", "broken pipe", io::ErrorKind::BrokenPipe),
        (UnexpectedEof, "unexpected_eof", "connection ended in mid-message", io::ErrorKind::UnexpectedEof),
        (NameNotResolved, "name_not_resolved", "name not resolved", io::ErrorKind::Other),
    ]
};

impl InjectedKind {
    fn row(self) -> &'static (InjectedKind, &'static str, &'static str, io::ErrorKind) {
        // The table is in the order of the enum, which a test holds to.
        &KINDS[self as usize]
    }

    /// The word for it in rules from data: `"reset"`, `"timed_out"`.
    pub fn name(self) -> &'static str {
        self.row().1
    }

    /// The kind of the [`io::Error`] that an operating system would answer.
    pub fn io_kind(self) -> io::ErrorKind {
        self.row().3
    }

    /// All there are.
    pub fn all() -> impl Iterator<Item = Self> {
        KINDS.iter().map(|(kind, ..)| *kind)
    }
}

impl fmt::Display for InjectedKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.row().2)
    }
}

impl FromStr for InjectedKind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::all().find(|kind| kind.name() == name).ok_or_else(|| {
            let names: Vec<_> = Self::all().map(Self::name).collect();
            Error::invalid(format!("error {name:?} is not one of {}", names.join(", ")))
        })
    }
}

/// An error that a rule made. It names the rule and the point.
///
/// It converts into [`io::Error`] with the kind of the real thing, and into boxed errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InjectedError {
    kind: InjectedKind,
    at: Option<(Arc<str>, Arc<str>)>,
}

impl InjectedError {
    /// An injected error of no rule in particular: for closures that make errors, as those of
    /// [`call::error`](crate::call::error).
    pub fn new(kind: InjectedKind) -> Self {
        Self { kind, at: None }
    }

    #[cfg(feature = "http")]
    pub(crate) fn made_by(kind: InjectedKind, rule: Option<Arc<str>>, point: &str) -> Self {
        Self { kind, at: rule.map(|rule| (rule, point.into())) }
    }

    /// What it stands for.
    pub fn kind(&self) -> InjectedKind {
        self.kind
    }

    /// The name of the rule that made it.
    pub fn rule(&self) -> Option<&str> {
        self.at.as_ref().map(|(rule, _)| &**rule)
    }

    /// The name of the point where it was made.
    pub fn point(&self) -> Option<&str> {
        self.at.as_ref().map(|(_, point)| &**point)
    }

    /// The injected error in `error` or behind it, if there is one: tells faults of ours from real ones.
    pub fn find<'a>(error: &'a (dyn StdError + 'static)) -> Option<&'a Self> {
        let mut next = Some(error);
        while let Some(error) = next {
            if let Some(found) = error.downcast_ref::<Self>() {
                return Some(found);
            }
            // What an `io::Error` wraps is not its source: its source is the source of that.
            let wrapped = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
            next = match wrapped {
                Some(wrapped) => Some(wrapped as &(dyn StdError + 'static)),
                None => error.source(),
            };
        }
        None
    }
}

impl fmt::Display for InjectedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "injected: {}", self.kind)?;
        match &self.at {
            Some((rule, point)) => write!(f, " (rule {rule:?} at point {point:?})"),
            None => Ok(()),
        }
    }
}

impl StdError for InjectedError {}

impl From<InjectedError> for io::Error {
    fn from(injected: InjectedError) -> Self {
        Self::new(injected.kind.io_kind(), injected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_enum() {
        for (at, kind) in InjectedKind::all().enumerate() {
            assert_eq!(kind as usize, at, "{kind}");
            assert_eq!(kind.name().parse::<InjectedKind>().unwrap(), kind);
            let err = io::Error::from(InjectedError::new(kind));
            assert_eq!(err.kind(), kind.io_kind());
        }
        let err = "rest".parse::<InjectedKind>().unwrap_err();
        assert!(err.is_invalid());
        assert!(err.to_string().starts_with("error \"rest\" is not one of refused, reset,"), "{err}");
    }

    #[test]
    fn found_behind_wrappers_and_only_there() {
        #[derive(Debug)]
        struct Client(io::Error);
        impl fmt::Display for Client {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("client")
            }
        }
        impl StdError for Client {
            fn source(&self) -> Option<&(dyn StdError + 'static)> {
                Some(&self.0)
            }
        }
        let injected = InjectedError::new(InjectedKind::TimedOut);
        let client = Client(io::Error::other(Client(injected.clone().into())));
        assert_eq!(InjectedError::find(&client), Some(&injected));
        assert_eq!(InjectedError::find(&Client(io::ErrorKind::TimedOut.into())), None);
    }
}
