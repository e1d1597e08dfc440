//! [`Pause`]: every thread of a process stands still, and goes on where it stood.
//!
//! | made by | how | taken back, when we die, by |
//! |---|---|---|
//! | [`pause()`] | this program, started again, traces it (PTRACE_SEIZE, PTRACE_INTERRUPT) | the kernel, at once |
//! | [`stop`] | SIGSTOP | a guardian |
//! | [`pause()`]`.or_stop()` | the first, and the second where that is not possible | as the plan says |
//!
//! When this program is stopped (SIGSTOP) or hangs, a traced process goes on at the pause's deadline
//! ([`Approved::lasting`]), and one that is held without an end a minute later, by the tracer's own clock; a stopped one when its
//! guardian's deadline has passed.
//!
//! # Caveats
//! - System calls that a stop interrupts return EINTR in the process, as after SIGSTOP and SIGCONT (signal(7) lists them:
//!   `epoll_wait` and others). A program that cannot bear that has a bug that this shows.
//! - Signals that come while it is paused wait; SIGKILL ends it all the same.
//! - Only one can trace: a paused process cannot be looked into by a debugger, and one that a debugger holds cannot be
//!   paused that way.
//! - Its children are processes of their own and go on.
//! - A traced pause costs a process and a thread of ours per paused process, both asleep. `main` must begin with
//!   [`run_if_asked`](crate::node::run_if_asked) for it.

mod hold;
mod look;
mod tracer;
mod undo;
mod word;

use std::fs::{self, File};
use std::io;

use chaos_core::ledger::RunId;
use chaos_core::{Approved, Error, Fault, Observed, Owner, Plan, Result, Target};
use nix::errno::Errno;
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use nix::unistd::Pid;
use serde::{Deserialize, Serialize};

use super::identity::Identity;
use super::once;
use super::signal::Signal;
use super::target::Process;
use super::wait::{BOUND, until};
use crate::node::Node;
use hold::{Job, hold};
use look::{Thread, threads};
pub(super) use tracer::run_if_asked;
use undo::How;
pub use undo::Resume;
pub(super) use word::Line;

/// Pauses a process by tracing it, so that the kernel lets it go when this program ends, however that happens.
///
/// It needs the right to trace: the same user (and no `ptrace_scope` of Yama that forbids it), or CAP_SYS_PTRACE. Without
/// it, and for a process that is traced already, the plan is refused; [`Pause::or_stop`] says what to do then.
pub fn pause() -> Pause {
    Pause { way: Way::Trace }
}

/// Stops a process by SIGSTOP. The kernel does not take that back: it needs a guardian and a ledger.
///
/// The parent of the process sees it stop, and the program itself may see that it goes on (SIGCONT).
pub fn stop() -> Pause {
    Pause { way: Way::Stop }
}

/// A process stands still: made by [`pause`] and [`stop`]; as data `"trace"`, `"trace-or-stop"` or `"stop"`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Pause {
    way: Way,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Way {
    Trace,
    TraceOrStop,
    Stop,
}

impl Pause {
    /// Where it cannot be traced, it is stopped by SIGSTOP, which needs a guardian; the plan says which and why.
    #[must_use]
    pub fn or_stop(self) -> Self {
        Self { way: if self.way == Way::Trace { Way::TraceOrStop } else { self.way } }
    }
}

#[cfg(feature = "agent")]
impl Pause {
    /// Whether it may come to tracing, and whether to SIGSTOP.
    pub(crate) fn ways(&self) -> (bool, bool) {
        (self.way != Way::Stop, self.way != Way::Trace)
    }
}

impl Fault for Pause {
    type Target = Process;
    type Undo = Resume;

    fn describe(&self) -> String {
        match self.way {
            Way::Trace => "pause",
            Way::TraceOrStop => "pause, or SIGSTOP",
            Way::Stop => "SIGSTOP",
        }
        .to_owned()
    }

    fn via<'a>(&'a self, process: &'a Process) -> &'a Node {
        process.node()
    }

    async fn prepare(&self, process: &Process) -> Result<Plan<Resume>> {
        process.node().chaos().clock().require_real("a pause of a process")?;
        process.stat()?;
        let threads = threads(process.identity())?;
        if threads.are_stopped() {
            return Err(Error::refused(format!("{} stands still already", process.name())));
        }
        let traceable = is_traceable(process.identity(), &threads.list);
        let count = threads.list.len();
        match (self.way, traceable) {
            (Way::Trace | Way::TraceOrStop, Ok(())) => {
                let change = format!("holds its {count} threads by ptrace");
                Ok(plan(process, change, How::Traced(RunId::fresh()), Owner::Kernel))
            }
            (Way::Trace, Err(why)) => Err(why),
            (Way::TraceOrStop, Err(why)) => {
                once::may_signal(process)?;
                let change = format!("stops it by SIGSTOP, for {why}");
                Ok(plan(process, change, How::Stopped, Owner::Guardian))
            }
            (Way::Stop, _) => {
                once::may_signal(process)?;
                Ok(plan(process, "stops it by SIGSTOP".to_owned(), How::Stopped, Owner::Guardian))
            }
        }
    }

