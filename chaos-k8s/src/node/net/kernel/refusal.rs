//! [`Refusal`]: what the kernel says when it does not do something.

use std::error::Error as StdError;
use std::fmt;

use chaos_core::Error;
use nix::errno::Errno;

/// An error number, with the kernel's own words where it has some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    errno: Errno,
    said: Option<String>,
}

impl Refusal {
    pub(super) fn new(errno: Errno, said: Option<String>) -> Self {
        Self { errno, said }
    }

    /// The one error of the crate, with what was attempted.
    pub(super) fn to(&self, what: &str) -> Error {
        let message = format!("{what}: {self}");
        let error = match self.errno {
            Errno::EPERM | Errno::EACCES => Error::refused(format!("{message}: run with CAP_NET_ADMIN")),
            _ => Error::failed(message),
        };
        error.with_source(self.clone())
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.said {
            Some(said) => write!(f, "the kernel says: {said} ({})", self.errno),
            None => write!(f, "the kernel says: {}", self.errno),
        }
    }
}

impl StdError for Refusal {}

/// The error number behind an error of this layer.
pub(super) fn errno(error: &Error) -> Option<Errno> {
    error.source()?.downcast_ref::<Refusal>().map(|refusal| refusal.errno)
}

/// Whether the kernel does not know what was asked for: a module is missing.
pub(crate) fn is_unknown(error: &Error) -> bool {
    errno(error) == Some(Errno::ENOENT)
}

/// Success also when the thing was not there.
pub(super) fn gone_is_fine(result: chaos_core::Result<()>) -> chaos_core::Result<()> {
    match result {
        Err(error) if matches!(errno(&error), Some(Errno::ENOENT | Errno::ENODEV)) => Ok(()),
        other => other,
    }
}

/// A list of what is not there is empty.
pub(super) fn gone_is_empty<T>(result: chaos_core::Result<Vec<T>>) -> chaos_core::Result<Vec<T>> {
    match result {
        Err(error) if matches!(errno(&error), Some(Errno::ENOENT | Errno::ENODEV)) => Ok(Vec::new()),
        other => other,
    }
}
