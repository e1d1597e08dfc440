//! The threads of a process, as `/proc/PID/task/*/status` shows them.

use chaos_core::Result;
use procfs::process::Process as Proc;

use crate::node::process::identity::{Identity, there};

/// One thread that has not ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Thread {
    pub(super) tid: u32,
    state: char,
    /// The thread that traces it; 0 is nobody.
    pub(super) tracer: u32,
}

impl Thread {
    /// Held by its tracer.
    pub(super) fn is_held(self) -> bool {
        self.state == 't'
    }

    /// Stopped by a signal; under a debugger that is a stop of the debugger's.
    pub(super) fn is_stopped(self) -> bool {
        self.state == 'T' || self.state == 't'
    }

    pub(super) fn waits_in_the_kernel(self) -> bool {
        self.state == 'D'
    }
}

/// A look at the threads of a process.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Threads {
    /// Those that have not ended; none when the process has.
    pub(super) list: Vec<Thread>,
    /// Whether the kernel counted as many: a list may break off where a thread ends while it is read.
    pub(super) is_complete: bool,
}

impl Threads {
    /// Stopped by a signal. Under a debugger that shows as its hold, which threads are under at every system call if it
    /// watches those: all at once, they are stopped.
    pub(super) fn are_stopped(&self) -> bool {
        self.list.iter().any(|thread| thread.state == 'T')
            || (!self.list.is_empty() && self.list.iter().all(|thread| thread.is_stopped()))
    }
}

pub(super) fn threads(process: Identity) -> Result<Threads> {
    let Some(stat) = process.stat()? else { return Ok(Threads::default()) };
    let Some(tasks) = there(Proc::new(stat.pid).and_then(|proc| proc.tasks()))? else {
        return Ok(Threads::default());
    };
    let (mut list, mut ended) = (Vec::new(), 0);
    for task in tasks {
        let Some(status) = there(task.and_then(|task| task.status()))? else { continue };
        let state = status.state.chars().next().unwrap_or('?');
        if matches!(state, 'Z' | 'X' | 'x') {
            // The first thread is counted to the last, though it may have ended long ago.
            ended += i64::from(status.pid == stat.pid);
            continue;
        }
        let number = |id: i32| u32::try_from(id).unwrap_or(0);
        list.push(Thread { tid: number(status.pid), state, tracer: number(status.tracerpid) });
    }
    // Counted after the list was read.
    let Some(stat) = process.stat()? else { return Ok(Threads::default()) };
    let is_complete = i64::try_from(list.len()) == Ok(stat.num_threads - ended);
    Ok(Threads { list, is_complete })
}

/// Whether SIGSTOP was sent and has not stopped it yet.
pub(super) fn stop_is_pending(process: Identity) -> Result<bool> {
    let Some(stat) = process.stat()? else { return Ok(false) };
    let status = there(Proc::new(stat.pid).and_then(|proc| proc.status()))?;
    Ok(status.is_some_and(|status| super::Signal::STOP.is_in(status.shdpnd)))
}
