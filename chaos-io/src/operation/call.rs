//! [`IoCall`]: what matchers see of one operation.

use std::path::Path;

use super::IoKind;

/// What matchers see of one operation.
///
/// ```
/// use chaos_io::{IoCall, IoKind, offset};
/// let header = offset(..512)?;
/// assert!(header.matches(IoCall::new(IoKind::Read).at(500).of_len(64)));
/// assert!(!header.matches(IoCall::new(IoKind::Read).at(512).of_len(64)));
/// assert!(!header.matches(IoCall::new(IoKind::Flush)));
/// # Ok::<(), chaos_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct IoCall<'a> {
    /// What is done.
    pub kind: IoKind,
    /// Where it begins, in bytes from the start of the file or stream; `None` for what has no place (a flush, a stat).
    pub offset: Option<u64>,
    /// How many bytes it is about: the room in a reader's buffer, the bytes given to a writer; 0 for everything else, and
    /// for a `fill_buf`, where nobody says.
    pub len: usize,
    /// The file's path, where there is one: what a wrapper was named, a path in a mount.
    pub path: Option<&'a Path>,
}

impl<'a> IoCall<'a> {
    /// An operation of this kind, without place, length or path.
    #[inline]
    pub const fn new(kind: IoKind) -> Self {
        Self { kind, offset: None, len: 0, path: None }
    }

    /// Beginning at this byte.
    #[inline]
    pub const fn at(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }

    /// About so many bytes.
    #[inline]
    pub const fn of_len(mut self, len: usize) -> Self {
        self.len = len;
        self
    }

    /// On the file of this path.
    #[inline]
    pub const fn on(mut self, path: &'a Path) -> Self {
        self.path = Some(path);
        self
    }
}
