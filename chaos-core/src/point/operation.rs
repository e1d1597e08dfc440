//! [`Operation`]: what passes a point, as the rules there see it.

use std::fmt::Debug;

use super::matcher::Matcher;
#[cfg(feature = "rules")]
use crate::error::{Error, Result};

/// What passes a point: a request, a read, a commit.
///
/// The view is what matchers see of one operation; it is `Copy` and taken by value, so that closures infer. The effect
/// is what may happen to it besides a delay; the wrapper that owns the point carries it out.
pub trait Operation: Sized + Send + Sync {
    /// What one of them is called: "http request".
    const NAME: &'static str;

    /// What matchers see.
    type View<'a>: Copy;

    /// What can be done to it instead of, before or after letting it pass.
    type Effect: Debug + Send + Sync;

    /// One line for plans and reports.
    fn describe(effect: &Self::Effect) -> String {
        format!("{effect:?}")
    }

    /// Which operations `effect` can happen to; `None` is all of them.
    ///
    /// A rule asks this with its own matcher, before numbers and dice: an operation that the effect cannot happen to does
    /// not match, is not counted and moves no draw. Plans and reports do not name it.
    fn happens_to(effect: &Self::Effect) -> Option<Matcher<Self>> {
        let _ = effect;
        None
    }

    /// What the wrapper must be able to do to carry `effect` out.
    fn needs(effect: &Self::Effect) -> Abilities {
        let _ = effect;
        Abilities::NONE
    }

    /// Reads a matcher from data: the `when` of a rule.
    ///
    /// # Errors
    /// What is not a matcher of this operation.
    #[cfg(feature = "rules")]
    fn parse_matcher(when: &serde_json::Value) -> Result<Matcher<Self>> {
        let _ = when;
        Err(Error::invalid(format!("a {} has no matchers that can be written as data", Self::NAME)))
    }

    /// Reads an effect from data: the `effect` of a rule.
    ///
    /// # Errors
    /// What is not an effect of this operation.
    #[cfg(feature = "rules")]
    fn parse_effect(effect: &serde_json::Value) -> Result<Self::Effect> {
        let _ = effect;
        Err(Error::invalid(format!("a {} has no effects that can be written as data", Self::NAME)))
    }
}

/// What a wrapper can do beyond letting operations pass, delaying and hanging them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Abilities(u8);

impl Abilities {
    /// Nothing more.
    pub const NONE: Self = Self(0);
    /// It can make an error of the caller's type.
    pub const ERROR: Self = Self(1);

    /// One of four abilities that an operation type gives a meaning of its own; `n` is 0 to 3.
    pub const fn own(n: u8) -> Self {
        assert!(n < 4, "an operation type has four abilities of its own");
        Self(0x10 << n)
    }

    /// Both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Whether all of `needed` is there.
    #[inline]
    pub const fn cover(self, needed: Self) -> bool {
        self.0 & needed.0 == needed.0
    }

    pub(crate) const fn bits(self) -> u8 {
        self.0
    }

    pub(crate) const fn from_bits(bits: u8) -> Self {
        Self(bits)
    }
}
