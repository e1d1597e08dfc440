//! [`Sweep`]: ends what a run left in the cluster, from anywhere, by the marks on the objects alone.

use std::fmt;
use std::future::{Future, IntoFuture};
use std::pin::Pin;

use chaos_core::ledger::RunId;
use chaos_core::{Error, Result};

use super::Cluster;
use super::api::{Bare, Kind, ObjectRef, Query};
use super::mark::{AGENT, Claim, FAULTS, Grip, Held, UNDER_FAULT};
use super::pods::remove;
use super::rights::{Right, Rights};

/// What faults change, and what they make.
const KINDS: [Kind; 9] = [
    Kind::NETWORK_POLICY,
    Kind::POD,
    Kind::DEPLOYMENT,
    Kind::STATEFUL_SET,
    Kind::REPLICA_SET,
    Kind::REPLICATION_CONTROLLER,
    Kind::NODE,
    Kind::ROLLOUT,
    Kind::DEPLOYMENT_CONFIG,
];

/// What guardian pods belong to: the last, for they may have to put back what this could not.
#[cfg(all(feature = "agents", target_os = "linux"))]
const ROLES: [Kind; 2] = [Kind::ROLE, Kind::CLUSTER_ROLE];
#[cfg(not(all(feature = "agents", target_os = "linux")))]
const ROLES: [Kind; 0] = [];

impl Cluster {
    /// Ends what runs left behind: await it, or narrow it down first. Faults whose deadline is not over yet are left
    /// alone: their run may live.
    ///
    /// It needs no ledger: what to put back stands on each object. A node whose object was
    /// [deleted](super::nodes::delete) has none; that one is swept from the ledger alone.
    ///
    /// ```no_run
    /// # async fn example(cluster: chaos_k8s::Cluster) -> chaos_core::Result<()> {
    /// let swept = cluster.sweep().in_namespace("shop").await?;
    /// println!("{swept}");
    /// assert!(swept.is_clean());
    /// # Ok(())
    /// # }
    /// ```
    pub fn sweep(&self) -> Sweep {
        Sweep { cluster: self.clone(), namespace: None, run: None, also_live: false }
    }
}

/// A sweep of a cluster; see [`Cluster::sweep`].
#[derive(Debug, Clone)]
#[must_use = "a sweep does nothing until it is awaited"]
pub struct Sweep {
    cluster: Cluster,
    namespace: Option<String>,
    run: Option<RunId>,
    also_live: bool,
}

/// A fault that a sweep met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The object, as "Pod shop/cart-0".
    pub object: String,
    /// The fault that had hold of it.
    pub fault: String,
    /// The run that had made it.
    pub run: RunId,
    /// When it had to be over.
    pub until: String,
}

/// What a sweep did.
#[derive(Debug, Default)]
#[must_use]
pub struct Swept {
    /// Taken back.
    pub ended: Vec<Ended>,
    /// Left alone: not over yet.
    pub live: Vec<Ended>,
    /// Not taken back, and why.
    pub failed: Vec<(String, Error)>,
    /// Kinds of objects that could not be looked at, and why.
    pub unseen: Vec<(String, Error)>,
}

impl Sweep {
    /// Only in this namespace; what lies in none is left out.
    pub fn in_namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Only what this run made, also where it is not over yet: say it when the run is known to be dead.
    pub fn of_run(mut self, run: RunId) -> Self {
        self.run = Some(run);
        self.also_live = true;
        self
    }

    /// Also what is not over yet, of every run: ends the faults of runs that live.
    pub fn also_of_live_runs(mut self) -> Self {
        self.also_live = true;
        self
    }

