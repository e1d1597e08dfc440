//! [`fail`]: makes a pod fail in place.

use chaos_core::{Approved, Error, Fault, Observed, Owner, Plan, Result, Target};
use serde_json::{Value, json};

use super::place;
use crate::cluster::api::Kind;
use crate::cluster::mark::{Field, Fields, Release};
use crate::cluster::rights::{Needs, Place, Rights};
use crate::cluster::{Cluster, Pod};

/// No image has this name: `invalid` is a domain that never exists (RFC 2606).
const NOWHERE: &str = "chaos-sdk.invalid/failed:1";

/// Makes the pod fail where it is: its containers get an image that is nowhere, so the kubelet ends them and cannot start
/// them again. The pod keeps its name, its address and its place; nothing makes another.
///
/// Acts on the containers that the selection names, or on all; init containers are left alone. The undo restores the
/// images exactly, also when several faults are on the pod and end in any order. What it does not restore is the state of
/// the processes: each container that is hit starts anew when the fault ends, and Kubernetes counts that as restarts.
///
/// ```no_run
/// # async fn example(chaos: chaos_core::Chaos, cluster: chaos_k8s::Cluster) -> chaos_core::Result<()> {
/// use chaos_core::{BlastRadius, Fault, Ledger, Mode};
/// use chaos_k8s::cluster::pods;
/// let web = cluster.pods().in_namespace("shop").label("app", "cart")?.container("web");
/// let ledger = Ledger::open("/var/lib/chaos", cluster.undos()?)?;
/// let failed = chaos.inject(pods::fail().on(web, Mode::ONE), BlastRadius::count(1)?).ledger(ledger).begin().await?;
/// failed.revert().await?;
/// # Ok(())
/// # }
/// ```
pub fn fail() -> Fail {
    Fail(())
}

/// See [`fail`](fail()).
#[derive(Debug, Clone)]
#[must_use = "a fault does nothing until it is injected"]
pub struct Fail(());

impl Needs for Fail {
    fn needs(&self, place: Place<'_>) -> Rights {
        Rights::from_iter([place.right("get"), place.right("patch")])
    }
}

impl Fault for Fail {
    type Target = Pod;
    type Undo = Release;

    fn describe(&self) -> String {
        "fail in place".to_owned()
    }

    fn via<'a>(&'a self, pod: &'a Pod) -> &'a Cluster {
        pod.cluster()
    }

    async fn prepare(&self, pod: &Pod) -> Result<Plan<Release>> {
        pod.cluster().require(&self.needs(place(pod))).await?;
        let wants: Fields =
            pod.containers().iter().map(|name| (Field::Image(name.clone()), json!(NOWHERE))).collect();
        let (now, undo) = Release::plan(pod.cluster(), &pod.object(), "pods::fail", wants).await?;
        if let Some((field, _)) = undo.found.iter().find(|(_, image)| image.is_null()) {
            return Err(Error::refused(format!("pod {} has no {field}", pod.name())));
        }
        let containers = pod.containers().join(", ");
        let change = format!(
            "its containers ({containers}) end and get an image that is nowhere; when it is over, each starts anew: about \
             two restarts more than the {} so far",
            restarts(&now)
        );
        debug_assert_eq!(undo.object.kind, Kind::POD);
        Ok(Plan::reversible(change, undo).owned_by(Owner::Sweep))
    }

    async fn inject(&self, pod: &Approved<Pod>, undo: &Release) -> Result<()> {
        undo.take(pod.cluster(), pod.lasting()).await
    }

    async fn extend(&self, pod: &Approved<Pod>, undo: &Release) -> Result<()> {
        undo.extend(pod.cluster(), pod.lasting()).await
    }

    async fn observe(&self, pod: &Pod, undo: &Release) -> Result<Observed> {
        let detail =
            |now: &Value| format!("its images are nowhere; {}, {} restarts", waiting(now), restarts(now));
        undo.observe(pod.cluster(), detail).await
    }
}

fn statuses(pod: &Value) -> impl Iterator<Item = &Value> {
    pod.pointer("/status/containerStatuses").and_then(Value::as_array).into_iter().flatten()
}

fn restarts(pod: &Value) -> u64 {
    statuses(pod).filter_map(|status| status["restartCount"].as_u64()).sum()
}

/// What its kubelet says of its containers.
fn waiting(pod: &Value) -> String {
    let reason = |status: &Value| {
        let reason = status.pointer("/state/waiting/reason")?.as_str()?;
        Some(format!("{} waits: {reason}", status["name"].as_str()?))
    };
    let waiting: Vec<String> = statuses(pod).filter_map(reason).collect();
    if waiting.is_empty() { "its kubelet has not followed yet".to_owned() } else { waiting.join(", ") }
}
