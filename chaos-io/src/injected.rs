//! [`Injected`]: what an injected error says of itself.
//!
//! ```
//! use chaos_core::Chaos;
//! use chaos_io::{ChaosReader, Injected};
//! use std::io::{self, Read};
//! let chaos = Chaos::seeded(7);
//! let mut reader = ChaosReader::new(io::empty(), chaos.point("wal")?);
//! let _gone = chaos.point("wal")?.arm(chaos_io::error(io::ErrorKind::NotFound).named("gone")?)?;
//!
//! let err = reader.read(&mut [0; 8]).unwrap_err();
//! let injected = Injected::find(&err).expect("a rule made it");
//! assert_eq!((injected.rule(), injected.point()), (Some("gone"), "wal"));
//! assert!(Injected::find(&io::Error::from(io::ErrorKind::NotFound)).is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::error::Error as StdError;
use std::fmt;
use std::io;
use std::sync::Arc;

use crate::effect::errno_of_kind;

/// Inside an [`io::Error`] that a rule made by its kind: the rule and the point. An error made by
/// [`errno`](crate::errno) is a bare number and says nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Injected {
    kind: io::ErrorKind,
    rule: Option<Arc<str>>,
    point: Arc<str>,
}

impl Injected {
    pub(crate) fn new(kind: io::ErrorKind, rule: Option<Arc<str>>, point: &str) -> Self {
        Self { kind, rule, point: point.into() }
    }

    /// The kind of the error.
    pub fn kind(&self) -> io::ErrorKind {
        self.kind
    }

    /// The error number that Linux has for this kind; EIO where it has none.
    pub fn errno(&self) -> i32 {
        errno_of_kind(self.kind)
    }

    /// The name of the rule that made it.
    pub fn rule(&self) -> Option<&str> {
        self.rule.as_deref()
    }

    /// The name of the point where it was made.
    pub fn point(&self) -> &str {
        &self.point
    }

    /// What `error` says of itself, if a rule made it: tells faults of ours from real ones.
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

impl fmt::Display for Injected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "injected: {}", self.kind)?;
        match &self.rule {
            Some(rule) => write!(f, " (rule {rule:?} at point {:?})", self.point),
            None => Ok(()),
        }
    }
}

impl StdError for Injected {}
