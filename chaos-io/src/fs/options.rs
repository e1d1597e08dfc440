//! [`OpenOptions`]: how a file is opened.

use std::fs;

/// How [`ChaosFs::open_with`](super::ChaosFs::open_with) opens a file: the flags of [`std::fs::OpenOptions`].
///
/// ```
/// use chaos_io::fs::OpenOptions;
/// let journal = OpenOptions::new().append(true).create(true);
/// # let _ = journal;
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[must_use]
pub struct OpenOptions {
    pub(super) read: bool,
    pub(super) write: bool,
    pub(super) append: bool,
    pub(super) truncate: bool,
    pub(super) create: bool,
    pub(super) create_new: bool,
}

impl OpenOptions {
    /// None yet: nothing can be opened so.
    pub const fn new() -> Self {
        Self { read: false, write: false, append: false, truncate: false, create: false, create_new: false }
    }

    /// For reading.
    pub const fn read(mut self, read: bool) -> Self {
        self.read = read;
        self
    }

    /// For writing.
    pub const fn write(mut self, write: bool) -> Self {
        self.write = write;
        self
    }

    /// For writing at the end, wherever that is by then.
    pub const fn append(mut self, append: bool) -> Self {
        self.append = append;
        self
    }

    /// What is there is cut to nothing. Needs [`write`](OpenOptions::write).
    pub const fn truncate(mut self, truncate: bool) -> Self {
        self.truncate = truncate;
        self
    }

    /// Made if it is not there. Needs [`write`](OpenOptions::write) or [`append`](OpenOptions::append).
    pub const fn create(mut self, create: bool) -> Self {
        self.create = create;
        self
    }

    /// Made, and must not be there yet.
    pub const fn create_new(mut self, create_new: bool) -> Self {
        self.create_new = create_new;
        self
    }

    pub(super) fn creates(self) -> bool {
        self.create || self.create_new
    }

    pub(super) fn writes(self) -> bool {
        self.write || self.append
    }

    pub(super) fn std(self) -> fs::OpenOptions {
        let mut options = fs::OpenOptions::new();
        options.read(self.read).write(self.write).append(self.append).truncate(self.truncate);
        options.create(self.create).create_new(self.create_new);
        options
    }
}
