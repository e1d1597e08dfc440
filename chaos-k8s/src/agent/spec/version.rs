//! [`Version`]: of the form of a spec. An agent reads its own and no other: the image is of the same release.

use chaos_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// The version of specs that is read and written here.
pub(super) const VERSION: u32 = 1;

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "u32", into = "u32")]
pub(super) struct Version;

impl TryFrom<u32> for Version {
    type Error = Error;
    fn try_from(version: u32) -> Result<Self> {
        match version {
            VERSION => Ok(Self),
            other => Err(Error::invalid(format!(
                "a spec of version {other}, and this agent reads version {VERSION}: use the agent's image of the same release"
            ))),
        }
    }
}

impl From<Version> for u32 {
    fn from(_: Version) -> Self {
        VERSION
    }
}
