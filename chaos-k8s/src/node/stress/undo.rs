//! [`StressUndo`]: ends what is in a cgroup of ours and removes it, whoever made it and whether that still lives.

use chaos_core::{Result, Undo};
use serde::{Deserialize, Serialize};

use crate::node::Node;
use crate::node::cgroup::Own;

/// The undo of [`Stress`](super::Stress): the cgroup of the stressors, under a name that no other run has. It needs no pids:
/// a stressor joins that cgroup before it takes anything, and until then it dies with its injector's pipe.
///
/// [`Node::undos`] has it registered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StressUndo {
    pub(super) cgroup: Own,
}

impl Undo for StressUndo {
    const KIND: &'static str = "chaos-k8s/stress/1";
    type Via = Node;

    async fn revert(&self, node: &Node) -> Result<()> {
        let clock = node.chaos().clock();
        let ended = node.crews().end(&self.cgroup, clock).await;
        self.cgroup.end(clock).await?;
        ended
    }

    async fn is_gone(&self, node: &Node) -> Result<bool> {
        Ok(self.cgroup.is_gone() && node.crews().of(&self.cgroup).is_none())
    }
}
