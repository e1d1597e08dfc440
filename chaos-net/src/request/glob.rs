//! Matching paths by glob.

use chaos_core::{Error, Matcher, Result};
use glob::{MatchOptions, Pattern};

use crate::exchange::Http;

const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// Requests for paths that this glob matches as a whole.
///
/// `*` stands for any characters within a segment, `?` for one, `[ab]` for one of these; `**` as a segment of its own
/// stands for any number of segments.
///
/// ```
/// use chaos_net::{HttpCall, request};
/// let carts = request::path_glob("/users/*/cart/**")?;
/// let matches = |path: &str| http::Request::get(path).body(()).is_ok_and(|request| carts.matches(HttpCall::of(&request)));
/// assert!(matches("/users/7/cart/items/3"));
/// assert!(!matches("/users/7/8/cart/items"));
/// # Ok::<(), chaos_core::Error>(())
/// ```
///
/// # Errors
/// A glob that is empty, does not start with `/` or `*`, or is no glob.
pub fn path_glob(glob: &str) -> Result<Matcher<Http>> {
    if !glob.starts_with(['/', '*']) {
        return Err(Error::invalid(format!(
            "path glob {glob:?} does not start with / or *: no request would match"
        )));
    }
    let pattern = Pattern::new(glob).map_err(|err| {
        Error::invalid(format!("{glob:?} is not a glob at character {}: {}", err.pos, err.msg))
            .with_source(err)
    })?;
    Ok(Matcher::<Http>::new(format!("path {glob}"), move |call| pattern.matches_with(call.path(), OPTIONS)))
}
