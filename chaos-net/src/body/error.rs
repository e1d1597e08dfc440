//! [`BodyError`]: what reading a [`FaultyBody`](super::FaultyBody) can fail with.

use std::error::Error as StdError;
use std::fmt;

use crate::injected::InjectedError;

/// What reading a [`FaultyBody`](super::FaultyBody) can fail with: the body's own error, or an injected one.
///
/// It converts into a boxed error, whatever body it comes from (those whose own error is boxed included), and leaves
/// no trace of itself there: what is above finds the body's own error as it was. This is why it is no
/// [`std::error::Error`] itself: a type that is one cannot also be boxed for errors that are boxed already.
///
/// ```
/// use chaos_net::{BodyError, InjectedError, InjectedKind};
/// let err: BodyError<std::io::Error> = BodyError::Injected(InjectedError::new(InjectedKind::Reset));
/// assert!(err.is_injected());
/// let boxed: Box<dyn std::error::Error + Send + Sync> = err.into();
/// assert!(InjectedError::find(&*boxed).is_some());
/// ```
#[derive(Debug, Clone)]
pub enum BodyError<E> {
    /// The body's own.
    Inner(E),
    /// A rule's.
    Injected(InjectedError),
}

impl<E> BodyError<E> {
    /// Whether a rule made it.
    pub fn is_injected(&self) -> bool {
        matches!(self, Self::Injected(_))
    }

    /// The injected error, if it is one.
    pub fn injected(&self) -> Option<&InjectedError> {
        match self {
            Self::Inner(_) => None,
            Self::Injected(injected) => Some(injected),
        }
    }

    /// The body's own error, if it is one.
    pub fn into_inner(self) -> Option<E> {
        match self {
            Self::Inner(error) => Some(error),
            Self::Injected(_) => None,
        }
    }
}

impl<E: fmt::Display> fmt::Display for BodyError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Inner(error) => error.fmt(f),
            Self::Injected(error) => error.fmt(f),
        }
    }
}

impl<E> From<BodyError<E>> for Box<dyn StdError + Send + Sync>
where
    E: Into<Box<dyn StdError + Send + Sync>>,
{
    fn from(error: BodyError<E>) -> Self {
        match error {
            BodyError::Inner(error) => error.into(),
            BodyError::Injected(error) => error.into(),
        }
    }
}

impl<E> From<BodyError<E>> for Box<dyn StdError>
where
    E: Into<Box<dyn StdError>>,
{
    fn from(error: BodyError<E>) -> Self {
        match error {
            BodyError::Inner(error) => error.into(),
            BodyError::Injected(error) => error.into(),
        }
    }
}
