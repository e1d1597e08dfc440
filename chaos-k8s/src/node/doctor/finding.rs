//! [`Finding`]: one thing that was looked at.

use std::fmt;

/// What was found of one thing.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum State {
    /// It was tried and works, or was seen.
    Works,
    /// It does not; in the kernel's own words, where it has some.
    Missing {
        /// What was said or seen.
        because: String,
    },
    /// It could not be looked at.
    NotLookedAt {
        /// What stands in the way.
        because: String,
    },
}

/// One thing that was looked at: whether it works, what brings it, and what works without it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub(super) group: &'static str,
    pub(super) name: &'static str,
    pub(super) what_for: &'static str,
    pub(super) brought_by: &'static str,
    pub(super) without: &'static str,
    pub(super) state: State,
}

impl Finding {
    /// Whether it works.
    pub fn works(&self) -> bool {
        self.state == State::Works
    }

    /// Its name: `"netem"`.
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// What it belongs to: `"network"`.
    pub fn group(&self) -> &'static str {
        self.group
    }

    /// What it is needed for.
    pub fn what_for(&self) -> &'static str {
        self.what_for
    }

    /// The right, module or kernel that brings it.
    pub fn brought_by(&self) -> &'static str {
        self.brought_by
    }

    /// What works without it.
    pub fn without(&self) -> &'static str {
        self.without
    }

    /// What was found.
    pub fn state(&self) -> &State {
        &self.state
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (mark, because) = match &self.state {
            State::Works => ("works  ", None),
            State::Missing { because } => ("missing", Some(because)),
            State::NotLookedAt { because } => ("unknown", Some(because)),
        };
        write!(f, "{mark}  {:<16} {}", self.name, self.what_for)?;
        let Some(because) = because else { return Ok(()) };
        let indent = " ".repeat(28);
        write!(
            f,
            "\n{indent}{because}\n{indent}brought by {}\n{indent}without it: {}",
            self.brought_by, self.without
        )
    }
}
