//! [`Life`]: a controller's whole life: it plans a fault, puts it in force, extends it and takes it back.

use std::path::PathBuf;

use chaos_core::experiment::Step;
use chaos_core::{BlastRadius, Chaos, Fault, Injection, Ledger, Mode, Result};
use chaos_k8s::Cluster;
use chaos_k8s::cluster::agents::{Agents, Delivery};
use chaos_k8s::cluster::kube::Client;
use chaos_k8s::cluster::{WorkloadKind, nodes, pods, workloads};
use chaos_k8s::node::{net, process};
use serde::{Deserialize, Serialize};

use super::death::{Death, Dying, Phase};
use super::{EXTENDED, LASTING, LONGEST};
use crate::controller::wait_for_that;
use crate::gate::behind;
use crate::scene::agents_of;
use crate::server::really;

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Life {
    pub(super) fault: Wanted,
    pub(super) namespace: String,
    /// The pod, the node or the deployment.
    pub(super) target: String,
    pub(super) death: Option<Death>,
    /// Where its undo is written to; nowhere, where it has another owner.
    pub(super) ledger: Option<PathBuf>,
    /// Before which phase it waits until it may go on.
    pub(super) waits: Option<Phase>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Wanted {
    /// Cuts a pod off from the database, by an agent.
    Cut(Delivery),
    /// Stops the processes of a pod, which a guardian must let go on.
    Stop,
    /// Cordons a node, with a guardian pod.
    Cordon,
    /// Scales a deployment to nothing, without one.
    Scale,
    /// Takes a pod out of its service, without one.
    Leave,
}

/// The service that [`Wanted::Leave`] is about, and the label that leads it to its pods.
pub(super) const SERVICE: &str = "served";

/// Another process of this program, as the controller of a test.
pub(crate) fn control(on: &str) {
    let life: Life = serde_json::from_str(on).unwrap();
    really(life.live());
}

impl Life {
    pub(super) fn new(fault: Wanted, namespace: &str, target: &str, death: Option<Death>) -> Self {
        let (namespace, target) = (namespace.to_owned(), target.to_owned());
        Self { fault, namespace, target, death, ledger: None, waits: None }
    }

    pub(super) fn text(&self) -> String {
        serde_json::to_string(self).unwrap()
    }

    async fn live(self) {
        let dying = Dying::new(self.death, &self.target);
        let client = behind(dying.clone(), &Client::try_default().await.unwrap());
        let cluster = Cluster::new(client).lasting_at_most(LONGEST).unwrap();
        println!("run: {}", cluster.run());
        self.wait_before(Phase::Starting);
        match self.begin(&cluster).await {
            Ok(injection) => self.go_on(injection, &dying).await,
            Err(error) => println!("refused: {}", error.chain()),
        }
        println!("requests: {}", dying.count());
    }

    /// What listens to an agent meanwhile does so on other threads.
    fn wait_before(&self, phase: Phase) {
        if self.waits == Some(phase) {
            wait_for_that(&format!("{phase:?}"));
        }
    }

    async fn begin(&self, cluster: &Cluster) -> Result<Injection> {
        let undos = cluster.undos()?;
        let ledger = match &self.ledger {
            Some(dir) => Ledger::open(dir, undos)?,
            None => Ledger::in_memory(undos),
        };
        let step = self.step(cluster, &agents_of(cluster))?.lasting(LASTING);
        Chaos::random().inject(step, BlastRadius::count(1)?).ledger(ledger).begin().await
    }

    fn step(&self, cluster: &Cluster, agents: &Agents) -> Result<Step> {
        let pod = || cluster.pods().pod(&self.namespace, &self.target);
        Ok(match self.fault {
            Wanted::Cut(by) => {
                let db = cluster.pods().in_namespace(&self.namespace).label("app", "db")?;
                agents.clone().only_by(by).net(net::drop()).to(db).on(pod(), Mode::ALL).into()
            }
            Wanted::Stop => agents.fault(process::stop()).on(pod(), Mode::ALL).into(),
            Wanted::Cordon => {
                agents.guarded(nodes::cordon()).on(cluster.nodes().named(&self.target), Mode::ALL).into()
            }
            Wanted::Scale => {
                let workloads = cluster.workloads(WorkloadKind::Deployment).in_namespace(&self.namespace);
                workloads::scale_to(0).on(workloads.named(&self.target), Mode::ALL).into()
            }
            Wanted::Leave => {
                let service = cluster.service(&self.namespace, SERVICE);
                pods::leave_service(service).on(pod(), Mode::ALL).into()
            }
        })
    }

    async fn go_on(&self, injection: Injection, dying: &Dying) {
        println!("in force: {}", injection.observe().await.len());
        self.wait_before(Phase::Extending);
        dying.is_at(Phase::Extending);
        println!("extending: {EXTENDED:?}");
        match injection.extend(EXTENDED).await {
            Ok(()) => println!("extended: {EXTENDED:?}"),
            Err(error) => println!("not extended: {}", error.chain()),
        }
        self.wait_before(Phase::TakingBack);
        dying.is_at(Phase::TakingBack);
        println!("taking back: now");
        match injection.revert().await {
            Ok(()) => println!("taken back: whole"),
            Err(error) => println!("left: {}", error.chain()),
        }
    }
}
