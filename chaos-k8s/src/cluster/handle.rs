//! [`Cluster`]: the handle to a cluster.

use std::sync::Arc;
use std::time::Duration;

use chaos_core::injection::MARGIN;
use chaos_core::ledger::RunId;
use chaos_core::units::duration::brief;
use chaos_core::units::secs;
use chaos_core::{Error, Result, Undos};

use super::api::Api;
use super::mark::{Deadline, Release};
use super::nodes::{Drained, Drains, NodeBack};
use super::pods::Rejoin;
use super::protect::Protection;
use super::rights::Answers;
use super::select::{Nodes, PodSelector, Pods, WorkloadKind, Workloads};
use super::target::Service;

/// How long faults last at the most, where nothing else is said.
const LONGEST: Duration = secs(3600);

/// A cluster, as one program uses it. Cheap to clone; clones share the connection.
///
/// ```no_run
/// # async fn example() -> chaos_core::Result<()> {
/// use chaos_k8s::Cluster;
/// let cluster = Cluster::connect().await?;
/// let carts = cluster.pods().in_namespace("shop").label("app", "cart")?;
/// let undos = cluster.undos()?;                       // for the ledger, the sweep and the guardian
/// # let _ = (carts, undos);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
pub struct Cluster {
    shared: Arc<Shared>,
    settings: Arc<Settings>,
}

#[derive(Debug)]
struct Shared {
    api: Api,
    run: RunId,
    answers: Answers,
    drains: Drains,
    #[cfg(all(feature = "agents", target_os = "linux"))]
    at_work: super::agents::AtWork,
    #[cfg(all(feature = "agents", target_os = "linux"))]
    guardians: super::agents::Guardians,
    itself: Option<(String, String)>,
}

#[derive(Debug, Clone)]
struct Settings {
    protection: Protection,
    longest: Duration,
}

impl Cluster {
    /// The cluster that `kubectl` would speak to (`KUBECONFIG`, `~/.kube/config`), or the one that this program runs in.
    ///
    /// # Errors
    /// No configuration, or one that cannot be used. Nothing is asked of the API server yet.
    pub async fn connect() -> Result<Self> {
        let client = kube::Client::try_default().await.map_err(|error| {
            let text =
                "there is no cluster to connect to: set KUBECONFIG, or run inside one with a service account";
            Error::refused(text).with_source(error)
        })?;
        Ok(Self::new(client))
    }

    /// The cluster that this program runs in, as the service account of its pod.
    #[cfg(all(feature = "agents", target_os = "linux"))]
    pub(crate) async fn inside() -> Result<Self> {
        let wrong = |source: Box<dyn std::error::Error + Send + Sync>| {
            Error::failed("the API server is not to be reached from inside the pod").with_source(source)
        };
        let config = kube::Config::incluster().map_err(|error| wrong(error.into()))?;
        let client = kube::Client::try_from(config).map_err(|error| wrong(error.into()))?;
        Ok(Self::new(client))
    }

    /// The cluster behind `client`: of a configuration of your own, or a [test's](super::testing).
    pub fn new(client: kube::Client) -> Self {
        let shared = Shared {
            api: Api::new(client),
            run: RunId::fresh(),
            answers: Answers::default(),
            drains: Drains::default(),
            #[cfg(all(feature = "agents", target_os = "linux"))]
            at_work: super::agents::AtWork::default(),
            #[cfg(all(feature = "agents", target_os = "linux"))]
            guardians: super::agents::Guardians::default(),
            itself: own_pod(),
        };
        let settings = Settings { protection: Protection::standard(), longest: LONGEST };
        Self { shared: Arc::new(shared), settings: Arc::new(settings) }
    }

    /// The same with another protection.
    #[must_use]
    pub fn protecting(mut self, protection: Protection) -> Self {
        Arc::make_mut(&mut self.settings).protection = protection;
        self
    }

    /// The same, with faults that last no longer than this: an hour unless said otherwise. An experiment that lasts longer
    /// is refused. How long a fault lasts stands on everything that it changes, and past that any [sweep](Cluster::sweep)
    /// puts it back; one that is held until it is taken back has this long.
    ///
    /// # Errors
    /// Less than a second, or more than a week.
    pub fn lasting_at_most(mut self, duration: Duration) -> Result<Self> {
        if !(secs(1)..=secs(7 * 86_400)).contains(&duration) {
            return Err(Error::invalid(format!(
                "faults that last at most {duration:?} are not in 1s..=7days"
            )));
        }
        Arc::make_mut(&mut self.settings).longest = duration;
        Ok(self)
    }

