//! [`Step`]: points in plain code, for a commit, a cache look-up, a state change.
//!
//! ```
//! use chaos_core::{Chaos, point::{Step, step}};
//! use std::io;
//!
//! struct Commit { table: &'static str }
//! impl Step for Commit {
//!     const NAME: &'static str = "commit";
//!     type Error = io::Error;
//! }
//!
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let chaos = Chaos::seeded(7);
//! let commits = chaos.point::<Commit>("commit")?;
//! commits.pass(&Commit { table: "orders" }).await?;               // nothing armed: one relaxed load
//!
//! let full = commits.arm(step::error(|_: &Commit| io::ErrorKind::StorageFull.into()).first(1)?)?;
//! let err = commits.pass(&Commit { table: "orders" }).await.unwrap_err();
//! assert_eq!(err.kind(), io::ErrorKind::StorageFull);
//! assert_eq!(full.hits(), 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::future::poll_fn;

use super::matcher::Matcher;
use super::operation::{Abilities, Operation};
use super::point::Point;
use super::rule::Rule;
use crate::delay::Delay;
#[cfg(feature = "rules")]
use crate::error::{Error, Result};
use crate::sync::Arc;

/// A step of a program's own that a point can stand at.
pub trait Step: Sized + Send + Sync + 'static {
    /// What one of them is called: "commit".
    const NAME: &'static str;

    /// What a failed step answers. [`Infallible`](std::convert::Infallible) for a step that cannot fail: it can then
    /// be delayed, hung or made to panic, and no error rule can be written for it.
    type Error;

    /// The error that rules from data mean by `text`; `None` refuses the rule.
    fn error_named(text: &str) -> Option<Self::Error> {
        let _ = text;
        None
    }

    /// The matcher that rules from data mean by `text`; `None` refuses the rule.
    fn matcher_named(text: &str) -> Option<Matcher<Self>> {
        let _ = text;
        None
    }
}

type MakeError<T> = dyn Fn(&T) -> <T as Step>::Error + Send + Sync;

/// What can happen at a step besides a delay.
pub enum StepEffect<T: Step> {
    /// The step fails with what the closure makes.
    Error(Arc<MakeError<T>>),
    /// The step hangs until the rule is reverted, then goes on.
    Hang,
    /// The step panics with this message.
    Panic(String),
}

impl<T: Step> fmt::Debug for StepEffect<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Error(_) => f.write_str("error"),
            Self::Hang => f.write_str("hang"),
            Self::Panic(message) => write!(f, "panic {message:?}"),
        }
    }
}

impl<T: Step> Operation for T {
    const NAME: &'static str = T::NAME;
    type View<'a> = &'a T;
    type Effect = StepEffect<T>;

    #[cfg(feature = "rules")]
    fn parse_matcher(when: &serde_json::Value) -> Result<Matcher<Self>> {
        when.as_str()
            .and_then(T::matcher_named)
            .ok_or_else(|| Error::invalid(format!("{when} is not a matcher that a {} knows", T::NAME)))
    }

    #[cfg(feature = "rules")]
    fn parse_effect(effect: &serde_json::Value) -> Result<StepEffect<T>> {
        use serde_json::Value;
        let unknown = || {
            Error::invalid(format!("{effect} is not \"hang\", {{\"panic\": text}} or {{\"error\": text}}"))
        };
        match effect {
            Value::String(hang) if hang == "hang" => Ok(StepEffect::Hang),
            Value::Object(fields) if fields.len() == 1 => match fields.iter().next() {
                Some((key, Value::String(text))) if key == "panic" => Ok(StepEffect::Panic(text.clone())),
                Some((key, Value::String(text))) if key == "error" => {
                    if T::error_named(text).is_none() {
                        return Err(Error::invalid(format!(
                            "{text:?} is not an error that a {} knows",
                            T::NAME
                        )));
                    }
                    let text = text.clone();
                    Ok(StepEffect::Error(Arc::new(move |_| match T::error_named(&text) {
                        Some(error) => error,
                        None => unreachable!("{text:?} named an error when the rule was read"),
                    })))
                }
                _ => Err(unknown()),
            },
            _ => Err(unknown()),
        }
    }
}

impl<T: Step> Point<T> {
    /// Passes this point: waits, fails, hangs or panics as the rules say; otherwise goes on at once.
    ///
    /// A point knows nothing of what comes after it, so a delay after the operation is waited for here too, and the first
    /// effect comes when all delays are over.
    ///
    /// # Errors
    /// What an error rule made.
    #[inline]
    pub async fn pass(&self, step: &T) -> std::result::Result<(), T::Error> {
        if self.is_off() {
            return Ok(());
        }
        let Some(mut hit) = self.decide(step, Abilities::ERROR) else { return Ok(()) };
        poll_fn(|cx| hit.poll_before(cx)).await;
        poll_fn(|cx| hit.poll_after(cx)).await;
        match hit.effect() {
            Some(StepEffect::Error(make)) => return Err(make(step)),
            Some(StepEffect::Panic(message)) => injected_panic(message),
            Some(StepEffect::Hang) => poll_fn(|cx| hit.poll_hang(cx)).await,
            None => {}
        }
        Ok(())
    }

    /// [`pass`](Point::pass) for synchronous code: blocks the thread. Under a paused clock, which a blocked thread
    /// could not advance, delays are counted and not waited for.
    ///
    /// # Errors
    /// What an error rule made.
    #[inline]
    pub fn pass_blocking(&self, step: &T) -> std::result::Result<(), T::Error> {
        if self.is_off() { Ok(()) } else { self.pass_blocking_armed(step) }
    }

    // Out of line, so that a step stays a load and a branch while nothing is armed.
    #[cold]
    #[inline(never)]
    fn pass_blocking_armed(&self, step: &T) -> std::result::Result<(), T::Error> {
        let Some(mut hit) = self.decide(step, Abilities::ERROR) else { return Ok(()) };
        hit.wait_blocking();
        match hit.effect() {
            Some(StepEffect::Error(make)) => return Err(make(step)),
            Some(StepEffect::Panic(message)) => injected_panic(message),
            Some(StepEffect::Hang) => hit.hang_blocking(),
            None => {}
        }
        Ok(())
    }
}

#[allow(clippy::panic, reason = "the fault that was asked for")]
fn injected_panic(message: &str) -> ! {
    panic!("injected: {message}")
}

/// Delays the step.
pub fn latency<T: Step>(delay: Delay) -> Rule<T> {
    Rule::delay(delay)
}

/// Fails the step with what the closure makes.
pub fn error<T: Step>(make: impl Fn(&T) -> T::Error + Send + Sync + 'static) -> Rule<T> {
    Rule::effect(StepEffect::Error(Arc::new(make)))
}

/// Hangs the step until the rule is reverted; then it goes on.
pub fn hang<T: Step>() -> Rule<T> {
    Rule::effect(StepEffect::Hang)
}

/// Panics at the step.
pub fn panic<T: Step>(message: impl Into<String>) -> Rule<T> {
    Rule::effect(StepEffect::Panic(message.into()))
}
