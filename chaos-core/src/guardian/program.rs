//! [`Guardian`]: which program guards, and for how long beyond the fault.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::child;
use crate::units::secs;

/// What may be armed: the program that becomes the guardian, and its limits. A value to clone and hand out; no process
/// runs until something is [armed](Guardian::arm).
///
/// ```
/// use chaos_core::{Guardian, units::secs};
/// let guardian = Guardian::of_program("/usr/lib/shop/chaos-guardian").margin(secs(5));
/// assert_eq!(guardian.program().to_str(), Some("/usr/lib/shop/chaos-guardian"));
/// ```
#[derive(Debug, Clone)]
#[must_use = "a guardian watches nothing until it is armed or given to an injection"]
pub struct Guardian {
    pub(super) program: PathBuf,
    pub(super) args: Vec<OsString>,
    pub(super) log: Option<PathBuf>,
    pub(super) limit: Duration,
    pub(crate) margin: Duration,
    pub(super) ends_injector: bool,
    /// The first process, when this one runs below it.
    #[cfg(target_os = "linux")]
    pub(super) first: Option<std::sync::Arc<super::within::Control>>,
}

impl Guardian {
    /// How long a process may take to say that it is a guardian, and to take over the undos: 10 s.
    pub const START: Duration = secs(10);

    /// How long one revert may take in the guardian, and one look after it, unless said otherwise: 10 s.
    pub const LIMIT: Duration = secs(10);

    /// How long after the end of its fault a guardian acts that was not told that all is put back, unless said
    /// otherwise: 10 s.
    pub const MARGIN: Duration = secs(10);

    /// This program, as it runs: what [`run_if_asked`](super::run_if_asked) returns.
    pub(super) fn of_this_program() -> Self {
        Self::of_program(child::this_program())
    }

    /// Another program, whose `main` begins with [`run_if_asked`](super::run_if_asked) and whose undos are those of
    /// this one: for a host that cannot change its own `main`.
    pub fn of_program(path: impl AsRef<Path>) -> Self {
        Self {
            program: path.as_ref().to_owned(),
            args: Vec::new(),
            log: None,
            limit: Self::LIMIT,
            margin: Self::MARGIN,
            ends_injector: false,
            #[cfg(target_os = "linux")]
            first: None,
        }
    }

    /// The first process, which is this program's parent.
    #[cfg(target_os = "linux")]
    pub(super) fn within(control: super::within::Control) -> Self {
        Self { first: Some(std::sync::Arc::new(control)), ..Self::of_this_program() }
    }

    /// Arguments that the program needs to get to its line.
    pub fn args(mut self, args: impl IntoIterator<Item = impl Into<OsString>>) -> Self {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Where the guardian writes what it does: a line per event, at the end of this file. Without it nothing is
    /// written.
    pub fn log(mut self, path: impl AsRef<Path>) -> Self {
        self.log = Some(path.as_ref().to_owned());
        self
    }

    /// How long one revert may take in the guardian, and one look after it.
    pub fn limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// How long after the end of its fault it acts, when it was not told that all is put back.
    pub fn margin(mut self, margin: Duration) -> Self {
        self.margin = margin;
        self
    }

    /// Past its deadline it kills the injector first, which is stopped or hangs: what the kernel owns ends with it, and that
    /// nobody else can take back. For a program that is there for its faults and nothing else.
    ///
    /// Only [as the first process](Guardian::is_first_process), whose child the injector is; a sibling does not.
    pub fn ends_its_injector(mut self) -> Self {
        self.ends_injector = true;
        self
    }

    /// Whether it is the first process of the container, with this one as its child.
    pub fn is_first_process(&self) -> bool {
        #[cfg(target_os = "linux")]
        return self.first.is_some();
        #[cfg(not(target_os = "linux"))]
        return false;
    }

    /// The program.
    pub fn program(&self) -> &Path {
        &self.program
    }
}
