//! Matchers of everything but paths: method, host, headers, query, closures.

use chaos_core::{Error, Matcher, Result};
use http::Method;

use crate::exchange::{Http, HttpCall, header_name, header_value};

/// Requests with this method: `"POST"`.
///
/// # Errors
/// What is no method, or one in lower case, which no request would match.
pub fn method(method: &str) -> Result<Matcher<Http>> {
    let known = Method::from_bytes(method.as_bytes())
        .map_err(|err| Error::invalid(format!("{method:?} is not a method")).with_source(err))?;
    if method.bytes().any(|byte| byte.is_ascii_lowercase()) {
        return Err(Error::invalid(format!(
            "method {method:?} is not in capitals, as methods are: use {:?}",
            method.to_ascii_uppercase()
        )));
    }
    Ok(Matcher::<Http>::new(format!("method {known}"), move |call| *call.method == known))
}

/// Requests to this host, without a port and in any case; the target's host or the `host` header's.
///
/// # Errors
/// An empty host, or one with a port or a scheme.
pub fn host(host: &str) -> Result<Matcher<Http>> {
    let is_address_v6 = host.starts_with('[') && host.ends_with(']');
    if host.is_empty() || host.contains('/') || (host.contains(':') && !is_address_v6) {
        return Err(Error::invalid(format!(
            "{host:?} is not a host: use a name or an address, without a scheme or a port"
        )));
    }
    let host = host.to_owned();
    Ok(Matcher::<Http>::new(format!("host {host}"), move |call| {
        call.host().is_some_and(|other| other.eq_ignore_ascii_case(&host))
    }))
}

/// Requests that have this header with this value, among others or alone.
///
/// # Errors
/// What is no header name or value.
pub fn header(name: &str, value: &str) -> Result<Matcher<Http>> {
    let (key, value) = (header_name(name)?, header_value(name, value)?);
    // The value stays out of descriptions: it may be a secret.
    Ok(Matcher::<Http>::new(format!("header {key}"), move |call| {
        call.headers.get_all(&key).iter().any(|other| other == value)
    }))
}

/// Requests that have this header, whatever its value.
///
/// # Errors
/// What is no header name.
pub fn header_exists(name: &str) -> Result<Matcher<Http>> {
    let key = header_name(name)?;
    Ok(Matcher::<Http>::new(format!("any header {key}"), move |call| call.headers.contains_key(&key)))
}

/// Requests that carry a mark: `marked("x-chaos", "alice")` limits a fault to one tester's traffic in a system that
/// others use too. The same as [`header`], by the name of its use.
///
/// # Errors
/// What is no header name or value.
pub fn marked(name: &str, value: &str) -> Result<Matcher<Http>> {
    header(name, value)
}

/// Requests whose query has this pair, decoded: `query("full", "1")` is `?full=1`.
///
/// # Errors
/// An empty key.
pub fn query(key: &str, value: &str) -> Result<Matcher<Http>> {
    if key.is_empty() {
        return Err(Error::invalid("a query pair needs a key that is not empty"));
    }
    let (key, value) = (key.to_owned(), value.to_owned());
    Ok(Matcher::<Http>::new(format!("query {key}={value}"), move |call| {
        call.query().any(|(k, v)| k == key && v == value)
    }))
}

/// Requests for which the closure says so.
///
/// ```
/// use chaos_net::request;
/// let large = request::matching(|call| call.header("content-length").is_some_and(|length| length.len() > 6));
/// let _rule = request::status(413)?.when(large);
/// # Ok::<(), chaos_core::Error>(())
/// ```
pub fn matching(test: impl for<'a> Fn(HttpCall<'a>) -> bool + Send + Sync + 'static) -> Matcher<Http> {
    Matcher::<Http>::new("closure", test)
}
