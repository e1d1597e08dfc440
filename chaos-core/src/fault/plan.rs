//! [`Plan`]: what a fault would change at one target, and who takes it back.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::undo::{NoUndo, Undo};

/// What a fault would change at one target, and how it is put back. Made by
/// [`Fault::prepare`](super::Fault::prepare), which touches nothing.
#[derive(Debug)]
#[must_use = "a plan does nothing until it is approved and injected"]
pub struct Plan<U> {
    pub(crate) change: String,
    pub(crate) undo: U,
    pub(crate) owner: Owner,
    pub(crate) reversible: bool,
}

impl<U: Undo> Plan<U> {
    /// A plan that `undo` takes back. `change` is one line for the reader of the plan: "puts timeout=1 into app.conf".
    ///
    /// The owner of the undo is [`Owner::Sweep`] until [`owned_by`](Plan::owned_by) names a better one.
    pub fn reversible(change: impl Into<String>, undo: U) -> Self {
        Self { change: change.into(), undo, owner: Owner::Sweep, reversible: true }
    }

    /// Names who takes the fault back if this process dies.
    pub fn owned_by(mut self, owner: Owner) -> Self {
        self.owner = owner;
        self
    }

    /// What would change, in one line.
    pub fn change(&self) -> &str {
        &self.change
    }

    /// The undo.
    pub fn undo(&self) -> &U {
        &self.undo
    }

    /// Who takes the fault back if this process dies.
    pub fn owner(&self) -> Owner {
        self.owner
    }

    /// Whether the fault can be taken back at all.
    pub fn is_reversible(&self) -> bool {
        self.reversible
    }
}

impl Plan<NoUndo> {
    /// A plan for a fault that cannot be undone (a kill, an eviction): the plan and the report name it as such.
    pub fn irreversible(change: impl Into<String>) -> Self {
        Self { change: change.into(), undo: NoUndo, owner: Owner::Nobody, reversible: false }
    }
}

/// Who takes a fault back when the process that injected it dies; the highest that holds is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Owner {
    /// The effect lives in this process and dies with it; it is not in the ledger.
    Process,
    /// A descriptor, socket or namespace whose end the kernel follows at once.
    Kernel,
    /// A sibling process armed before the inject, woken by the end of a pipe or a deadline.
    Guardian,
    /// The clock of an agent near the target, or of a guardian inside the cluster.
    Deadline,
    /// The platform's own limit on the agent.
    Platform,
    /// The ledger, read by the next start.
    Sweep,
    /// Nobody: the fault cannot be undone.
    Nobody,
}

impl Owner {
    /// Whether the undo must be in the ledger before the first effect.
    pub fn is_journaled(self) -> bool {
        !matches!(self, Self::Process | Self::Nobody)
    }
}

impl fmt::Display for Owner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Process => "process",
            Self::Kernel => "kernel",
            Self::Guardian => "guardian",
            Self::Deadline => "deadline",
            Self::Platform => "platform",
            Self::Sweep => "sweep",
            Self::Nobody => "nobody (cannot be undone)",
        })
    }
}

/// What a look at the world says of a fault.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observed {
    pub(crate) in_force: bool,
    pub(crate) detail: String,
}

impl Observed {
    /// The fault was seen to be in force; `detail` says what was seen.
    pub fn in_force(detail: impl Into<String>) -> Self {
        Self { in_force: true, detail: detail.into() }
    }

    /// The fault was not seen; `detail` says what was seen instead.
    pub fn absent(detail: impl Into<String>) -> Self {
        Self { in_force: false, detail: detail.into() }
    }

    /// Whether the fault was seen to be in force.
    pub fn is_in_force(&self) -> bool {
        self.in_force
    }

    /// What was seen.
    pub fn detail(&self) -> &str {
        &self.detail
    }
}
