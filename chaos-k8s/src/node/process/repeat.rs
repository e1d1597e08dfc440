//! [`Repeated`]: a signal sent again and again, by a task of ours that ends with the fault and with this process.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chaos_core::ledger::RunId;
use chaos_core::{Approved, Error, Fault, Observed, Owner, Plan, Result, Target, Undo};
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;

use super::once::{Fate, look};
use super::signal::Signal;
use super::target::Process;
use crate::node::Node;

/// A signal at an interval: made by [`Signals::every`](super::Signals::every). The first is sent at once.
///
/// What is taken back is the repetition: what a signal did is done. It ends with the process that gets it, and with this
/// one.
#[derive(Debug, Clone)]
pub struct Repeated {
    signal: Signal,
    interval: Duration,
}

impl Repeated {
    pub(super) fn new(signal: Signal, interval: Duration) -> Result<Self> {
        if interval.is_zero() {
            return Err(Error::invalid("the interval between two signals is zero"));
        }
        if signal == Signal::KILL {
            return Err(Error::invalid("a process ends once: send SIGKILL without an interval"));
        }
        Ok(Self { signal, interval })
    }
}

impl Fault for Repeated {
    type Target = Process;
    type Undo = Silence;

    fn describe(&self) -> String {
        format!("{} every {:?}", self.signal, self.interval)
    }

    fn via<'a>(&'a self, process: &'a Process) -> &'a Node {
        process.node()
    }

    async fn prepare(&self, process: &Process) -> Result<Plan<Silence>> {
        process.node().chaos().clock().require_real("a signal at an interval")?;
        let what = match look(process, self.signal)? {
            Fate::Ends => "the process ends at the first",
            Fate::Handles => "what its handler does is not taken back",
        };
        let change = format!("sends {} every {:?}: {what}", self.signal, self.interval);
        Ok(Plan::reversible(change, Silence { mark: RunId::fresh() }).owned_by(Owner::Process))
    }

    async fn inject(&self, process: &Approved<Process>, undo: &Silence) -> Result<()> {
        let (identity, signal, interval) = (process.identity(), self.signal, self.interval);
        if !identity.send(signal)? {
            return Err(Error::refused(format!("{} has ended", process.name())));
        }
        let sent = Arc::new(AtomicU64::new(1));
        let (clock, count) = (process.node().chaos().clock().clone(), Arc::clone(&sent));
        let beat = async move {
            loop {
                clock.sleep(interval).await;
                match identity.send(signal) {
                    Ok(true) => count.fetch_add(1, Ordering::Relaxed),
                    Ok(false) => return,
                    Err(error) => {
                        return tracing::warn!(target: "chaos", error = %error.chain(), "a repeated signal ends");
                    }
                };
            }
        };
        let task = tokio::spawn(beat);
        process.node().in_force().beats().insert(undo.mark, Beat { task, sent });
        Ok(())
    }

    async fn observe(&self, process: &Process, undo: &Silence) -> Result<Observed> {
        let ended = process.identity().has_ended()?;
        let beats = process.node().in_force().beats();
        Ok(match beats.get(&undo.mark) {
            None => Observed::absent("nothing is sent"),
            Some(beat) => {
                let sent = beat.sent.load(Ordering::Relaxed);
                match (ended, beat.task.is_finished()) {
                    (true, _) => Observed::absent(format!("it has ended, after {sent} signals")),
                    (false, true) => {
                        Observed::absent(format!("nothing is sent any more, after {sent} signals"))
                    }
                    (false, false) => Observed::in_force(format!("sent {sent} times so far")),
                }
            }
        })
    }
}

/// A task that sends.
#[derive(Debug)]
pub(crate) struct Beat {
    task: JoinHandle<()>,
    sent: Arc<AtomicU64>,
}

impl Drop for Beat {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// The undo of [`Repeated`]: no more signals.
#[derive(Debug, Serialize, Deserialize)]
pub struct Silence {
    mark: RunId,
}

impl Undo for Silence {
    const KIND: &'static str = "chaos-k8s/process-signals/1";
    type Via = Node;

    async fn revert(&self, node: &Node) -> Result<()> {
        let beat = node.in_force().beats().remove(&self.mark);
        if let Some(mut beat) = beat {
            beat.task.abort();
            // On another thread it may be sending right now; that is a system call and no more.
            let _ = (&mut beat.task).await;
        }
        Ok(())
    }

    async fn is_gone(&self, node: &Node) -> Result<bool> {
        // The task is ours: where it is not known, it is not.
        Ok(!node.in_force().beats().contains_key(&self.mark))
    }
}

#[cfg(test)]
mod tests {
    use chaos_core::units::secs;

    use super::super::{kill, terminate};
    use super::*;

    #[test]
    fn what_cannot_be_repeated_is_refused() {
        assert!(kill().every(secs(1)).unwrap_err().is_invalid());
        assert!(terminate().every(Duration::ZERO).unwrap_err().is_invalid());
    }
}
