//! Matchers of paths: exact, by prefix, by regular expression. Paths are compared as they are on the wire, with their
//! percent-encoding and without the query.

use chaos_core::{Error, Matcher, Result};

use crate::exchange::Http;

/// Requests for exactly this path: `"/charge"`.
///
/// # Errors
/// A path that is empty, does not start with `/`, or has a query.
pub fn path(path: &str) -> Result<Matcher<Http>> {
    let path = valid(path)?;
    Ok(Matcher::<Http>::new(format!("path {path}"), move |call| call.path() == path))
}

/// Requests for this path and all below it, by whole segments: `"/api"` is `/api` and `/api/x`, and not `/apis`.
///
/// # Errors
/// A path that is empty, does not start with `/`, or has a query.
pub fn path_prefix(prefix: &str) -> Result<Matcher<Http>> {
    let prefix = valid(prefix)?;
    let description = format!("path below {prefix}");
    Ok(Matcher::<Http>::new(description, move |call| {
        call.path()
            .strip_prefix(prefix.as_str())
            .is_some_and(|rest| rest.is_empty() || rest.starts_with('/') || prefix.ends_with('/'))
    }))
}

/// Requests for paths in which this regular expression is found; `^` and `$` tie it to the ends. The syntax is that of
/// crate `regex`, which runs in linear time.
///
/// # Errors
/// What is no regular expression, or is empty.
#[cfg(feature = "regex")]
#[cfg_attr(docsrs, doc(cfg(feature = "regex")))]
pub fn path_regex(expression: &str) -> Result<Matcher<Http>> {
    if expression.is_empty() {
        return Err(Error::invalid("an empty regular expression is every path: leave the matcher out"));
    }
    let regex = regex::Regex::new(expression).map_err(|err| {
        Error::invalid(format!("{expression:?} is not a regular expression: see the cause")).with_source(err)
    })?;
    Ok(Matcher::<Http>::new(format!("path ~ {expression}"), move |call| regex.is_match(call.path())))
}

pub(super) fn valid(path: &str) -> Result<String> {
    if !path.starts_with('/') {
        return Err(Error::invalid(format!("path {path:?} does not start with /: no request would match")));
    }
    if path.contains(['?', '#']) {
        return Err(Error::invalid(format!(
            "path {path:?} has a query or fragment, which paths are matched without: use `request::query`"
        )));
    }
    Ok(path.to_owned())
}