    /// What it takes from the API server; where there are Argo's rollouts or OpenShift's deployment configs, the same on
    /// those.
    pub fn rights(&self) -> Rights {
        let namespace = self.namespace.as_deref();
        let mut rights = Rights::default();
        for kind in self.kinds().into_iter().filter(|kind| kind.is_built_in()) {
            let is_made = kind == Kind::NETWORK_POLICY || ROLES.contains(&kind);
            let verbs: &[&'static str] =
                if is_made { &["list", "delete"] } else { &["get", "list", "patch"] };
            rights.extend(verbs.iter().map(|verb| Right::new(verb, kind, namespace)));
            if !is_made && !matches!(kind, Kind::POD | Kind::NODE) {
                rights.insert(Right::new("patch", kind, namespace).on("scale"));
            }
        }
        #[cfg(all(feature = "agents", target_os = "linux"))]
        rights.extend([
            Right::new("delete", Kind::POD, namespace),
            Right::new("patch", Kind::POD, namespace).on("ephemeralcontainers"),
        ]);
        rights
    }

    fn kinds(&self) -> Vec<Kind> {
        let all = KINDS.into_iter().chain(ROLES);
        all.filter(|kind| kind.namespaced || self.namespace.is_none()).collect()
    }

    async fn run(self) -> Result<Swept> {
        if let Some(namespace) = &self.namespace {
            super::select::names::label("namespace", namespace)?;
        }
        let mut swept = Swept::default();
        let mut seen = 0;
        for kind in self.kinds() {
            match self.find(kind).await {
                Ok(None) => {}
                Ok(Some(found)) => {
                    seen += 1;
                    for object in found {
                        self.sweep_one(kind, object, &mut swept).await;
                    }
                }
                Err(error) => swept.unseen.push((kind.to_string(), error)),
            }
        }
        #[cfg(all(feature = "agents", target_os = "linux"))]
        self.sweep_containers(&mut swept).await;
        if seen == 0 {
            // Nothing could be looked at: that is no clean cluster.
            if let Some((_, error)) = swept.unseen.pop() {
                return Err(error.context("nothing could be swept"));
            }
        }
        Ok(swept)
    }

    /// What is under fault; none where the cluster has no such kind.
    async fn find(&self, kind: Kind) -> Result<Option<Vec<Bare>>> {
        let api = self.cluster.api();
        if !api.serves(kind).await? {
            return Ok(None);
        }
        let query = Query::metadata().labels(UNDER_FAULT);
        Ok(Some(api.list(kind, self.namespace.as_deref(), &query, Some::<Bare>).await?))
    }

    /// Agents in ephemeral containers, which have no label to be found by.
    #[cfg(all(feature = "agents", target_os = "linux"))]
    async fn sweep_containers(&self, swept: &mut Swept) {
        let found = match super::agents::containers(&self.cluster, self.namespace.as_deref()).await {
            Ok(found) => found,
            Err(error) => return swept.unseen.push(("ephemeral containers".to_owned(), error)),
        };
        for agent in found.into_iter().filter(|agent| self.run.is_none_or(|run| agent.run == run)) {
            let met = Ended {
                object: agent.object.clone(),
                fault: agent.fault.clone(),
                run: agent.run,
                until: agent.until.to_string(),
            };
            if !self.also_live && !agent.until.is_over() {
                swept.live.push(met);
                continue;
            }
            match agent.end(&self.cluster).await {
                Ok(()) => swept.ended.push(met),
                Err(error) => swept.failed.push((met.object, error)),
            }
        }
    }

    #[cfg(all(feature = "agents", target_os = "linux"))]
    async fn end_agent(&self, pod: &ObjectRef, claim: &Claim) -> Result<()> {
        super::agents::end_pod(&self.cluster, pod, claim.id).await
    }

    #[cfg(not(all(feature = "agents", target_os = "linux")))]
    async fn end_agent(&self, pod: &ObjectRef, claim: &Claim) -> Result<()> {
        let _ = (&self.cluster, claim);
        Err(Error::refused(format!(
            "{pod} is an agent: sweep with the feature `agents` on Linux, or delete it"
        )))
    }

    async fn sweep_one(&self, kind: Kind, object: Bare, swept: &mut Swept) {
        let meta = object.metadata;
        let is_agent = kind == Kind::POD && meta.labels.contains_key(AGENT);
        let object = ObjectRef::new(kind, meta.namespace.as_deref(), &meta.name, &meta.uid);
        let Some(text) = meta.annotations.get(FAULTS) else {
            let error = Error::refused(format!(
                "it has the label {UNDER_FAULT} and no annotation {FAULTS}: look at it"
            ));
            return swept.failed.push((object.to_string(), error));
        };
        let held = match Held::parse(text) {
            Ok(held) => held,
            Err(error) => return swept.failed.push((object.to_string(), error)),
        };
        for claim in held.claims.iter().rev().filter(|claim| self.run.is_none_or(|run| claim.run == run)) {
            let met = met(&object, claim);
            if !self.also_live && !claim.until.is_over() {
                swept.live.push(met);
                continue;
            }
            let is_role = ROLES.contains(&kind);
            let ended = if is_agent {
                self.end_agent(&object, claim).await
            } else if is_role && !swept.failed.is_empty() {
                Err(Error::refused("something else was not taken back, which its guardian pod may still do"))
            } else if is_role || kind == Kind::NETWORK_POLICY {
                remove(&self.cluster, &object).await
            } else {
                Grip { cluster: &self.cluster, object: &object }.release(claim.id).await
            };
            match ended {
                Ok(()) => swept.ended.push(met),
                Err(error) => swept.failed.push((object.to_string(), error)),
            }
        }
    }
}

fn met(object: &ObjectRef, claim: &Claim) -> Ended {
    let Claim { fault, run, until, .. } = claim;
    Ended { object: object.to_string(), fault: fault.clone(), run: *run, until: until.to_string() }
}

impl IntoFuture for Sweep {
    type Output = Result<Swept>;
    type IntoFuture = Pin<Box<dyn Future<Output = Result<Swept>> + Send>>;
    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl Swept {
    /// Whether nothing is left that was to be ended, and all could be looked at.
    pub fn is_clean(&self) -> bool {
        self.failed.is_empty() && self.unseen.is_empty()
    }
}

impl fmt::Display for Swept {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "swept: {} ended, {} live, {} failed",
            self.ended.len(),
            self.live.len(),
            self.failed.len()
        )?;
        for Ended { object, fault, run, .. } in &self.ended {
            write!(f, "\n  ended: {object}: {fault} of run {run}")?;
        }
        for Ended { object, fault, run, until } in &self.live {
            write!(f, "\n  live: {object}: {fault} of run {run}, until {until}")?;
        }
        for (object, error) in &self.failed {
            write!(f, "\n  FAILED: {object}: {}", error.chain())?;
        }
        for (kind, error) in &self.unseen {
            write!(f, "\n  not looked at: {kind}: {}", error.chain())?;
        }
        Ok(())
    }
}
