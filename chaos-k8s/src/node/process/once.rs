//! [`Signals`]: a signal sent once. What it did cannot be taken back, and the plan says so.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chaos_core::fault::NoUndo;
use chaos_core::{Approved, Error, Fault, Observed, Plan, Result, Target};
use procfs::process::{Process as Proc, Status};
use rustix::process::{Pid, test_kill_process};

use super::identity::{Identity, there};
use super::repeat::Repeated;
use super::signal::Signal;
use super::target::Process;
use super::wait::{BOUND, until};

/// Sends `signal` once; [`every`](Signals::every) repeats it.
///
/// # Errors
/// A signal that stops: [`stop`](super::stop) does that and takes it back.
pub fn signal(signal: Signal) -> Result<Signals> {
    if signal.stops() {
        return Err(Error::invalid(format!(
            "{signal} stops a process and leaves it so: use `process::pause()` or `process::stop()`"
        )));
    }
    Ok(Signals::new(signal))
}

/// Ends a process at once (SIGKILL).
pub fn kill() -> Signals {
    Signals::new(Signal::KILL)
}

/// Asks a process to end (SIGTERM).
pub fn terminate() -> Signals {
    Signals::new(Signal::TERM)
}

/// A signal to a process: made by [`signal`], [`kill`] and [`terminate`].
///
/// A signal that would do nothing is refused before: one that the process ignores, one whose default is to do nothing,
/// one that the kernel keeps from the first process of a container. Seen in force is one that ended its process, or that
/// a handler got; a signal that stays pending, because the process blocks it, is not.
#[derive(Debug, Clone)]
pub struct Signals {
    signal: Signal,
    // A signal that was handled leaves no trace in the world.
    sent: Arc<Mutex<BTreeMap<Identity, Fate>>>,
}

/// What a process does with a signal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Ends,
    Handles,
}

impl Signals {
    fn new(signal: Signal) -> Self {
        Self { signal, sent: Arc::default() }
    }

    /// Sends it again and again, at this interval, as long as the fault lasts.
    ///
    /// # Errors
    /// An interval of zero, and SIGKILL: a process ends once.
    pub fn every(self, interval: Duration) -> Result<Repeated> {
        Repeated::new(self.signal, interval)
    }

    fn fate_of(&self, process: &Process) -> Option<Fate> {
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).get(&process.identity()).copied()
    }
}

impl Fault for Signals {
    type Target = Process;
    type Undo = NoUndo;

    fn describe(&self) -> String {
        format!("{} once", self.signal)
    }

    fn via<'a>(&'a self, _: &'a Process) -> &'a () {
        &()
    }

    async fn prepare(&self, process: &Process) -> Result<Plan<NoUndo>> {
        process.node().chaos().clock().require_real("a signal to a process")?;
        let what = match look(process, self.signal)? {
            Fate::Ends => "the process ends",
            Fate::Handles => "the process handles it",
        };
        Ok(Plan::irreversible(format!("sends {}: {what}", self.signal)))
    }

    async fn inject(&self, process: &Approved<Process>, _: &NoUndo) -> Result<()> {
        let fate = look(process, self.signal)?;
        let identity = process.identity();
        if !identity.send(self.signal)? {
            return Err(Error::refused(format!("{} has ended", process.name())));
        }
        self.sent.lock().unwrap_or_else(PoisonError::into_inner).insert(identity, fate);
        let clock = process.node().chaos().clock();
        // The kernel does its part at once, unless the process waits inside it: what is so is for `observe` to say.
        until(clock, BOUND, || match fate {
            Fate::Ends => identity.has_ended(),
            Fate::Handles => Ok(!is_pending(identity, self.signal)?),
        })
        .await?;
        Ok(())
    }

    async fn observe(&self, process: &Process, _: &NoUndo) -> Result<Observed> {
        let Some(fate) = self.fate_of(process) else {
            return Ok(Observed::absent("not sent"));
        };
        let identity = process.identity();
        Ok(if identity.has_ended()? {
            Observed::in_force("it has ended")
        } else if is_pending(identity, self.signal)? {
            Observed::absent(format!(
                "{} is pending: the process blocks it or waits in the kernel",
                self.signal
            ))
        } else if fate == Fate::Ends {
            Observed::absent("it still runs")
        } else {
            Observed::in_force(format!("its handler got {}", self.signal))
        })
    }
}

/// What `signal` would do to the process.
///
/// # Errors
/// Refused when it would do nothing, or may not be sent.
pub(super) fn look(process: &Process, signal: Signal) -> Result<Fate> {
    let identity = process.identity();
    let status = status(identity)?.ok_or_else(|| Error::refused(format!("{} has ended", process.name())))?;
    may_signal(process)?;
    let nothing =
        |why: &str| Err(Error::refused(format!("{signal} would do nothing to {}: {why}", process.name())));
    if signal.is_in(status.sigcgt) {
        return Ok(Fate::Handles);
    }
    if signal == Signal::KILL {
        return Ok(Fate::Ends);
    }
    if signal.is_in(status.sigign) {
        return nothing("it ignores it");
    }
    if signal.is_harmless() {
        return nothing("it has no handler, and the default is to do nothing");
    }
    // The kernel keeps default actions from the first process of a pid namespace (pid_namespaces(7)).
    if status.nspid.is_some_and(|pids| pids.len() > 1 && pids.last() == Some(&1)) {
        return nothing("it is the first process of its container and has no handler; SIGKILL ends it");
    }
    Ok(Fate::Ends)
}

/// Whether it may be sent signals at all.
pub(super) fn may_signal(process: &Process) -> Result<()> {
    let pid = i32::try_from(process.pid()).ok().and_then(Pid::from_raw);
    match pid.map(test_kill_process) {
        Some(Err(errno)) => Err(Error::refused(format!(
            "{} may not be sent signals: run as its user or with CAP_KILL",
            process.name()
        ))
        .with_source(io::Error::from(errno))),
        _ => Ok(()),
    }
}

fn status(identity: Identity) -> Result<Option<Status>> {
    let Some(stat) = identity.stat()? else { return Ok(None) };
    there(Proc::new(stat.pid).and_then(|proc| proc.status()))
}

fn is_pending(identity: Identity, signal: Signal) -> Result<bool> {
    Ok(status(identity)?.is_some_and(|status| signal.is_in(status.shdpnd)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_stops_is_another_fault() {
        for name in ["STOP", "TSTP", "TTIN", "TTOU"] {
            let error = signal(name.parse().unwrap()).unwrap_err();
            assert!(error.is_invalid() && error.to_string().contains("process::stop()"), "{error}");
        }
    }
}
