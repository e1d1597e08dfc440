//! [`isolate`]: cuts a pod off by a network policy.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use chaos_core::{Approved, Error, Fault, Observed, Owner, Plan, Result, Undo};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::place;
use super::policy::{RawPolicy, Ways, spec};
use crate::cluster::api::{Bare, Kind, ObjectRef, Query, Request};
use crate::cluster::mark::{FAULTS, Field, Fields, Held, RUN, Release, UNDER_FAULT, reverted};
use crate::cluster::rights::{Needs, Place, Rights};
use crate::cluster::{Cluster, Pod};

/// Cuts the pod off by a network policy of its own: no agent, and nothing but the API.
///
/// Whether a cluster enforces network policies depends on its network plugin, and an API server takes them either way. So
/// `enforced` says how that is seen. Where a policy of somebody else lets traffic through to the pod, the plan is refused:
/// policies add up, and no other takes that away. Open connections may live on; that is for the plugin to say.
///
/// ```no_run
/// # async fn example(chaos: chaos_core::Chaos, cluster: chaos_k8s::Cluster) -> chaos_core::Result<()> {
/// use chaos_core::{BlastRadius, Fault, Mode};
/// use chaos_k8s::cluster::pods::{self, Enforced};
/// let carts = cluster.pods().in_namespace("shop").label("app", "cart")?;
/// let answers = |pod: chaos_k8s::cluster::Pod| async move {
///     // From where its peers are: does it still answer?
///     # let _ = pod;
///     Ok::<bool, chaos_core::Error>(false)
/// };
/// let cut = pods::isolate(Enforced::seen_by(move |pod| { let answers = answers(pod); async { Ok(!answers.await?) } }));
/// # let _ = (cut.on(carts, Mode::ONE), chaos, BlastRadius::count(1)?);
/// # Ok(())
/// # }
/// ```
pub fn isolate(enforced: Enforced) -> Isolate {
    Isolate { enforced, ways: Ways { inbound: true, outbound: true }, nets: Vec::new() }
}

/// See [`isolate`].
#[derive(Debug, Clone)]
#[must_use = "a fault does nothing until it is injected"]
pub struct Isolate {
    enforced: Enforced,
    ways: Ways,
    nets: Vec<IpNet>,
}

type IsCut = dyn Fn(Pod) -> Pin<Box<dyn Future<Output = Result<bool>> + Send>> + Send + Sync;

/// How it is seen that the cluster enforces a network policy.
#[derive(Clone)]
pub struct Enforced(Option<Arc<IsCut>>);

impl Enforced {
    /// By this look: true when the pod is cut off. It is asked whenever the fault is looked at, from here, so it should
    /// speak for the pod's peers.
    pub fn seen_by<F>(is_cut: impl Fn(Pod) -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<bool>> + Send + 'static,
    {
        Self(Some(Arc::new(move |pod| Box::pin(is_cut(pod)))))
    }

    /// Not at all: it is known that this cluster does. Plan and report say that nobody looked.
    pub fn believed() -> Self {
        Self(None)
    }
}

impl fmt::Debug for Enforced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.0.is_some() { "Enforced(seen)" } else { "Enforced(believed)" })
    }
}

impl Isolate {
    /// Only what comes in.
    pub fn inbound(mut self) -> Self {
        self.ways = Ways { inbound: true, outbound: false };
        self
    }

    /// Only what goes out.
    pub fn outbound(mut self) -> Self {
        self.ways = Ways { inbound: false, outbound: true };
        self
    }

    /// Only from and to these addresses; said again, those as well. Whether addresses of pods and services are meant by
    /// it depends on the network plugin.
    ///
    /// # Errors
    /// All addresses: leave it out for that.
    pub fn only(mut self, net: IpNet) -> Result<Self> {
        if net.prefix_len() == 0 {
            return Err(Error::invalid(format!(
                "{net} is every address: leave it out to cut the pod off from all"
            )));
        }
        self.nets.push(net.trunc());
        Ok(self)
    }

    async fn others(&self, pod: &Pod) -> Result<()> {
        let against =
            |policy: RawPolicy| policy.stands_against(pod.labels(), self.ways, !self.nets.is_empty());
        let namespace = Some(pod.namespace());
        let found =
            pod.cluster().api().list(Kind::NETWORK_POLICY, namespace, &Query::default(), against).await?;
        found.into_iter().next().map_or(Ok(()), |reason| Err(Error::refused(reason)))
    }
}

impl Needs for Isolate {
    fn needs(&self, place: Place<'_>) -> Rights {
        let policy =
            ["create", "delete", "get", "list"].map(|verb| place.right_on(verb, Kind::NETWORK_POLICY));
        [place.right("get"), place.right("patch")].into_iter().chain(policy).collect()
    }
}

/// The undo of [`isolate`]: the pod loses the label that the policy selects by, then the policy goes.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Rejoin {
    pub(crate) pod: Release,
}

impl Rejoin {
    async fn put_back(&self, cluster: &Cluster) -> Result<()> {
        self.pod.let_go(cluster).await?;
        match self.find(cluster).await? {
            Some(policy) => remove(cluster, &policy).await,
            None => Ok(()),
        }
    }

    pub(crate) fn policy_name(&self) -> String {
        format!("chaos-{}", self.pod.claim.id)
    }

