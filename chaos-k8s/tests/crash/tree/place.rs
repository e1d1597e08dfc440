//! [`Place`]: a moment in the life of a process, by the calls that change the world.

use std::fmt;
use std::fs;

use crate::calls::Call;

/// What a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Role {
    /// The first: the injector, or a sweep.
    First,
    Guardian,
    Stressor,
    Tracer,
    /// Between fork and exec.
    Child,
}

impl Role {
    /// As the program was started that runs in it.
    pub(super) fn of(pid: i32) -> Self {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        let last = line.split(|byte| *byte == 0).rfind(|word| !word.is_empty()).unwrap_or_default();
        let roles = [
            ("--chaos-guardian", Self::Guardian),
            ("--chaos-stressor", Self::Stressor),
            ("--chaos-tracer", Self::Tracer),
        ];
        let role = roles.into_iter().find(|(word, _)| last.starts_with(word.as_bytes()));
        role.map_or(Self::Child, |(_, role)| role)
    }
}

/// A moment in the life of a process: its so manieth call, by the order in which the processes were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) process: usize,
    pub(crate) nth: usize,
    pub(crate) after: bool,
}

/// A call that was seen.
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) process: usize,
    pub(crate) nth: usize,
    pub(crate) role: Role,
    pub(crate) call: Call,
    /// A guardian was there.
    pub(crate) guarded: bool,
    /// The first process was dead.
    pub(crate) orphaned: bool,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "call {} of {:?} {}, {}", self.nth, self.role, self.process, self.call)
    }
}
