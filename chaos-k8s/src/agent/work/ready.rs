//! [`Ready`]: an item that was looked at, with its target, and what puts it in force.

use std::os::fd::OwnedFd;
use std::time::Duration;

use chaos_core::{Error, Fault, Injection, Owner, Result, Target};

use super::find::{Networks, cgroup, in_container, node_processes, own_network, processes};
use super::power::{Computer, PowerLoss};
use super::tools::{BoxFuture, Tools};
use crate::agent::spec::{FaultData, Item, SignalData, TargetData};
use crate::node::Node;
use crate::node::process::{self, Process, Signals};
use crate::node::stress::Placement;

type Begin = Box<dyn FnOnce(Tools, Duration) -> BoxFuture<Result<Injection>> + Send>;

/// An item about to be put in force.
pub(super) struct Ready {
    pub(super) target: String,
    pub(super) plan: String,
    pub(super) owner: Owner,
    begin: Begin,
}

impl Ready {
    /// Looks at the item's target, and touches nothing.
    pub(super) async fn of(
        item: &Item,
        fault: &FaultData,
        tools: &Tools,
        networks: &Networks,
    ) -> Result<Self> {
        let node = &tools.node;
        let namespace = || match &item.target {
            TargetData::OwnNetwork(own) => own_network(node, &own.addresses),
            TargetData::NodeNetwork(own) => own_network(node, &own.addresses),
            TargetData::Network(pod) => networks.find(node, pod),
            _ => Err(no_match()),
        };
        match (fault, &item.target) {
            (FaultData::Network(rule), _) => plan(rule.clone(), vec![namespace()?]).await,
            (FaultData::Dns(dns), _) => plan(dns.clone(), vec![namespace()?]).await,
            (FaultData::Stress(stress), TargetData::Cgroup(wanted)) => {
                let cgroup = cgroup(node, wanted)?;
                let (stress, held) = in_container(node, &wanted.container, stress.clone()).await?;
                Ok(plan(stress, vec![cgroup]).await?.holding(held))
            }
            (FaultData::Stress(stress), TargetData::Host(_)) => {
                plan(stress.clone(), vec![node.host()?]).await
            }
            (FaultData::Stress(stress), TargetData::OwnCgroup(_)) => {
                plan(stress.clone().placed(Placement::Here), vec![node.own_cgroup()?]).await
            }
            (FaultData::Signal(data), target) => {
                let (once, targets) = (Signals::try_from(data)?, processes_of(node, target).await?);
                match data {
                    SignalData { every: None, .. } => plan(once, targets).await,
                    SignalData { every: Some(every), .. } => plan(once.every(*every)?, targets).await,
                }
            }
            (FaultData::Pause(pause), target) => {
                plan::<process::Pause>(pause.clone(), processes_of(node, target).await?).await
            }
            (FaultData::Freeze(freeze), TargetData::Cgroup(wanted)) => {
                plan(*freeze, vec![cgroup(node, wanted)?]).await
            }
            (FaultData::KillAll(_), TargetData::Cgroup(wanted)) => {
                plan(process::kill_all(), vec![cgroup(node, wanted)?]).await
            }
            (FaultData::Power(power), TargetData::Machine(machine)) => {
                plan(PowerLoss(*power), vec![Computer::here(machine)?]).await
            }
            _ => Err(no_match()),
        }
    }

    /// Keeps these open until it is in force.
    fn holding(self, held: Vec<OwnedFd>) -> Self {
        let begin = self.begin;
        let begin: Begin = Box::new(move |tools, lasting| {
            Box::pin(async move {
                let begun = begin(tools, lasting).await;
                drop(held);
                begun
            })
        });
        Self { begin, ..self }
    }

    /// Puts it in force, for so long: what can ends by itself a while after that.
    pub(super) fn begin(self, tools: Tools, lasting: Duration) -> BoxFuture<Result<Injection>> {
        (self.begin)(tools, lasting)
    }
}

async fn processes_of(node: &Node, target: &TargetData) -> Result<Vec<Process>> {
    match target {
        TargetData::Processes(wanted) => processes(node, wanted).await,
        TargetData::NodeProcesses(wanted) => node_processes(node, wanted).await,
        _ => Err(no_match()),
    }
}

/// A spec with such an item is refused before.
fn no_match() -> Error {
    Error::invalid("no fault for such a target")
}

async fn plan<F: Fault>(fault: F, targets: Vec<F::Target>) -> Result<Ready> {
    let (mut names, mut plans, mut owner) = (Vec::new(), Vec::new(), Owner::Process);
    for target in &targets {
        if let Some(why) = target.protected() {
            return Err(Error::refused(format!("{} is never hit: {why}", target.name())));
        }
        let plan = fault.prepare(target).await?;
        names.push(target.id());
        plans.push(plan.change().to_owned());
        owner = plan.owner();
    }
    let begin: Begin = Box::new(move |tools, lasting| Box::pin(tools.inject(fault, targets, lasting)));
    Ok(Ready { target: names.join(" "), plan: plans.join("; "), owner, begin })
}
