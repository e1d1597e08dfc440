//! [`Guarded`]: a fault through the API, with a guardian pod.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chaos_core::ledger::RunId;
use chaos_core::units::secs;
use chaos_core::{Approved, Error, Fault, Observed, Owner, Plan, Result, Target, Undo};
use tokio::sync::OnceCell;

use super::duty::{Duty, Task};
use super::entrusted::Entrusted;
use super::live::Live;
use super::make::Made;
use crate::cluster::Cluster;
use crate::cluster::agents::Agents;
use crate::cluster::agents::live::STARTS_WITHIN;
use crate::cluster::api::Kind;
use crate::cluster::mark::Deadline;
use crate::cluster::rights::{Needs, Place, Right, Rights};

/// How much later than its time a fault may come into force: an inject waits for others.
const LATE: Duration = secs(120);

impl Agents {
    /// The fault, with a guardian pod that takes it back at its deadline when nobody else does any more; see the
    /// [module](super). For the faults of `cluster` that change an object and mark it: cordon, taint, drain, scale, fail, leave
    /// a service, isolate.
    pub fn guarded<F>(&self, fault: F) -> Guarded<F>
    where
        F: Fault + Needs,
        F::Undo: Undo<Via = Cluster> + Clone + Into<Entrusted>,
    {
        Guarded { agents: self.clone(), fault, planned: Arc::default(), tried: Arc::default() }
    }
}

/// A fault through the API with a guardian pod; made by [`Agents::guarded`].
#[derive(Debug, Clone)]
#[must_use = "a fault does nothing until it is injected"]
pub struct Guarded<F> {
    agents: Agents,
    fault: F,
    /// The guardian of the next injection.
    planned: Arc<Mutex<Option<RunId>>>,
    /// Whether the API server would take its roles.
    tried: Arc<OnceCell<()>>,
}

impl<F> Guarded<F>
where
    F: Fault + Needs,
    F::Undo: Undo<Via = Cluster> + Clone + Into<Entrusted>,
{
    fn planned(&self) -> RunId {
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        *planned.get_or_insert_with(RunId::fresh)
    }

    fn made(&self, guardian: RunId, lasting: Duration, undos: Vec<Task>) -> Made {
        let cluster = self.agents.cluster();
        let nodes = undos.iter().map(|task| &task.undo.marked().object);
        let not_on = nodes.filter(|object| object.kind == Kind::NODE).map(|node| node.name.clone()).collect();
        Made {
            image: self.agents.image().to_owned(),
            run: cluster.run(),
            fault: self.fault.describe(),
            not_on,
            at_most: cluster.at_most(),
            lasting,
            duty: Duty {
                version: Duty::VERSION.to_owned(),
                guardian,
                namespace: self.agents.namespace().to_owned(),
                by: Deadline::after(STARTS_WITHIN + lasting + LATE),
                server_ahead: cluster.api().server_ahead(),
                undos,
            },
        }
    }

    fn live(&self, target: &F::Target, undo: &F::Undo) -> Result<Arc<Live>> {
        let claim = undo.clone().into().claim();
        self.fault.via(target).guardians().find(claim).ok_or_else(|| {
            Error::failed("its guardian pod was not planned by this fault: plan and inject it anew")
        })
    }
}

/// What a guardian of faults there takes of who makes it, beside what is granted to it.
fn needs_of_guardian(home: &str, place: &Place<'_>) -> Rights {
    let home = Some(home);
    let mut rights = Rights::from_iter([
        Right::new("create", Kind::SERVICE_ACCOUNT, home),
        Right::new("create", Kind::JOB, home),
        // To ask what the server has against its pod: who may create Jobs can create pods as well.
        Right::new("create", Kind::POD, home),
        // Its Job gives each pod another name.
        Right::new("list", Kind::POD, home),
        Right::new("get", Kind::POD, home).on("log"),
    ]);
    let of_targets = match (place.kind().namespaced, place.namespace()) {
        // Roles in every namespace: which one the targets are in is known only later.
        (true, namespace) => (Kind::ROLE, Kind::ROLE_BINDING, namespace),
        (false, _) => (Kind::CLUSTER_ROLE, Kind::CLUSTER_ROLE_BINDING, None),
    };
    for (role, binding, namespace) in [(Kind::ROLE, Kind::ROLE_BINDING, home), of_targets] {
        rights.extend([
            Right::new("create", role, namespace),
            Right::new("delete", role, namespace),
            Right::new("create", binding, namespace),
        ]);
    }
    rights
}

impl<F> Needs for Guarded<F>
where
    F: Needs,
{
    fn needs(&self, place: Place<'_>) -> Rights {
        self.fault.needs(place).and(needs_of_guardian(self.agents.namespace(), &place))
    }
}

