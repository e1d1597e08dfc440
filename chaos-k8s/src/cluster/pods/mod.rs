//! Faults on pods, through the API alone.

mod evict;
mod fail;
mod isolate;
mod kill;
mod leave;
mod policy;

pub use evict::{Evict, evict};
pub use fail::{Fail, fail};
pub(crate) use isolate::remove;
pub use isolate::{Enforced, Isolate, Rejoin, isolate};
pub use kill::{Kill, kill};
pub use leave::{LeaveService, leave_service};

use super::Pod;
use super::api::Kind;
use super::rights::Place;

/// Where a fault on `pod` acts.
fn place(pod: &Pod) -> Place<'_> {
    Place::new(Kind::POD, Some(pod.namespace()))
}

/// What comes after a pod that is taken away.
fn successor(pod: &Pod) -> String {
    match pod.controller() {
        Some(controller) => format!("{} {} makes another", controller.kind, controller.name),
        None => "it has no controller: nothing makes another".to_owned(),
    }
}

/// Whether an API object of a pod says that it goes, or is gone.
async fn look_for_end(pod: &Pod) -> chaos_core::Result<Option<&'static str>> {
    let object = pod.object();
    let grip = super::mark::Grip { cluster: pod.cluster(), object: &object };
    Ok(match grip.read().await? {
        None => Some("it is gone"),
        Some(now) if now["metadata"].get("deletionTimestamp").is_some() => Some("it is being deleted"),
        Some(_) => None,
    })
}

/// A period of grace in words, for plans.
fn grace_text(grace: Option<u32>) -> String {
    match grace {
        None => "its own grace period".to_owned(),
        Some(0) => "no grace".to_owned(),
        Some(seconds) => format!("{seconds} s of grace"),
    }
}

/// A period of grace in whole seconds.
fn grace_seconds(grace: std::time::Duration) -> chaos_core::Result<u32> {
    let seconds = u32::try_from(grace.as_secs()).ok().filter(|_| grace.subsec_nanos() == 0);
    let seconds = seconds.filter(|seconds| *seconds <= 3600);
    seconds.ok_or_else(|| {
        chaos_core::Error::invalid(format!("a grace period of {grace:?} is not whole seconds in 0..=3600"))
    })
}
