//! [`Tracing`]: the thread that traces.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::process::Command;
use std::sync::mpsc::{Receiver, Sender};

use nix::errno::Errno;
use nix::libc;
use nix::sys::ptrace::{self, Options};
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
use nix::unistd::Pid;

use super::place::{Place, Role, Seen};
use super::{Living, News};
use crate::calls::At;

struct Process {
    pid: i32,
    role: Role,
    calls: usize,
    alive: bool,
}

/// The thread that traces.
pub(super) struct Tracing {
    stop_at: Option<Place>,
    to: Sender<News>,
    orders: Receiver<bool>,
    living: Living,
    processes: Vec<Process>,
    /// The process of each thread.
    threads: HashMap<i32, usize>,
    /// A thread that is to be stopped when its call is done.
    awaited: Option<(i32, Seen)>,
    seen: Vec<Seen>,
    succeeded: bool,
}

impl Tracing {
    pub(super) fn start(
        mut command: Command,
        stop_at: Option<Place>,
        to: Sender<News>,
        orders: Receiver<bool>,
        living: Living,
    ) {
        #[expect(clippy::zombie_processes, reason = "it is waited for among all that is traced")]
        let mut child = command.spawn().unwrap();
        let (mut stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let first = Pid::from_raw(i32::try_from(child.id()).unwrap());
        let options = Options::PTRACE_O_EXITKILL
            | Options::PTRACE_O_TRACESECCOMP
            | Options::PTRACE_O_TRACESYSGOOD
            | Options::PTRACE_O_TRACECLONE
            | Options::PTRACE_O_TRACEFORK
            | Options::PTRACE_O_TRACEVFORK
            | Options::PTRACE_O_TRACEEXEC;
        ptrace::seize(first, options).unwrap();
        stdin.write_all(b"go\n").unwrap();
        let mut tracing = Self {
            stop_at,
            to,
            orders,
            living,
            processes: Vec::new(),
            threads: HashMap::new(),
            awaited: None,
            seen: Vec::new(),
            succeeded: false,
        };
        tracing.process_of(first);
        // Whoever waits for it may have given up.
        let _ = tracing.to.send(News::Started(stdin, stdout));
        tracing.follow();
        let (seen, succeeded) = (tracing.seen, tracing.succeeded);
        let _ = tracing.to.send(News::Ended { seen, succeeded });
    }

    fn follow(&mut self) {
        loop {
            // Not the children of the other threads of this program.
            match waitpid(None, Some(WaitPidFlag::__WALL | WaitPidFlag::__WNOTHREAD)) {
                Ok(WaitStatus::PtraceEvent(tid, _, event)) => self.event(tid, event),
                Ok(WaitStatus::PtraceSyscall(tid)) => {
                    self.done(tid);
                    go_on(tid, None);
                }
                Ok(WaitStatus::Stopped(tid, signal)) => go_on(tid, Some(signal)),
                Ok(WaitStatus::Exited(tid, code)) => self.ended(tid, code == 0),
                Ok(WaitStatus::Signaled(tid, ..)) => self.ended(tid, false),
                Ok(other) => panic!("{other:?}"),
                Err(Errno::EINTR) => {}
                Err(Errno::ECHILD) => return,
                Err(errno) => panic!("{errno}"),
            }
        }
    }

    fn event(&mut self, tid: Pid, event: i32) {
        let process = self.process_of(tid);
        match event {
            libc::PTRACE_EVENT_SECCOMP => return self.at_call(tid, process),
            // The call is done, though a parent by vfork is held until its child has another program.
            libc::PTRACE_EVENT_CLONE | libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK => self.done(tid),
            // The first may have been caught before it was through with its own.
            libc::PTRACE_EVENT_EXEC if process > 0 => {
                let role = Role::of(tid.as_raw());
                self.processes[process].role = role;
                self.living.lock().unwrap().insert(tid.as_raw(), role);
                self.done(tid);
            }
            _ => {}
        }
        go_on(tid, None);
    }

    fn at_call(&mut self, tid: Pid, process: usize) {
        let Ok(mut registers) = ptrace::getregs(tid) else { return go_on(tid, None) };
        let pid = self.processes[process].pid;
        let at = At { pid, tid: tid.as_raw(), is_first: process == 0, registers: &registers };
        let Some(call) = at.call() else { return go_on(tid, None) };
        let nth = self.processes[process].calls;
        self.processes[process].calls += 1;
        let seen = Seen {
            process,
            nth,
            role: self.processes[process].role,
            call,
            guarded: self.processes.iter().any(|one| one.alive && one.role == Role::Guardian),
            orphaned: !self.processes[0].alive,
        };
        self.seen.push(seen.clone());
        let Some(place) = self.stop_at.filter(|at| (at.process, at.nth) == (process, nth)) else {
            return go_on(tid, None);
        };
        self.stop_at = None;
        if place.after {
            self.awaited = Some((tid.as_raw(), seen));
            // Killed meanwhile, it is not there any more.
            let _ = ptrace::syscall(tid, None);
        } else if self.told(seen) {
            registers.orig_rax = u64::MAX;
            let _ = ptrace::setregs(tid, registers);
            go_on(tid, None);
        } else {
            go_on(tid, None);
        }
    }

    /// The call of this thread is done: if it was waited for, it stands there until it is told to go on.
    fn done(&mut self, tid: Pid) {
        if let Some((_, seen)) = self.awaited.take_if(|(awaited, _)| *awaited == tid.as_raw()) {
            self.told(seen);
        }
    }

    fn told(&mut self, seen: Seen) -> bool {
        let _ = self.to.send(News::Reached(seen));
        self.orders.recv().unwrap_or(false)
    }

    fn ended(&mut self, tid: Pid, succeeded: bool) {
        let Some(process) = self.threads.remove(&tid.as_raw()) else { return };
        let ended = &mut self.processes[process];
        if ended.pid != tid.as_raw() {
            return;
        }
        ended.alive = false;
        self.living.lock().unwrap().remove(&tid.as_raw());
        if process == 0 {
            self.succeeded = succeeded;
        }
    }

    fn process_of(&mut self, tid: Pid) -> usize {
        if let Some(process) = self.threads.get(&tid.as_raw()) {
            return *process;
        }
        let pid = leader(tid).unwrap_or(tid.as_raw());
        let known = self.processes.iter().position(|process| process.alive && process.pid == pid);
        let process = known.unwrap_or_else(|| {
            let role = if self.processes.is_empty() { Role::First } else { Role::Child };
            self.living.lock().unwrap().insert(pid, role);
            self.processes.push(Process { pid, role, calls: 0, alive: true });
            self.processes.len() - 1
        });
        self.threads.insert(tid.as_raw(), process);
        process
    }
}

fn leader(tid: Pid) -> Option<i32> {
    let status = fs::read_to_string(format!("/proc/{tid}/status")).ok()?;
    status.lines().find_map(|line| line.strip_prefix("Tgid:\t")?.parse().ok())
}

fn go_on(tid: Pid, signal: Option<Signal>) {
    // Killed meanwhile, it is not there any more; its end is the next that is heard.
    let _ = ptrace::cont(tid, signal);
}
