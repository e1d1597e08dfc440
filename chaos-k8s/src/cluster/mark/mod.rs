//! What our faults write on objects: who has hold of what, until when, and what was found.
//!
//! `kubectl get pods -A -l chaos-sdk.dev/under-fault` shows what is under fault; the annotation says by what. It is written
//! in the same request as the effect, under the version that was read, so two runs never lose each other's marks.

mod claim;
mod deadline;
mod field;
mod held;
mod undo;

use std::future::Future;

use chaos_core::Result;
use chaos_core::ledger::RunId;

pub(crate) use claim::Grip;
pub(crate) use deadline::Deadline;
pub(crate) use field::Field;
pub(crate) use held::{Claim, Fields, Held};
pub use undo::Release;

/// A revert of the fault with this claim, by way of the guardian pod that watches over it, if this process has made one.
pub(crate) async fn reverted(
    cluster: &super::Cluster,
    claim: RunId,
    revert: impl Future<Output = Result<()>>,
) -> Result<()> {
    #[cfg(all(feature = "agents", target_os = "linux"))]
    return cluster.guardians().reverted(claim, revert).await;
    #[cfg(not(all(feature = "agents", target_os = "linux")))]
    {
        let _ = (cluster, claim);
        revert.await
    }
}

/// On everything that a fault changed or made, while it is in force.
pub(crate) const UNDER_FAULT: &str = "chaos-sdk.dev/under-fault";
/// The faults that have hold of an object, as data.
pub(crate) const FAULTS: &str = "chaos-sdk.dev/faults";
/// On what a run made, with its name.
pub(crate) const RUN: &str = "chaos-sdk.dev/run";
/// On pods, nodes and workloads: whether they may be hit.
pub(crate) const ALLOW: &str = "chaos-sdk.dev/allow";
/// On what works for us: agents and guardians.
pub(crate) const AGENT: &str = "chaos-sdk.dev/agent";
/// On an object for a moment, with the claim that is not to come any more: see [`Grip::release`].
pub(crate) const FENCE: &str = "chaos-sdk.dev/fence";
