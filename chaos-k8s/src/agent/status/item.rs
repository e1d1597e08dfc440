//! [`ItemStatus`]: how far one item got.

use chaos_core::Owner;
use serde::{Deserialize, Serialize};

/// A word on one item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct ItemStatus {
    /// Its place in the spec, from 0.
    pub number: u32,
    /// How far it got.
    #[serde(flatten)]
    pub state: ItemState,
}

/// How far an item got.
///
/// ```text
/// prepared -> in force <-> absent -> reverted
///    |           |                      |
///    +-----------+-----> failed         +--> left
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum ItemState {
    /// It was looked at, and nothing touched.
    Prepared {
        /// The target's identity, which another of the same address does not have: `net:[4026532289]`.
        target: String,
        /// The plan's line.
        plan: String,
        /// Who takes it back if the agent's process dies.
        owner: Owner,
    },
    /// It was injected, and seen.
    InForce {
        /// What was seen.
        detail: String,
    },
    /// It was injected, and is not seen any more.
    Absent {
        /// What was seen instead.
        detail: String,
    },
    /// It was taken back, and seen to be gone.
    Reverted {
        /// What was seen at the last look before.
        detail: String,
    },
    /// It did not come into force, and nothing of it is there.
    Failed {
        /// Why, with all causes.
        error: String,
    },
    /// It could not be taken back.
    Left {
        /// Why, with all causes.
        error: String,
    },
    /// Nothing was done: it was done before a restart, the time for starting was over, or the end came first.
    Skipped {
        /// Why.
        why: String,
    },
}

impl ItemState {
    /// Whether it is over with the item.
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Reverted { .. } | Self::Failed { .. } | Self::Left { .. } | Self::Skipped { .. })
    }
}
