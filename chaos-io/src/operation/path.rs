//! Matchers of paths.

use std::path::PathBuf;

use chaos_core::{Error, Matcher, Result};
use glob::{MatchOptions, Pattern};

use super::Io;

const OPTIONS: MatchOptions = MatchOptions {
    case_sensitive: true,
    require_literal_separator: true,
    require_literal_leading_dot: false,
};

/// Operations on exactly this path. What has no path does not match: see
/// [`ChaosReader::named`](crate::ChaosReader::named).
///
/// # Errors
/// An empty path.
pub fn path(path: impl Into<PathBuf>) -> Result<Matcher<Io>> {
    let path = path.into();
    if path.as_os_str().is_empty() {
        return Err(Error::invalid("an empty path is no file: name one, or leave the matcher out"));
    }
    Ok(Matcher::<Io>::new(format!("path {}", path.display()), move |call| {
        call.path.is_some_and(|other| other == path)
    }))
}

/// Operations on paths that this glob matches as a whole.
///
/// `*` stands for any characters within a segment, `?` for one, `[ab]` for one of these; `**` as a segment of its own
/// stands for any number of segments. What has no path does not match.
///
/// ```
/// use chaos_io::{IoCall, IoKind, path_glob};
/// use std::path::Path;
/// let logs = path_glob("/var/**/*.log")?;
/// assert!(logs.matches(IoCall::new(IoKind::Write).on(Path::new("/var/db/1/redo.log"))));
/// assert!(!logs.matches(IoCall::new(IoKind::Write).on(Path::new("/var/db/1/data"))));
/// assert!(path_glob("[").unwrap_err().is_invalid());
/// # Ok::<(), chaos_core::Error>(())
/// ```
///
/// # Errors
/// A glob that is empty, or is no glob.
pub fn path_glob(glob: &str) -> Result<Matcher<Io>> {
    if glob.is_empty() {
        return Err(Error::invalid("an empty path glob matches nothing: use \"**\" for every path"));
    }
    let pattern = Pattern::new(glob).map_err(|err| {
        Error::invalid(format!("{glob:?} is not a glob at character {}: {}", err.pos, err.msg))
            .with_source(err)
    })?;
    Ok(Matcher::<Io>::new(format!("path {glob}"), move |call| {
        call.path.is_some_and(|path| pattern.matches_path_with(path, OPTIONS))
    }))
}
