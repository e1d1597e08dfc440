//! [`AgentEnd`]: the undo of a fault by an agent. The agent is ended, and takes everything back itself.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chaos_core::ledger::RunId;
use chaos_core::units::duration::brief;
use chaos_core::units::{ms, secs};
use chaos_core::{Error, Result, Undo};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::ask::Asking;
use super::facts::{RawContainerStatus, RawPod, RawState, RawTerminated};
use super::manifest;
use super::place::Place;
use crate::agent::control::Order;
use crate::agent::spec::FaultData;
use crate::agent::status::{End, Ending};
use crate::cluster::Cluster;
use crate::cluster::api::{ObjectRef, Request};

/// How long an agent may take to end, once it is told; the caller tries again.
const PATIENCE: Duration = secs(25);
/// How often it is looked meanwhile.
const LOOK_EVERY: Duration = ms(250);
/// How many containers are put beside an agent to end it, before that is left to its deadline.
const TELLERS: usize = 3;

/// The undo of a fault by an agent: the agent is ended, which takes back everything that it has done and says whether that
/// went well. Its pod is deleted then; an ephemeral container cannot be.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct AgentEnd {
    pub(super) agent: RunId,
    pub(super) place: Place,
}

/// What is seen of an agent's container.
enum Seen<'a> {
    /// Nothing: it is gone, or never came.
    Gone,
    /// It has not begun to run.
    Waits(String),
    Runs,
    /// It was killed, and its kubelet starts it again: then it takes back what is left, and is not to be ended before.
    Restarts,
    Ended(&'a RawTerminated),
}

impl Undo for AgentEnd {
    const KIND: &'static str = "chaos-k8s/agent-end/1";
    type Via = Cluster;

    async fn revert(&self, cluster: &Cluster) -> Result<()> {
        // In the process that made it, one end is enough for all targets of an agent.
        let done = match cluster.agents_at_work().find(self.agent) {
            Some(live) => live.end().await,
            None => self.end(cluster).await,
        };
        done.map_err(|error| error.context(manifest::describe(&self.place)))
    }

    async fn is_gone(&self, cluster: &Cluster) -> Result<bool> {
        let Some(pod) = RawPod::read(cluster, &self.place.pod()).await? else { return Ok(true) };
        Ok(match (&self.place, self.seen(&pod)) {
            (_, Seen::Gone) => true,
            (Place::Container { .. }, Seen::Ended(_)) => true,
            (Place::Container { not_after, .. }, Seen::Waits(_)) => is_past(*not_after),
            _ => false,
        })
    }
}

