//! [`Attributes`]: what a file says of itself, and is not.

use std::fmt;
use std::time::SystemTime;

use chaos_core::{Error, Result, Rule};

use super::{Effect, rule};
use crate::operation::Io;

/// Attributes that a mount answers in the place of a file's own; those that are not given stay the file's.
///
/// ```
/// use chaos_io::{Attributes, attributes, path_glob};
/// let _empty = attributes(Attributes::new().size(0))?.when(path_glob("**/*.wal")?);
/// assert!(attributes(Attributes::new()).unwrap_err().is_invalid());
/// assert!(Attributes::new().mode(0o10_0644).is_err());
/// # Ok::<(), chaos_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[must_use]
pub struct Attributes {
    size: Option<u64>,
    mode: Option<u16>,
    owner: Option<(u32, u32)>,
    links: Option<u32>,
    modified: Option<SystemTime>,
}

/// Looks at attributes, by name or by open file, find these. The file is not changed: other requests see it as it is.
/// For mounts; the wrappers have no attributes to change.
///
/// # Errors
/// No attribute given.
pub fn attributes(attributes: Attributes) -> Result<Rule<Io>> {
    if attributes == Attributes::default() {
        return Err(Error::invalid(
            "no attribute is given to answer: name a size, a mode, an owner, links or a time",
        ));
    }
    Ok(rule(Effect::Attributes(attributes)))
}

impl Attributes {
    /// None yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The length, in bytes.
    pub fn size(mut self, bytes: u64) -> Self {
        self.size = Some(bytes);
        self
    }

    /// The permissions, 0 to `0o7777`.
    ///
    /// # Errors
    /// Out of range: the kind of a file cannot be changed.
    pub fn mode(mut self, mode: u32) -> Result<Self> {
        let valid = u16::try_from(mode).ok().filter(|mode| *mode <= 0o7777);
        self.mode =
            Some(valid.ok_or_else(|| Error::invalid(format!("mode {mode:#o} is not in 0..=0o7777")))?);
        Ok(self)
    }

    /// The user and the group.
    pub fn owner(mut self, uid: u32, gid: u32) -> Self {
        self.owner = Some((uid, gid));
        self
    }

    /// The number of names.
    pub fn links(mut self, links: u32) -> Self {
        self.links = Some(links);
        self
    }

    /// When the file changed last.
    pub fn modified(mut self, at: SystemTime) -> Self {
        self.modified = Some(at);
        self
    }

    pub(crate) fn over(&self, found: fuser::FileAttr) -> fuser::FileAttr {
        fuser::FileAttr {
            size: self.size.unwrap_or(found.size),
            perm: self.mode.unwrap_or(found.perm),
            uid: self.owner.map_or(found.uid, |(uid, _)| uid),
            gid: self.owner.map_or(found.gid, |(_, gid)| gid),
            nlink: self.links.unwrap_or(found.nlink),
            mtime: self.modified.unwrap_or(found.mtime),
            ..found
        }
    }
}

impl fmt::Display for Attributes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("attributes:")?;
        if let Some(size) = self.size {
            write!(f, " size {size}")?;
        }
        if let Some(mode) = self.mode {
            write!(f, " mode {mode:04o}")?;
        }
        if let Some((uid, gid)) = self.owner {
            write!(f, " owner {uid}:{gid}")?;
        }
        if let Some(links) = self.links {
            write!(f, " links {links}")?;
        }
        if let Some(modified) = self.modified {
            let since = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
            write!(f, " modified at {}", since.as_secs())?;
        }
        Ok(())
    }
}
