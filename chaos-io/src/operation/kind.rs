//! [`IoKind`]: what kind of I/O an operation is.
//!
//! ```
//! use chaos_io::IoKind;
//! assert_eq!("read".parse::<IoKind>()?, IoKind::Read);
//! # Ok::<(), chaos_core::Error>(())
//! ```

use std::fmt;
use std::str::FromStr;

use chaos_core::Error;

macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident = $name:literal;)*) => {
        /// What kind of I/O an operation is. Grows with what can be wrapped.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum IoKind {
            $($(#[$doc])* $kind,)*
        }

        impl IoKind {
            /// The word for it, in plans, reports and rules from data: `"read"`.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$kind => $name,)* }
            }

            /// All there are.
            pub fn all() -> impl Iterator<Item = Self> {
                [$(Self::$kind,)*].into_iter()
            }
        }
    };
}

kinds! {
    /// A file is opened.
    Open = "open";
    /// A file is made and opened.
    Create = "create";
    /// Bytes are read.
    Read = "read";
    /// Bytes are written.
    Write = "write";
    /// What was written is pushed on to whatever is below.
    Flush = "flush";
    /// What was written is made to outlive a crash: fsync, fdatasync.
    Sync = "sync";
    /// The position changes.
    Seek = "seek";
    /// A file is closed, or the write side of a stream is shut down.
    Close = "close";
    /// A name is looked up, or attributes are read.
    Stat = "stat";
    /// Attributes change: mode, owner, times, length.
    SetAttr = "set_attr";
    /// A directory is listed.
    List = "list";
    /// A directory is made.
    MakeDir = "make_dir";
    /// A file or directory is removed.
    Remove = "remove";
    /// A file or directory gets another name.
    Rename = "rename";
    /// A link is made or read.
    Link = "link";
}

impl fmt::Display for IoKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for IoKind {
    type Err = Error;

    fn from_str(name: &str) -> Result<Self, Error> {
        Self::all().find(|kind| kind.name() == name).ok_or_else(|| {
            let names: Vec<_> = Self::all().map(Self::name).collect();
            Error::invalid(format!("i/o kind {name:?} is not one of {}", names.join(", ")))
        })
    }
}
