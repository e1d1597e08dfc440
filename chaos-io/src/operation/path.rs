//! Matchers of paths.

use std::path::{Path, PathBuf};

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
    let ends = Ends::of(glob);
    Ok(Matcher::<Io>::new(format!("path {glob}"), move |call| {
        call.path.is_some_and(|path| ends.could_match(path) && pattern.matches_path_with(path, OPTIONS))
    }))
}

/// What every path that a glob matches begins and ends with: two comparisons tell most others from it, where the glob
/// itself looks at one character after the other.
#[derive(Debug)]
struct Ends {
    start: String,
    end: String,
}

impl Ends {
    fn of(glob: &str) -> Self {
        // On Windows a separator of the glob stands for two characters.
        if cfg!(windows) {
            return Self { start: String::new(), end: String::new() };
        }
        let start = glob.split(['*', '?', '[']).next().unwrap_or_default();
        // Without the last separator: in `**/name` it belongs to the stars and need not be there.
        let end = glob.rsplit(['*', '?', '[', ']', '/']).next().unwrap_or_default();
        Self { start: start.to_owned(), end: end.to_owned() }
    }

    #[inline]
    fn could_match(&self, path: &Path) -> bool {
        let path = path.as_os_str().as_encoded_bytes();
        path.starts_with(self.start.as_bytes()) && path.ends_with(self.end.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::operation::{IoCall, IoKind};

    /// Of few characters, so that globs and paths often agree.
    const GLOBS: &str = r"[ab/*?\[\]!.-]{1,8}|(a|b|/|\*\*/|/\*\*|\*|\?|\[ab\]|\[!a\]|\]){1,6}";
    const PATHS: &str = "[ab/.]{0,8}";

    proptest! {
        #[test]
        fn the_ends_never_refuse_what_the_glob_matches(glob in GLOBS, path in PATHS) {
            if let Ok(pattern) = Pattern::new(&glob) {
                let path = Path::new(&path);
                let call = IoCall::new(IoKind::Read).on(path);
                let matched = pattern.matches_path_with(path, OPTIONS);
                prop_assert_eq!(path_glob(&glob).unwrap().matches(call), matched);
            }
        }
    }

    #[test]
    fn the_ends_tell_most_paths_from_those_that_match() {
        let ends = Ends::of("/mnt/shop/wal/*.log");
        assert!(ends.could_match(Path::new("/mnt/shop/wal/7.log")));
        assert!(!ends.could_match(Path::new("/mnt/shop/data/7.log")));
        assert!(!ends.could_match(Path::new("/mnt/shop/wal/7")));
        assert!(Ends::of("**/name").could_match(Path::new("name")));
    }
}