    async fn inject(&self, process: &Approved<Process>, undo: &Resume) -> Result<()> {
        let identity = process.identity();
        if let How::Traced(mark) = undo.how {
            let line = hold(Job { process: identity, mark, lasting: process.lasting() })?;
            process.node().in_force().lines().insert(mark, line);
            return Ok(());
        }
        if !identity.send(Signal::STOP)? {
            return Err(Error::refused(format!("{} has ended", process.name())));
        }
        let stopped = || Ok(threads(identity)?.list.iter().all(|thread| thread.is_stopped()));
        if until(process.node().chaos().clock(), BOUND, stopped).await? {
            return Ok(());
        }
        Err(Error::timeout(format!("{} does not stop: it waits in the kernel", process.name())))
    }

    async fn extend(&self, process: &Approved<Process>, undo: &Resume) -> Result<()> {
        let How::Traced(mark) = undo.how else { return Ok(()) };
        let line = process.node().in_force().lines().get(&mark).cloned();
        let told = line.zip(process.lasting()).map(|(line, lasting)| line.last(lasting));
        match told {
            Some(Ok(())) => Ok(()),
            _ => Err(Error::failed(format!("nothing of ours holds {} any more", process.name()))),
        }
    }

    async fn observe(&self, process: &Process, undo: &Resume) -> Result<Observed> {
        let threads = threads(process.identity())?.list;
        if threads.is_empty() {
            return Ok(Observed::absent("it has ended"));
        }
        let is_still: Box<dyn Fn(&Thread) -> bool> = match undo.how {
            How::Traced(mark) => {
                let Some(tracer) = undo.tracer(mark)? else {
                    return Ok(Observed::absent(
                        "no tracer of ours holds it: its deadline has passed, or somebody ended it",
                    ));
                };
                Box::new(move |thread| thread.is_held() && thread.tracer == tracer.pid)
            }
            How::Stopped => Box::new(|thread| thread.is_stopped()),
        };
        let (all, still) = (threads.len(), threads.iter().filter(|thread| is_still(thread)).count());
        let seen = format!("{still} of {all} threads stand still");
        Ok(if still == all { Observed::in_force(seen) } else { Observed::absent(seen) })
    }
}

fn plan(process: &Process, change: String, how: How, owner: Owner) -> Plan<Resume> {
    Plan::reversible(change, Resume { process: process.identity(), how }).owned_by(owner)
}

/// Whether we could trace it, without doing so.
fn is_traceable(process: Identity, threads: &[Thread]) -> Result<()> {
    if let Some(tracer) = threads.iter().map(|thread| thread.tracer).find(|tracer| *tracer != 0) {
        let name = fs::read_to_string(format!("/proc/{tracer}/comm")).unwrap_or_default();
        return Err(not_traceable(process, &format!("{tracer} ({}) traces it", name.trim())));
    }
    // Our tracer is no ancestor of it, which is what the first scope asks for (Documentation/admin-guide/LSM/Yama.rst).
    let may = caps::has_cap(None, caps::CapSet::Effective, caps::Capability::CAP_SYS_PTRACE).unwrap_or(false);
    if scope() > 0 && !may {
        return Err(not_traceable(process, "no CAP_SYS_PTRACE"));
    }
    may_attach(process.pid).map_err(|error| not_traceable(process, &error.to_string()))
}

/// The kernel asks for a read of another's memory what it asks for ptrace, security modules included
/// (process_vm_readv(2)), and asks before it looks at the address. To open `/proc/PID/mem` needs rights to that file too.
fn may_attach(pid: u32) -> io::Result<()> {
    let Ok(number) = i32::try_from(pid) else { return Err(io::ErrorKind::InvalidInput.into()) };
    let nothing = RemoteIoVec { base: 0, len: 1 };
    match process_vm_readv(Pid::from_raw(number), &mut [io::IoSliceMut::new(&mut [0])], &[nothing]) {
        Ok(_) | Err(Errno::EFAULT) => Ok(()),
        Err(Errno::ENOSYS) => File::open(format!("/proc/{pid}/mem")).map(drop),
        Err(errno) => Err(errno.into()),
    }
}

/// What Yama restricts tracing to; 0 where there is no Yama.
fn scope() -> u32 {
    let scope = fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope").unwrap_or_default();
    scope.trim().parse().unwrap_or(0)
}

fn not_traceable(process: Identity, why: &str) -> Error {
    let scope = match scope() {
        0 => String::new(),
        scope => format!(", and kernel.yama.ptrace_scope is {scope}"),
    };
    Error::refused(format!(
        "{process} cannot be traced ({why}{scope}): run with CAP_SYS_PTRACE, or use `process::stop()` or `.or_stop()`, \
         which need a guardian"
    ))
}