    fn policy(&self, spec: &Value) -> Value {
        let ObjectRef { namespace, name, uid, .. } = &self.pod.object;
        let claim = crate::cluster::mark::Claim { wants: Fields::new(), ..self.pod.claim.clone() };
        json!({
            "apiVersion": "networking.k8s.io/v1",
            "kind": "NetworkPolicy",
            "metadata": {
                "name": self.policy_name(),
                "namespace": namespace,
                "labels": {UNDER_FAULT: "true", RUN: self.pod.claim.run.to_string()},
                "annotations": {FAULTS: json!(Held::only(claim)).to_string()},
                // Whatever happens to us, it goes with its pod.
                "ownerReferences": [{"apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid}],
            },
            "spec": spec,
        })
    }

    /// The policy, if it is there and ours.
    async fn find(&self, cluster: &Cluster) -> Result<Option<ObjectRef>> {
        let namespace = self.pod.object.namespace();
        let request = Request::get(Kind::NETWORK_POLICY, namespace, &self.policy_name());
        let Some(found) = cluster.api().find::<Bare>(request).await? else { return Ok(None) };
        let held = found.metadata.annotations.get(FAULTS).map(|text| Held::parse(text)).transpose()?;
        let is_ours = held.is_some_and(|held| held.claim(self.pod.claim.id).is_some());
        Ok(is_ours.then(|| {
            ObjectRef::new(Kind::NETWORK_POLICY, namespace, &found.metadata.name, &found.metadata.uid)
        }))
    }
}

impl Undo for Rejoin {
    const KIND: &'static str = "chaos-k8s/cluster-rejoin/1";
    type Via = Cluster;

    async fn revert(&self, cluster: &Cluster) -> Result<()> {
        reverted(cluster, self.pod.claim.id, self.put_back(cluster)).await
    }

    async fn is_gone(&self, cluster: &Cluster) -> Result<bool> {
        Ok(self.pod.is_gone(cluster).await? && self.find(cluster).await?.is_none())
    }
}

/// Deletes an object that a fault made; gone is well.
pub(crate) async fn remove(cluster: &Cluster, object: &ObjectRef) -> Result<()> {
    let deleted: Result<Value, _> = cluster.api().send(Request::delete(object, None)).await;
    match deleted {
        Err(trouble) if !(trouble.is_not_found() || trouble.is_conflict()) => {
            Err(Error::from(trouble).context(object))
        }
        _ => Ok(()),
    }
}

impl Fault for Isolate {
    type Target = Pod;
    type Undo = Rejoin;

    fn describe(&self) -> String {
        let way = match self.ways {
            Ways { inbound: true, outbound: true } => "",
            Ways { inbound: true, .. } => ", inbound",
            Ways { .. } => ", outbound",
        };
        let nets: Vec<String> = self.nets.iter().map(ToString::to_string).collect();
        let nets = if nets.is_empty() { String::new() } else { format!(" from {}", nets.join(", ")) };
        format!("isolate by network policy{nets}{way}")
    }

    fn via<'a>(&'a self, pod: &'a Pod) -> &'a Cluster {
        pod.cluster()
    }

    async fn prepare(&self, pod: &Pod) -> Result<Plan<Rejoin>> {
        pod.cluster().require(&self.needs(place(pod))).await?;
        self.others(pod).await?;
        let (_, mut release) =
            Release::plan(pod.cluster(), &pod.object(), "pods::isolate", Fields::new()).await?;
        // Named after the claim, so that the policy selects this pod and no other.
        let label = Field::Label(format!("chaos-sdk.dev/isolated-{}", release.claim.id));
        release.claim.wants = Fields::from([(label.clone(), json!(""))]);
        release.found = Fields::from([(label, Value::Null)]);
        let seen = match &self.enforced.0 {
            Some(_) => "a look says whether the cluster enforces it",
            None => "that the cluster enforces it is believed, not looked at",
        };
        let undo = Rejoin { pod: release };
        let change = format!("a network policy {} selects it alone; {seen}", undo.policy_name());
        Ok(Plan::reversible(change, undo).owned_by(Owner::Sweep))
    }

    async fn inject(&self, pod: &Approved<Pod>, undo: &Rejoin) -> Result<()> {
        let label = format!("chaos-sdk.dev/isolated-{}", undo.pod.claim.id);
        // The longest that may be: without the label that the pod gets it selects nothing.
        let policy = undo.policy(&spec(&label, self.ways, &self.nets));
        let request = Request::create(Kind::NETWORK_POLICY, Some(pod.namespace()), &policy);
        let created: Result<Value, _> = pod.cluster().api().send(request).await;
        match created {
            // Ours, whose answer was lost: nobody else knows its name.
            Err(trouble) if trouble.is_there_already() => {}
            Err(trouble) => return Err(trouble.into()),
            Ok(_) => {}
        }
        undo.pod.take(pod.cluster(), pod.lasting()).await
    }

    async fn extend(&self, pod: &Approved<Pod>, undo: &Rejoin) -> Result<()> {
        undo.pod.extend(pod.cluster(), pod.lasting()).await
    }

    async fn observe(&self, pod: &Pod, undo: &Rejoin) -> Result<Observed> {
        let name = undo.policy_name();
        let seen = undo.pod.observe(pod.cluster(), |_| format!("network policy {name} selects it")).await?;
        if !seen.is_in_force() {
            return Ok(seen);
        }
        if undo.find(pod.cluster()).await?.is_none() {
            return Ok(Observed::absent(format!("network policy {name} is not there")));
        }
        let Some(is_cut) = &self.enforced.0 else {
            return Ok(Observed::in_force(format!(
                "{}; nobody looked whether it is enforced",
                seen.detail()
            )));
        };
        Ok(if is_cut(pod.clone()).await? {
            Observed::in_force(format!("{}, and it is cut off", seen.detail()))
        } else {
            Observed::absent(format!(
                "{}, and it is not cut off: does this cluster enforce policies?",
                seen.detail()
            ))
        })
    }
}
