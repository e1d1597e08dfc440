//! [`Resume`]: lets a paused process go on, whoever paused it and whether that still lives.

use std::fs;

use chaos_core::ledger::RunId;
use chaos_core::{Error, Result, Undo};
use serde::{Deserialize, Serialize};

use super::Signal;
use super::hold::Job;
use super::look::{stop_is_pending, threads};
use crate::node::Node;
use crate::node::process::identity::Identity;
use crate::node::process::wait::{BOUND, until};

/// How a process is paused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum How {
    /// By the tracer of this mark.
    Traced(RunId),
    /// By SIGSTOP.
    Stopped,
}

/// The undo of [`Pause`](super::Pause): ends the tracer, or sends SIGCONT to a process that is stopped.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Resume {
    pub(super) process: Identity,
    pub(super) how: How,
}

impl Resume {
    /// Our tracer, when it holds the process.
    pub(super) fn tracer(&self, mark: RunId) -> Result<Option<Identity>> {
        let name = Job { process: self.process, mark, lasting: None }.name();
        let mut tracers: Vec<u32> = threads(self.process)?.list.iter().map(|thread| thread.tracer).collect();
        tracers.sort_unstable();
        tracers.dedup();
        for pid in tracers.into_iter().filter(|pid| *pid != 0) {
            let called = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            if called.trim_end() == name {
                return Identity::of(pid);
            }
        }
        Ok(None)
    }

    async fn let_go(&self, node: &Node, mark: RunId) -> Result<()> {
        node.in_force().lines().remove(&mark);
        let gone = until(node.chaos().clock(), BOUND, || match self.tracer(mark)? {
            None => Ok(true),
            Some(tracer) => tracer.send(Signal::KILL).map(|_| false),
        });
        if gone.await? {
            return Ok(());
        }
        Err(Error::failed(format!("the tracer does not let go of {}: it waits in the kernel", self.process)))
    }

    async fn go_on(&self, node: &Node) -> Result<()> {
        if !self.is_stopped()? {
            return Ok(());
        }
        self.process.send(Signal::CONT)?;
        if until(node.chaos().clock(), BOUND, || Ok(!self.is_stopped()?)).await? {
            return Ok(());
        }
        Err(Error::failed(format!("{} stays stopped after SIGCONT: a debugger holds it", self.process)))
    }

    fn is_stopped(&self) -> Result<bool> {
        Ok(stop_is_pending(self.process)? || threads(self.process)?.are_stopped())
    }
}

impl Undo for Resume {
    const KIND: &'static str = "chaos-k8s/process-pause/1";
    type Via = Node;

    async fn revert(&self, node: &Node) -> Result<()> {
        match self.how {
            How::Traced(mark) => self.let_go(node, mark).await,
            How::Stopped => self.go_on(node).await,
        }
    }

    async fn is_gone(&self, _: &Node) -> Result<bool> {
        match self.how {
            How::Traced(mark) => Ok(self.tracer(mark)?.is_none()),
            How::Stopped => Ok(!self.is_stopped()?),
        }
    }
}
