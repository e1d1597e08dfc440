//! Rules for what goes out, and the matchers that say which requests a rule is about.
//!
//! ```
//! use chaos_core::{Delay, units::ms};
//! use chaos_net::{Answer, InjectedKind, request};
//! let charges = request::method("POST")? & request::path_prefix("/charge")?;
//! let _slow = request::latency(Delay::fixed(ms(300))).when(charges.clone()).probability(0.3)?;
//! let _busy = request::answer(Answer::status(503)?.header("retry-after", "2")?).when(charges & !request::host("eu.test")?);
//! let _down = request::error(InjectedKind::Refused).nth("2..10+2")?;
//! // Only one tester's traffic, in a system that others use too.
//! let _mine = request::hang().when(request::marked("x-chaos", "alice")?);
//! # Ok::<(), chaos_core::Error>(())
//! ```

mod glob;
mod matcher;
mod path;

#[cfg(test)]
mod tests;

use chaos_core::{Delay, Result, Rule};

use crate::exchange::{Answer, Effect, HeaderEdit, Http, HttpEffect};
use crate::injected::InjectedKind;

pub use glob::path_glob;
pub use matcher::{header, header_exists, host, marked, matching, method, query};
#[cfg(feature = "regex")]
pub use path::path_regex;
pub use path::{path, path_prefix};

/// Delays requests: the service sees them late.
pub fn latency(delay: Delay) -> Rule<Http> {
    Rule::delay(delay)
}

/// Answers with a bare status; the service is not called. [`answer`] says more.
///
/// # Errors
/// A code that is not in 200..=999.
pub fn status(code: u16) -> Result<Rule<Http>> {
    Ok(answer(Answer::status(code)?))
}

/// Answers with a status, headers and a body; the service is not called.
pub fn answer(answer: Answer) -> Rule<Http> {
    rule(Effect::Answer(answer))
}

/// Answers with an error, as a connection that fails does; the service is not called.
///
/// The layer needs a way to make the caller's error: [`ChaosLayer::error_from`](crate::ChaosLayer::error_from) or
/// [`ChaosLayer::error_with`](crate::ChaosLayer::error_with). At a point whose layers have none, arming this is refused.
pub fn error(kind: InjectedKind) -> Rule<Http> {
    rule(Effect::Error(kind))
}

/// Hangs requests until the rule is reverted; then the service is called.
pub fn hang() -> Rule<Http> {
    rule(Effect::Hang)
}

/// Panics in the caller's task, where it polls; the message is `injected: {message}`.
pub fn panic(message: impl Into<String>) -> Rule<Http> {
    rule(Effect::Panic(message.into()))
}

/// Changes several headers before the service is called.
pub fn headers(edit: HeaderEdit) -> Rule<Http> {
    rule(Effect::RequestHeaders(edit))
}

/// Adds a header value beside those that are there.
///
/// # Errors
/// What is no header name or value.
pub fn add_header(name: &str, value: &str) -> Result<Rule<Http>> {
    Ok(headers(HeaderEdit::new().add(name, value)?))
}

/// Puts a header value in the place of those that are there, or where there is none.
///
/// # Errors
/// What is no header name or value.
pub fn replace_header(name: &str, value: &str) -> Result<Rule<Http>> {
    Ok(headers(HeaderEdit::new().replace(name, value)?))
}

/// Removes all values of a header.
///
/// # Errors
/// What is no header name.
pub fn remove_header(name: &str) -> Result<Rule<Http>> {
    Ok(headers(HeaderEdit::new().remove(name)?))
}

fn rule(effect: Effect) -> Rule<Http> {
    Rule::effect(HttpEffect(effect))
}