impl AgentEnd {
    fn seen<'a>(&self, pod: &'a RawPod) -> Seen<'a> {
        if let Place::Pod { .. } = self.place {
            // Another that has its name is none of ours.
            if !manifest::is_of(&pod.metadata.annotations, self.agent) {
                return Seen::Gone;
            }
        } else if matches!(pod.status.phase.as_str(), "Succeeded" | "Failed") {
            // With the pod's own containers the kubelet has ended this one.
            return Seen::Gone;
        }
        match pod.container(self.place.container()) {
            Some(RawContainerStatus { state: RawState { terminated: Some(how), .. }, .. }) => {
                let is_last = matches!(self.place, Place::Container { .. })
                    || matches!(pod.status.phase.as_str(), "Succeeded" | "Failed")
                    || by_itself(how).is_some();
                if is_last { Seen::Ended(how) } else { Seen::Restarts }
            }
            Some(status) if status.state.running.is_some() => Seen::Runs,
            Some(RawContainerStatus { last_state: RawState { terminated: Some(how), .. }, .. }) => {
                match by_itself(how) {
                    None => Seen::Restarts,
                    Some(Ending::Left) => Seen::Ended(how),
                    // It has taken back what it did, and waits to be started once more.
                    Some(why) => Seen::Waits(why.to_string()),
                }
            }
            Some(status) => Seen::Waits(waits_for(status)),
            None if matches!(self.place, Place::Pod { .. }) => Seen::Waits(pod.status.phase.clone()),
            None => {
                match pod.spec.ephemeral_containers.iter().any(|one| one.name == self.place.container()) {
                    true => Seen::Waits("not seen by its kubelet yet".to_owned()),
                    false => Seen::Gone,
                }
            }
        }
    }

    /// Ends it and waits for that.
    pub(super) async fn end(&self, cluster: &Cluster) -> Result<()> {
        let clock = cluster.api().clock().clone();
        let until = clock.now() + PATIENCE;
        let (mut told, mut asking) = (false, Asking::default());
        loop {
            let Some(pod) = RawPod::read(cluster, &self.place.pod()).await? else { return Ok(()) };
            let object = self.object(&pod);
            let state = match (&self.place, self.seen(&pod)) {
                (_, Seen::Gone) => return Ok(()),
                (Place::Container { .. }, Seen::Ended(how)) => {
                    return self.verdict(&pod, how);
                }
                (Place::Pod { .. }, Seen::Ended(how)) => {
                    self.verdict(&pod, how)?;
                    // It has nothing to take back any more, so nobody needs to wait for it.
                    delete(cluster, &object, 0).await?;
                    "ended, and its pod is still there".to_owned()
                }
                (Place::Pod { .. }, Seen::Waits(what)) => {
                    // It has done nothing yet; should it begin right now, SIGTERM ends it.
                    delete(cluster, &object, 30).await?;
                    format!("not started ({what})")
                }
                (_, Seen::Restarts) => "about to be started again, after it was killed".to_owned(),
                (Place::Pod { .. }, Seen::Runs) => {
                    if pod.metadata.deletion_timestamp.is_none() {
                        asking.ask(cluster, &pod, &object).await?;
                    }
                    "running".to_owned()
                }
                (Place::Container { not_after, .. }, Seen::Waits(_)) if is_past(*not_after) => return Ok(()),
                (Place::Container { .. }, Seen::Waits(what)) => {
                    format!(
                        "not started ({what}), cannot be taken away, and does nothing if it starts too late"
                    )
                }
                (Place::Container { image, token, .. }, Seen::Runs) => {
                    if !told {
                        self.tell(cluster, &pod, image, token).await?;
                        told = true;
                    }
                    "running".to_owned()
                }
            };
            if clock.now() >= until {
                return Err(Error::failed(format!(
                    "after {} it is {state}; it ends by itself at its deadline, whoever hears of it",
                    brief(PATIENCE)
                )));
            }
            clock.sleep(LOOK_EVERY).await;
        }
    }

    /// Whether it has left nothing: by its exit code, or by what it was told to do.
    fn verdict(&self, pod: &RawPod, how: &RawTerminated) -> Result<()> {
        let status = pod.container(self.place.container());
        let said = verdict(how, status.is_some_and(|status| status.restart_count > 0));
        if said.is_ok() || by_itself(how).is_some() {
            return said;
        }
        let spec = pod.agent_spec(self.place.container());
        let is_the_kernel_s =
            spec.is_some_and(|spec| spec.faults.values().all(FaultData::ends_with_its_agent));
        if is_the_kernel_s { Ok(()) } else { said }
    }

    fn object(&self, pod: &RawPod) -> ObjectRef {
        ObjectRef { uid: pod.metadata.uid.clone(), ..self.place.pod() }
    }

    /// Puts a container beside it that gives it this order.
    pub(super) async fn order(
        &self,
        cluster: &Cluster,
        pod: &RawPod,
        number: usize,
        order: &Order,
    ) -> Result<String> {
        let Place::Container { container, image, token, .. } = &self.place else {
            return Err(Error::invalid("an agent in a pod of its own is told by its annotations"));
        };
        let name = format!("{container}-order{number}");
        let containers = manifest::teller(&name, image, self.agent, token, Some(order))?;
        let request = Request::add_containers(&self.object(pod), &containers);
        let done: Result<Value, _> = cluster.api().send(request).await;
        done.map(|_| name).map_err(Error::from)
    }

    /// Puts a container beside it that tells it to stop.
    async fn tell(
        &self,
        cluster: &Cluster,
        pod: &RawPod,
        image: &str,
        token: &crate::agent::spec::Token,
    ) -> Result<()> {
        let base = self.place.container();
        let is_there = |name: &str| pod.spec.ephemeral_containers.iter().any(|one| one.name == name);
        let name = (0..TELLERS).map(|number| format!("{base}-stop{number}")).find(|name| !is_there(name));
        let Some(name) = name else {
            return Err(Error::failed(format!("{TELLERS} containers have told it to stop, and it runs")));
        };
        let containers = manifest::teller(&name, image, self.agent, token, None)?;
        let request = Request::add_containers(&self.object(pod), &containers);
        let done: Result<Value, _> = cluster.api().send(request).await;
        done.map(drop).map_err(Error::from)
    }
}

