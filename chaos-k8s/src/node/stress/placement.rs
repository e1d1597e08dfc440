//! [`Placement`]: whose limits the stressors eat.

use std::fmt;

use chaos_core::{Error, Result, Target};
use serde::{Deserialize, Serialize};

use crate::node::Cgroup;
use crate::node::cgroup::Dirs;

/// Where the cgroup of the stressors lies, seen from the target.
///
/// | placement | eats |
/// |---|---|
/// | `Inside` | the target's limits: a container's own quota and memory; for [`Node::host`](crate::Node::host) the host's |
/// | `Beside` | the limits of what the target is in: the pod's, which has some only when every container has |
/// | `Host` | the host's; no container's |
/// | `Here` | the limits of [this program's own cgroup](crate::Node::own_cgroup), in which the stressors stay: no cgroup is made, and no right is needed |
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Placement {
    /// A child of the target's cgroup.
    #[default]
    Inside,
    /// A sibling of it.
    Beside,
    /// As high in the tree as we may make one.
    Host,
    /// No cgroup of ours: the stressors stay in this program's own.
    Here,
}

impl Placement {
    /// The cgroup in which ours is made.
    pub(super) fn parent(self, target: &Cgroup) -> Result<Dirs> {
        match self {
            Self::Host => target.hierarchies().highest(),
            Self::Inside if target.is_host() => target.hierarchies().highest(),
            Self::Inside => Ok(target.dirs().clone()),
            Self::Here if target.is_own() => Ok(target.dirs().clone()),
            Self::Here => Err(Error::invalid(format!(
                "stressors that stay here stress this program's own cgroup, not {}: say so with `own_cgroup()`",
                target.name()
            ))),
            Self::Beside => target.parent(),
        }
    }
}

impl fmt::Display for Placement {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Inside => "inside",
            Self::Beside => "beside",
            Self::Host => "on the host",
            Self::Here => "here",
        })
    }
}
