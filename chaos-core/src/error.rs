//! The crate's one error type: opaque, with predicates.
//!
//! The message is one lower-case line that says what is wrong and what to do next; [`Error::source`] leads to the
//! cause. Third-party faults make their own with the constructors here.
//!
//! ```
//! use chaos_core::{Error, Percent};
//! let err = Percent::try_new(140.0).unwrap_err();
//! assert!(err.is_invalid());
//! assert_eq!(err.to_string(), "percent 140 is not in 0..=100");
//! # let _: Error = err;
//! ```

use std::borrow::Cow;
use std::error::Error as StdError;
use std::fmt;

/// A `Result` with this crate's [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

type Source = Box<dyn StdError + Send + Sync + 'static>;

/// What went wrong, in one line that says what to do next.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct Error {
    kind: Kind,
    message: Cow<'static, str>,
    #[source]
    source: Option<Source>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Invalid,
    Refused,
    Conflict,
    Timeout,
    Clock,
    Failed,
    Leftover,
    Ledger,
}

macro_rules! constructors {
    ($($(#[$doc:meta])* $make:ident, $(#[$pdoc:meta])* $is:ident => $kind:ident;)*) => {
        impl Error {
            $(
                $(#[$doc])*
                pub fn $make(message: impl Into<Cow<'static, str>>) -> Self {
                    Self { kind: Kind::$kind, message: message.into(), source: None }
                }
                $(#[$pdoc])*
                pub fn $is(&self) -> bool { self.kind == Kind::$kind }
            )*
        }
    };
}

constructors! {
    /// A wrong argument: nothing was looked at, nothing was touched.
    invalid,
    /// Whether an argument was wrong.
    is_invalid => Invalid;
    /// What a look at the world forbids: nothing was touched.
    refused,
    /// Whether the world as it is forbids what was asked.
    is_refused => Refused;
    /// A name that is taken by something else.
    conflict,
    /// Whether a name is taken by something else.
    is_conflict => Conflict;
    /// A wait that reached its bound.
    timeout,
    /// Whether a wait reached its bound.
    is_timeout => Timeout;
    /// Something that needs real time met a paused clock.
    clock,
    /// Whether something that needs real time met a paused clock.
    is_clock => Clock;
    /// An action on the world that did not work.
    failed,
    /// Whether an action on the world did not work.
    is_failed => Failed;
    /// A fault that could not be taken back: something is left behind.
    leftover,
    /// Whether something is left behind that needs a sweep or a hand.
    is_leftover => Leftover;
    /// A ledger that cannot be read, written or locked.
    ledger,
    /// Whether the ledger cannot be read, written or locked.
    is_ledger => Ledger;
}

impl Error {
    /// Adds the cause, for [`std::error::Error::source`].
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync + 'static>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// Puts what was being done before the message: `"{context}: {message}"`. Kind and source stay.
    #[must_use]
    pub fn context(mut self, context: impl fmt::Display) -> Self {
        self.message = format!("{context}: {}", self.message).into();
        self
    }

    /// The message and every cause behind it, on one line.
    pub fn chain(&self) -> String {
        let mut line = self.to_string();
        let mut next = StdError::source(self);
        while let Some(cause) = next {
            line.push_str(": ");
            line.push_str(&cause.to_string());
            next = cause.source();
        }
        line
    }
}

impl From<std::io::Error> for Error {
    fn from(source: std::io::Error) -> Self {
        Self::failed("an i/o operation failed").with_source(source)
    }
}