    /// Pods, to be narrowed down.
    pub fn pods(&self) -> Pods {
        Pods::new(self, PodSelector::default())
    }

    /// Pods, as data says.
    ///
    /// # Errors
    /// As [`PodSelector::check`].
    pub fn pods_by(&self, selector: PodSelector) -> Result<Pods> {
        selector.check()?;
        Ok(Pods::new(self, selector))
    }

    /// Nodes, to be narrowed down.
    pub fn nodes(&self) -> Nodes {
        Nodes::new(self)
    }

    /// Deployments or other things that make pods, to be narrowed down.
    pub fn workloads(&self, kind: WorkloadKind) -> Workloads {
        Workloads::new(self, kind)
    }

    /// A service by name. It is looked up when a fault is planned.
    pub fn service(&self, namespace: impl Into<String>, name: impl Into<String>) -> Service {
        Service::new(self, namespace.into(), name.into())
    }

    /// Every kind of undo that faults through the API leave in a ledger, for [`Ledger::open`](chaos_core::Ledger::open), a
    /// sweep and a guardian.
    ///
    /// # Errors
    /// None, as long as no two kinds are called the same.
    pub fn undos(&self) -> Result<Undos> {
        let undos = Undos::none();
        #[cfg(all(feature = "agents", target_os = "linux"))]
        let undos = undos.with::<super::agents::AgentEnd>(self.clone())?;
        #[cfg(all(feature = "agents", target_os = "linux"))]
        let undos = undos.with::<super::agents::AgentGone>(self.clone())?;
        undos
            .with::<Release>(self.clone())?
            .with::<Rejoin>(self.clone())?
            .with::<Drained>(self.clone())?
            .with::<NodeBack>(self.clone())
    }

    /// The name of this handle's marks.
    pub fn run(&self) -> RunId {
        self.shared.run
    }

    /// How many requests were sent to the API server so far.
    pub fn requests(&self) -> u64 {
        self.shared.api.sent()
    }

    pub(crate) fn api(&self) -> &Api {
        &self.shared.api
    }

    pub(crate) fn protection(&self) -> &Protection {
        &self.settings.protection
    }

    pub(crate) fn answers(&self) -> &Answers {
        &self.shared.answers
    }

    pub(crate) fn drains(&self) -> &Drains {
        &self.shared.drains
    }

    #[cfg(all(feature = "agents", target_os = "linux"))]
    pub(crate) fn agents_at_work(&self) -> &super::agents::AtWork {
        &self.shared.at_work
    }

    #[cfg(all(feature = "agents", target_os = "linux"))]
    pub(crate) fn guardians(&self) -> &super::agents::Guardians {
        &self.shared.guardians
    }

    /// Whether both are the same handle, with the same marks.
    #[cfg(all(feature = "agents", target_os = "linux"))]
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.shared, &other.shared)
    }

    #[cfg(all(feature = "agents", target_os = "linux"))]
    pub(crate) fn longest(&self) -> Duration {
        self.settings.longest
    }

    /// How long a fault that lasts that long is in force at most: it ends by itself [a margin](MARGIN) later.
    pub(crate) fn at_most(&self) -> Duration {
        self.settings.longest.saturating_add(MARGIN)
    }

    /// When a fault that begins now and lasts `lasting` has to be over; at the latest, where nothing says how long.
    pub(crate) fn deadline(&self, lasting: Option<Duration>) -> Result<Deadline> {
        let longest = self.settings.longest;
        match lasting {
            None => Ok(Deadline::after(longest)),
            Some(lasting) if lasting <= self.at_most() => Ok(Deadline::after(lasting)),
            Some(lasting) => Err(Error::refused(format!(
                "faults of this cluster last at most {}, and this one is to last {}: say `lasting_at_most`",
                brief(longest),
                brief(lasting.saturating_sub(MARGIN))
            ))),
        }
    }

    /// The pod that this program runs in, as (namespace, name).
    pub(crate) fn itself(&self) -> Option<(&str, &str)> {
        let (namespace, name) = self.shared.itself.as_ref()?;
        Some((namespace, name))
    }
}

/// The pod that this program runs in, if it does: its host name is the pod's, and its service account lies in its
/// namespace.
fn own_pod() -> Option<(String, String)> {
    let namespace =
        std::fs::read_to_string("/var/run/secrets/kubernetes.io/serviceaccount/namespace").ok()?;
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").ok()?;
    Some((namespace.trim().to_owned(), name.trim().to_owned()))
}
