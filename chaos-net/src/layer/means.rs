//! [`Means`]: what a layer was given to make the caller's error.
//!
//! ```
//! use chaos_net::layer::{ErrorFrom, MakeError, NoError};
//! use chaos_net::{InjectedError, InjectedKind};
//! use std::io;
//! let reset = InjectedError::new(InjectedKind::Reset);
//! let made: Option<io::Error> = ErrorFrom.make(reset.clone());
//! assert_eq!(made.map(|err| err.kind()), Some(io::ErrorKind::ConnectionReset));
//! let none: Option<io::Error> = NoError.make(reset);
//! assert!(none.is_none());
//! ```

use std::fmt;

use chaos_core::point::Abilities;

use crate::injected::InjectedError;

/// What a layer can do beyond letting operations pass, answering, delaying and hanging them.
pub trait Means {
    /// What it can do, as the point counts it.
    const ABILITIES: Abilities;
}

/// The operation's own rules make what they need: nothing is asked of the layer.
impl Means for () {
    const ABILITIES: Abilities = Abilities::NONE;
}

/// Makes the caller's error of an injected one.
pub trait MakeError<E>: Means {
    /// The error; `None` where there is no way.
    fn make(&self, injected: InjectedError) -> Option<E>;
}

/// No way: rules that answer with an error are refused.
#[derive(Debug, Clone, Copy)]
pub struct NoError;

impl Means for NoError {
    const ABILITIES: Abilities = Abilities::NONE;
}

impl<E> MakeError<E> for NoError {
    fn make(&self, _: InjectedError) -> Option<E> {
        None
    }
}

/// By `From<InjectedError>`.
#[derive(Debug, Clone, Copy)]
pub struct ErrorFrom;

impl Means for ErrorFrom {
    const ABILITIES: Abilities = Abilities::ERROR;
}

impl<E: From<InjectedError>> MakeError<E> for ErrorFrom {
    fn make(&self, injected: InjectedError) -> Option<E> {
        Some(injected.into())
    }
}

/// By a closure.
#[derive(Clone, Copy)]
pub struct ErrorWith<F>(pub(super) F);

impl<F> Means for ErrorWith<F> {
    const ABILITIES: Abilities = Abilities::ERROR;
}

impl<F: Fn(InjectedError) -> E, E> MakeError<E> for ErrorWith<F> {
    fn make(&self, injected: InjectedError) -> Option<E> {
        Some((self.0)(injected))
    }
}

impl<F> fmt::Debug for ErrorWith<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ErrorWith")
    }
}
