//! The evictions of a drain: a task of this process, which ends with the fault and with the process.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use chaos_core::ledger::RunId;
use chaos_core::units::secs;
use chaos_core::{Error, Target};
use serde_json::Value;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use super::pods;
use crate::cluster::ClusterNode;
use crate::cluster::api::{ObjectRef, Request};

/// How long a pod that a budget keeps is left before it is asked again: as kubectl does.
const AGAIN: Duration = secs(5);

/// The drains of this process.
#[derive(Debug, Default)]
pub(crate) struct Drains {
    going: Mutex<HashMap<RunId, Going>>,
}

#[derive(Debug)]
struct Going {
    task: AbortHandle,
    progress: Arc<Mutex<Progress>>,
}

impl Drop for Going {
    fn drop(&mut self) {
        self.task.abort();
    }
}

#[derive(Debug, Default)]
struct Progress {
    asked: usize,
    /// Those that stay, and why.
    kept: BTreeMap<String, String>,
    given_up: bool,
}

impl Drains {
    fn going(&self) -> MutexGuard<'_, HashMap<RunId, Going>> {
        self.going.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn stop(&self, claim: RunId) {
        self.going().remove(&claim);
    }

    pub(super) fn is_going(&self, claim: RunId) -> bool {
        self.going().contains_key(&claim)
    }

    /// How far it is, in words.
    pub(super) fn progress(&self, claim: RunId) -> Option<String> {
        let going = self.going();
        let progress = going.get(&claim)?.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let Progress { asked, kept, given_up } = &*progress;
        let Some((name, why)) = kept.first_key_value() else { return Some(format!("{asked} pods go")) };
        let others = if kept.len() > 1 { format!(", and {} more", kept.len() - 1) } else { String::new() };
        let stay = if *given_up { "stay" } else { "stay so far" };
        Some(format!("{asked} pods go, {} {stay}: {name} ({why}){others}", kept.len()))
    }
}

/// Begins to ask the pods of `node` to go; what is returned is ready when each was asked once.
pub(super) fn start(node: &ClusterNode, claim: RunId, within: Duration) -> oneshot::Receiver<()> {
    let (first, first_round) = oneshot::channel();
    let progress = Arc::new(Mutex::new(Progress::default()));
    let work = {
        let (node, progress) = (node.clone(), Arc::clone(&progress));
        async move {
            let clock = node.cluster().api().clock().clone();
            let mut first = Some(first);
            let rounds = async {
                loop {
                    let is_done = round(&node, &progress).await;
                    if let Some(first) = first.take() {
                        // Nobody waits any more when the first round was long.
                        let _ = first.send(());
                    }
                    if is_done {
                        return;
                    }
                    clock.sleep(AGAIN).await;
                }
            };
            if clock.timeout(within, rounds).await.is_err() {
                progress.lock().unwrap_or_else(PoisonError::into_inner).given_up = true;
            }
        }
    };
    let task = tokio::spawn(work).abort_handle();
    node.cluster().drains().going().insert(claim, Going { task, progress });
    first_round
}

/// Asks each pod that is still there; true when none stays.
async fn round(node: &ClusterNode, progress: &Mutex<Progress>) -> bool {
    let lock = || progress.lock().unwrap_or_else(PoisonError::into_inner);
    let pods = match pods::on(node).await {
        Ok(pods) => pods,
        Err(error) => {
            lock().kept = BTreeMap::from([(node.name(), error.chain())]);
            return false;
        }
    };
    let mut kept = BTreeMap::new();
    for pod in pods {
        match ask(node, &pod.object).await {
            Ok(()) => lock().asked += 1,
            Err(why) => {
                let name = format!("{}/{}", pod.object.namespace().unwrap_or_default(), pod.object.name);
                kept.insert(name, why);
            }
        }
    }
    let is_done = kept.is_empty();
    lock().kept = kept;
    is_done
}

/// Why it stays, if it does.
async fn ask(node: &ClusterNode, pod: &ObjectRef) -> Result<(), String> {
    let evicted: Result<Value, _> = node.cluster().api().send(Request::evict(pod, None)).await;
    match evicted {
        Ok(_) => Ok(()),
        Err(trouble) if trouble.is_not_found() || trouble.is_conflict() => Ok(()),
        Err(trouble) => Err(trouble.budget().unwrap_or_else(|| Error::from(trouble).chain())),
    }
}