/// By our clock; half a minute for clocks that differ.
fn is_past(second: u64) -> bool {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    now > Duration::from_secs(second) + secs(30)
}

async fn delete(cluster: &Cluster, object: &ObjectRef, grace: u32) -> Result<()> {
    let done: Result<Value, _> = cluster.api().send(Request::delete(object, Some(grace))).await;
    match done {
        Err(trouble) if !(trouble.is_not_found() || trouble.is_conflict()) => Err(trouble.into()),
        _ => Ok(()),
    }
}

pub(super) fn waits_for(status: &RawContainerStatus) -> String {
    status.state.waiting.as_ref().map_or_else(
        || "no state yet".to_owned(),
        |waiting| match waiting.message.is_empty() {
            true => waiting.reason.clone(),
            false => format!("{}: {}", waiting.reason, waiting.message),
        },
    )
}

/// Why it ended, where it came to its end by itself.
fn by_itself(how: &RawTerminated) -> Option<Ending> {
    Ending::of_code(how.exit_code).filter(|why| !why.is_by_death())
}

/// Whether an agent that has ended has left nothing. What a start before the last one left, the guardian of the last one may not
/// know; one that was killed with its guardian may have had its last word before.
fn verdict(how: &RawTerminated, was_restarted: bool) -> Result<()> {
    let said: Option<End> = serde_json::from_str(&how.message).ok();
    match Ending::of_code(how.exit_code).or(said.as_ref().map(|end| end.why)) {
        Some(Ending::Left) => {
            let left = said.map_or_else(String::new, |end| end.left.join("; "));
            Err(Error::failed(format!("it could not take back: {left}")))
        }
        Some(Ending::Killed) if !was_restarted => Ok(()),
        Some(why) if !why.is_by_death() => Ok(()),
        why => Err(Error::failed(format!(
            "{} (exit code {}, {}): what the kernel does not take back by itself may be left on its node",
            why.map_or_else(|| "it was killed with its guardian".to_owned(), |why| why.to_string()),
            how.exit_code,
            how.reason
        ))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ended(code: i32, message: &str) -> RawTerminated {
        RawTerminated { exit_code: code, reason: "Error".to_owned(), message: message.to_owned() }
    }

    #[test]
    fn what_was_left_or_may_be_is_said() {
        for code in [0, 3, 4, 6, 10, 11, 12] {
            verdict(&ended(code, ""), false).unwrap();
        }
        let left =
            verdict(&ended(5, r#"{"why":"left","code":5,"left":["net:[1]: busy"]}"#), false).unwrap_err();
        assert!(left.to_string().contains("net:[1]: busy"), "{left}");
        for (code, was_restarted) in [(13, false), (101, false), (137, false), (12, true)] {
            let left = verdict(&ended(code, ""), was_restarted).unwrap_err();
            assert!(left.to_string().contains(&code.to_string()), "{left}");
        }
        verdict(&ended(137, r#"{"why":"signal","code":10}"#), false).unwrap();
        let left =
            verdict(&ended(137, r#"{"why":"left","code":5,"left":["net:[1]: busy"]}"#), false).unwrap_err();
        assert!(left.to_string().contains("net:[1]: busy"), "{left}");
    }
}
