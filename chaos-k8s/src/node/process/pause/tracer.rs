//! The tracer: this program, started again to hold every thread of one process, as a debugger would. Its end is theirs to
//! go on: the same way whether a revert ends it, the death of who started it, or a SIGKILL.
//!
//! It detaches from nothing itself. The kernel does that when the tracer ends, whatever the threads are at (`exit_ptrace`
//! of kernel/ptrace.c).

use std::ffi::CString;
use std::io::{self, Write};
use std::os::fd::AsFd;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use chaos_core::units::ms;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::prctl::{set_name, set_pdeathsig};
use nix::sys::ptrace;
use nix::sys::signal::{SIGCHLD, SigSet, Signal};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{Pid, read, setsid};

use super::hold::{Answer, Job};
use super::look::{Thread, threads};
use super::word::Until;
use crate::node::process::identity::Identity;
use crate::node::process::wait::BOUND;
use crate::node::sys::tracee::{self, What};

/// Never returns in a process that was started as a tracer.
pub(crate) fn run_if_asked() {
    let asked = std::env::args_os().skip(1).last();
    if let Some(job) = asked.as_ref().and_then(|last| Job::read(last.to_str()?)) {
        let outcome = run(job);
        std::process::exit(i32::from(outcome.is_err()));
    }
}

fn run(job: Job) -> io::Result<ExitCode> {
    set_name(&CString::new(job.name())?)?;
    // Beside the pipe, for the case that we are stopped when the injector dies.
    set_pdeathsig(Signal::SIGKILL)?;
    // Ctrl-C and the hang-up of a terminal are for the injector. It fails where we lead a session already.
    let _ = setsid();
    let mut ends = SigSet::empty();
    ends.add(SIGCHLD);
    ends.thread_block()?;
    let news = SignalFd::with_flags(&ends, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)?;
    let mut until = Until::new(job.lasting);
    let tracer = Tracer { process: job.process, news };
    let answer = tracer.catch();
    let mut line = serde_json::to_vec(&answer)?;
    line.push(b'\n');
    io::stdout().write_all(&line)?;
    io::stdout().flush()?;
    if answer == Answer::Held {
        while tracer.takes_news() && !tracer.is_told(until.left(), &mut until) && !until.left().is_zero() {}
    }
    Ok(ExitCode::SUCCESS)
}

struct Tracer {
    process: Identity,
    /// SIGCHLD: something that is traced has news.
    news: SignalFd,
}

impl Tracer {
    /// Until every thread stands still. Those that do can neither end nor make new ones, so when they are as many as the
    /// kernel counts, there is no other.
    fn catch(&self) -> Answer {
        let end = Instant::now() + BOUND;
        loop {
            self.takes_news();
            let seen = match threads(self.process) {
                Ok(seen) if seen.list.is_empty() => return Answer::Ended,
                Ok(seen) => seen,
                Err(error) => return Answer::NotTraceable(error.chain()),
            };
            let running: Vec<Thread> =
                seen.list.iter().filter(|thread| !(is_ours(thread) && thread.is_held())).copied().collect();
            if running.is_empty() && seen.is_complete {
                return Answer::Held;
            }
            if Instant::now() > end {
                return self.too_late(&running, seen.list.len());
            }
            let new: Vec<&Thread> = running.iter().filter(|thread| !is_ours(thread)).collect();
            if let Some(refused) = new.iter().find_map(|thread| self.seize(thread)) {
                return refused;
            }
            // What it is told before it holds is that it shall not.
            if new.is_empty() && self.is_told(ms(1), &mut Until::new(None)) {
                return Answer::NotTraceable("the pause was taken back before it began".to_owned());
            }
        }
    }

    fn seize(&self, thread: &Thread) -> Option<Answer> {
        let tid = Pid::from_raw(i32::try_from(thread.tid).unwrap_or(i32::MAX));
        // Threads that it makes are caught before their first instruction.
        let seized = ptrace::seize(tid, ptrace::Options::PTRACE_O_TRACECLONE);
        match seized.and_then(|()| ptrace::interrupt(tid)) {
            Ok(()) | Err(Errno::ESRCH) => None,
            // So says the kernel of one that is just ending, too.
            Err(Errno::EPERM) if !self.is_free(thread.tid) => None,
            Err(errno) => Some(Answer::NotTraceable(errno.to_string())),
        }
    }

    fn is_free(&self, tid: u32) -> bool {
        threads(self.process)
            .is_ok_and(|seen| seen.list.iter().any(|thread| thread.tid == tid && !is_ours(thread)))
    }

    fn too_late(&self, running: &[Thread], all: usize) -> Answer {
        let why = if running.iter().any(|thread| thread.waits_in_the_kernel()) {
            ": they wait in the kernel, for a disk or a mount"
        } else {
            ""
        };
        Answer::TooLate(format!(
            "{} of {all} threads of {} do not stand still within {BOUND:?}{why}",
            running.len(),
            self.process
        ))
    }

    /// Takes what happened to the threads; false when there is nothing left to hold.
    fn takes_news(&self) -> bool {
        // What comes after this is signalled again.
        while self.news.read_signal().is_ok_and(|signal| signal.is_some()) {}
        loop {
            let done = match tracee::news() {
                Ok(None) => return true,
                // Its first thread is the last to end, and that is for its parent to see.
                Ok(Some(news))
                    if news.what == What::Ended && u32::try_from(news.tid) == Ok(self.process.pid) =>
                {
                    return false;
                }
                // Caught on the way to a signal: it is delivered, and then the thread stands still. Were the news taken
                // before, our death in between would lose it.
                Ok(Some(tracee::News { tid, what: What::AtSignal(signal) })) => tracee::go_on(tid, signal),
                Ok(Some(news)) => tracee::take(news.tid),
                Err(error) => Err(error),
            };
            match done {
                // Killed in between: its end is the next news.
                Err(error) if error.raw_os_error() == Some(Errno::ESRCH as i32) => {}
                Err(_) => return false,
                Ok(()) => {}
            }
        }
    }

    /// Waits for news, words, or the end of who started us; true when it is the end.
    fn is_told(&self, within: Duration, until: &mut Until) -> bool {
        let stdin = io::stdin();
        let mut ready = [
            PollFd::new(stdin.as_fd(), PollFlags::POLLIN),
            PollFd::new(self.news.as_fd(), PollFlags::POLLIN),
        ];
        // A little longer than a rounded time, so that it is over then.
        let within = PollTimeout::try_from(within + ms(1)).unwrap_or(PollTimeout::MAX);
        match poll(&mut ready, within) {
            Ok(_) if !ready[0].any().unwrap_or(true) => false,
            Ok(_) => {
                let mut words = [0; 512];
                match read(&stdin, &mut words) {
                    Ok(length) if length > 0 => {
                        until.hear(&String::from_utf8_lossy(&words[..length]));
                        false
                    }
                    Err(Errno::EINTR) => false,
                    _ => true,
                }
            }
            Err(Errno::EINTR) => false,
            // Rather the end of a fault than one that nobody can end.
            Err(_) => true,
        }
    }
}

fn is_ours(thread: &Thread) -> bool {
    thread.tracer == std::process::id()
}