impl<F> Fault for Guarded<F>
where
    F: Fault + Needs,
    F::Undo: Undo<Via = Cluster> + Clone + Into<Entrusted>,
{
    type Target = F::Target;
    type Undo = F::Undo;

    fn describe(&self) -> String {
        format!("{}, with a guardian pod", self.fault.describe())
    }

    fn via<'a>(&'a self, target: &'a F::Target) -> &'a Cluster {
        self.fault.via(target)
    }

    fn takes_at_most(&self) -> Duration {
        self.fault.takes_at_most() + STARTS_WITHIN + secs(40)
    }

    async fn prepare(&self, target: &F::Target) -> Result<Plan<F::Undo>> {
        let cluster = self.fault.via(target);
        if !cluster.is_same(self.agents.cluster()) {
            return Err(Error::invalid(
                "the guardian pod and the targets are of two connections: take both from one `Cluster`",
            ));
        }
        let plan = self.fault.prepare(target).await?;
        let undo = plan.undo().clone();
        let entrusted: Entrusted = undo.clone().into();
        let object = &entrusted.marked().object;
        let place = Place::new(object.kind, object.namespace());
        cluster.require(&needs_of_guardian(self.agents.namespace(), &place)).await?;
        let guardian = self.planned();
        let task = Task { target: target.name(), undo: entrusted };
        let made = self.made(guardian, secs(1), vec![task]);
        self.tried.get_or_try_init(|| made.try_out(cluster)).await?;
        let change = format!("{}; at its deadline {made} takes that back, if nobody has", plan.change());
        Ok(Plan::reversible(change, undo).owned_by(Owner::Deadline))
    }

    fn gather(&self, targets: &[(&Approved<F::Target>, &F::Undo)]) {
        self.fault.gather(targets);
        let Some((first, _)) = targets.first() else { return };
        let guardian = self.planned();
        *self.planned.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let undos: Vec<Task> = targets
            .iter()
            .map(|(target, undo)| Task { target: target.name(), undo: (*undo).clone().into() })
            .collect();
        let claims: Vec<RunId> = undos.iter().map(|task| task.undo.claim()).collect();
        let cluster = self.agents.cluster();
        let lasting = first.lasting().unwrap_or_else(|| cluster.longest());
        let live = Arc::new(Live::new(cluster, self.made(guardian, lasting, undos)));
        cluster.guardians().add(claims, &live);
    }

    async fn inject(&self, target: &Approved<F::Target>, undo: &F::Undo) -> Result<()> {
        let live = self.live(target, undo)?;
        live.watch_over(undo.clone().into().claim()).await?;
        self.fault.inject(target, undo).await
    }

    async fn extend(&self, target: &Approved<F::Target>, undo: &F::Undo) -> Result<()> {
        let lasting = target.lasting().unwrap_or_else(|| self.agents.cluster().longest());
        self.live(target, undo)?.must_serve_until(Instant::now() + lasting)?;
        // What stands on the object is what the guardian goes by.
        self.fault.extend(target, undo).await
    }

    async fn observe(&self, target: &F::Target, undo: &F::Undo) -> Result<Observed> {
        let seen = self.fault.observe(target, undo).await?;
        let live = self.fault.via(target).guardians().find(undo.clone().into().claim());
        Ok(match live.and_then(|live| live.trouble()) {
            Some(trouble) if seen.is_in_force() => {
                Observed::in_force(format!("{}; {trouble}", seen.detail()))
            }
            _ => seen,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::duty::name_of;
    use super::super::grant::role_kind;
    use super::*;

    #[test]
    fn who_makes_a_guardian_needs_no_more_than_to_make_it_and_to_take_it_away() {
        let text = |kind, namespace| needs_of_guardian("chaos", &Place::new(kind, namespace)).to_string();
        let nodes = text(Kind::NODE, None);
        assert!(nodes.contains("create clusterroles.rbac.authorization.k8s.io,"), "{nodes}");
        assert!(nodes.contains("create roles.rbac.authorization.k8s.io in namespace chaos"), "{nodes}");
        let workloads = text(Kind::DEPLOYMENT, Some("shop"));
        assert!(
            workloads.contains("delete roles.rbac.authorization.k8s.io in namespace shop"),
            "{workloads}"
        );
        assert!(!workloads.contains("cluster") && !workloads.contains("all namespaces"), "{workloads}");
        assert_eq!(role_kind(None), Kind::CLUSTER_ROLE);
        assert_eq!(
            name_of("0000000000aa-00000000000000bb".parse().unwrap()),
            "chaos-guardian-0000000000aa-00000000000000bb"
        );
    }
}
