//! Rules for what comes back: the service is called, and its response comes late, changed, or not at all.
//!
//! ```
//! use chaos_core::{Delay, units::ms};
//! use chaos_net::{InjectedKind, request, response};
//! // The charge is made and its confirmation is lost: does the caller charge again?
//! let _twice = response::lost(InjectedKind::Reset).when(request::path("/charge")?).first(1)?;
//! let _late = response::latency(Delay::fixed(ms(80)));
//! let _stale = response::replace_header("age", "86400")?;
//! # Ok::<(), chaos_core::Error>(())
//! ```

use chaos_core::{Delay, Result, Rule};

use crate::exchange::{Effect, HeaderEdit, Http, HttpEffect, status_code};
use crate::injected::InjectedKind;

/// Delays responses: the request is served in time, the answer comes late. The body is not delayed; see
/// [`body::slow`](crate::body::slow).
pub fn latency(delay: Delay) -> Rule<Http> {
    Rule::delay_after(delay)
}

/// Puts another status in the place of the response's; headers and body stay.
///
/// # Errors
/// A code that is not in 200..=999.
pub fn status(code: u16) -> Result<Rule<Http>> {
    Ok(rule(Effect::ResponseStatus(status_code(code)?)))
}

/// Changes several headers.
pub fn headers(edit: HeaderEdit) -> Rule<Http> {
    rule(Effect::ResponseHeaders(edit))
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

/// Calls the service, drops its response and answers with an error: it was done and the caller does not know.
///
/// The layer needs a way to make the caller's error, as for [`request::error`](crate::request::error).
pub fn lost(error: InjectedKind) -> Rule<Http> {
    rule(Effect::LoseResponse(error))
}

/// Calls the service and keeps its response until the rule is reverted: it was done and the caller waits.
pub fn hang() -> Rule<Http> {
    rule(Effect::HangResponse)
}

fn rule(effect: Effect) -> Rule<Http> {
    Rule::effect(HttpEffect(effect))
}
