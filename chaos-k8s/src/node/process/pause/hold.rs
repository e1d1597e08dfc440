//! [`hold`]: starts this program again as the tracer of one process, and hears whether it has every thread.
//!
//! Not a thread of this program: what a thread traces, the whole program may wait for, so that it would take the stops of
//! a child of its own for its end (`ptrace_reparented` in kernel/exit.c).

use std::fmt;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::process::{Child, ChildStdout, Stdio};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use chaos_core::guardian::child;
use chaos_core::ledger::RunId;
use chaos_core::units::secs;
use chaos_core::{Error, Result};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
use serde::{Deserialize, Serialize};

use super::word::{EVERY, Line};
use super::{Signal, not_traceable};
use crate::node::process::identity::Identity;
use crate::node::process::wait::BOUND;

/// The last argument of a tracer begins so; a [`Job`] follows.
pub(super) const ASKED: &str = "--chaos-tracer=";
/// How long the tracer may take to start, beside what it may take to catch every thread.
const START: Duration = secs(10);

/// What a tracer is told: which process, the mark by which an undo knows it, and for how long; without an end, as long as its
/// injector is awake.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Job {
    pub(super) process: Identity,
    pub(super) mark: RunId,
    pub(super) lasting: Option<Duration>,
}

impl fmt::Display for Job {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{ASKED}{}@{}:{}", self.process.pid, self.process.start, self.mark)?;
        match self.lasting {
            Some(lasting) => write!(f, ":{}", lasting.as_millis()),
            None => Ok(()),
        }
    }
}

impl Job {
    /// What the kernel calls the tracer, at most 15 characters; it does so until the very end, when the command line is
    /// gone and what is traced is not let go yet.
    pub(super) fn name(&self) -> String {
        let mark = self.mark.to_string();
        format!("chaos-{}", mark.get(mark.len().saturating_sub(9)..).unwrap_or(&mark))
    }

    pub(super) fn read(argument: &str) -> Option<Self> {
        let (process, mark) = argument.strip_prefix(ASKED)?.split_once(':')?;
        let (mark, lasting) = match mark.split_once(':') {
            Some((mark, millis)) => (mark, Some(Duration::from_millis(millis.parse().ok()?))),
            None => (mark, None),
        };
        let (pid, start) = process.split_once('@')?;
        let process = Identity { pid: pid.parse().ok()?, start: start.parse().ok()? };
        Some(Self { process, mark: mark.parse().ok()?, lasting })
    }
}

/// What a tracer answers, one line of JSON.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Answer {
    /// Every thread stands still.
    Held,
    /// The kernel does not let it.
    NotTraceable(String),
    /// Some thread did not stand still in time.
    TooLate(String),
    Ended,
}

/// Holds every thread of the process, those made meanwhile included. When this returns all of them stand still, or none is
/// held. It blocks the caller, for some 10 ms as a rule. What it returns is the way to the tracer.
pub(super) fn hold(job: Job) -> Result<Arc<Line>> {
    let (to, started) = mpsc::channel();
    // The kernel ends the tracer with the thread that started it (PR_SET_PDEATHSIG), so that one must last.
    let keep = move || keep(job, &to);
    let no_thread = |error| Error::failed("no thread could be started for the tracer").with_source(error);
    std::thread::Builder::new().name("chaos-pause".to_owned()).spawn(keep).map_err(no_thread)?;
    let (pid, mut out, line) =
        started.recv().map_err(|_| Error::failed("the thread of the tracer is lost"))??;
    let answer = read_answer(&mut out, Instant::now() + START + BOUND);
    if matches!(answer, Ok(Answer::Held)) {
        return Ok(line);
    }
    // It may be any program, if ours lacks the line.
    if let Some(tracer) = Identity::of(pid)? {
        tracer.send(Signal::KILL)?;
    }
    let process = job.process;
    Err(match answer {
        Ok(Answer::NotTraceable(why)) => not_traceable(process, &why),
        Ok(Answer::TooLate(why)) => Error::timeout(why),
        Ok(Answer::Ended) => Error::refused(format!("{process} has ended")),
        Ok(Answer::Held) | Err(_) => Error::refused(
            "this program does not become a tracer when it is asked to: begin its main with \
             `let guardian = chaos_k8s::node::run_if_asked();`",
        ),
    })
}

type Started = (u32, ChildStdout, Arc<Line>);

/// Starts the tracer, and lives as long as it does.
fn keep(job: Job, to: &mpsc::Sender<Result<Started>>) {
    let program = child::this_program();
    let started = child::start(&program, "chaos-tracer", &[], &job.to_string(), Stdio::null())
        .map_err(|error| Error::failed("no tracer could be started").with_source(error));
    let mut tracer = match started {
        Ok(tracer) => tracer,
        // Whoever asked waits for this.
        Err(error) => return drop(to.send(Err(error))),
    };
    // Its end is how the tracer learns of ours. Made with O_CLOEXEC: no other child has it.
    let line = tracer.stdin.take().map(Line::new).and_then(io::Result::ok).map(Arc::new);
    let (Some(line), Some(out)) = (line, tracer.stdout.take()) else {
        let _ = tracer.kill();
        return drop(tracer.wait());
    };
    let _ = to.send(Ok((tracer.id(), out, Arc::clone(&line))));
    if job.lasting.is_none() {
        // Without the word it lets go too early, never too late.
        let _ = keep_awake(&tracer, &line);
    }
    let _ = tracer.wait();
    line.end();
}

/// Says that we are awake until the tracer has ended.
fn keep_awake(tracer: &Child, line: &Line) -> io::Result<()> {
    let ended = pidfd_open(Pid::from_child(tracer), PidfdFlags::empty())?;
    let every = PollTimeout::try_from(EVERY).unwrap_or(PollTimeout::MAX);
    loop {
        match poll(&mut [PollFd::new(ended.as_fd(), PollFlags::POLLIN)], every) {
            Ok(0) => line.is_awake()?,
            Ok(_) => return Ok(()),
            Err(nix::errno::Errno::EINTR) => {}
            Err(errno) => return Err(errno.into()),
        }
    }
}

fn read_answer(out: &mut ChildStdout, until: Instant) -> io::Result<Answer> {
    // What another program prints may have no end.
    const LONGEST: usize = 4096;
    let mut line = Vec::new();
    while line.len() < LONGEST {
        let left = until.saturating_duration_since(Instant::now());
        let left = PollTimeout::try_from(left).unwrap_or(PollTimeout::MAX);
        let mut ready = [PollFd::new(out.as_fd(), PollFlags::POLLIN)];
        match poll(&mut ready, left) {
            Ok(0) => return Err(io::ErrorKind::TimedOut.into()),
            Ok(_) => {}
            Err(nix::errno::Errno::EINTR) => continue,
            Err(errno) => return Err(errno.into()),
        }
        let mut byte = [0];
        match out.read(&mut byte)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            _ if byte == *b"\n" => return Ok(serde_json::from_slice(&line)?),
            _ => line.push(byte[0]),
        }
    }
    Err(io::ErrorKind::InvalidData.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_is_read_as_it_was_written_and_nothing_else_is_one() {
        let job =
            Job { process: Identity { pid: 4711, start: 123_456 }, mark: RunId::fresh(), lasting: None };
        assert_eq!(Job::read(&job.to_string()), Some(job));
        let short = Job { lasting: Some(secs(3)), ..job };
        assert_eq!(Job::read(&short.to_string()), Some(short));
        assert_eq!(job.name().len(), 15);
        for text in
            ["", "--chaos-tracer=", "--chaos-tracer=1@2", "--chaos-tracer=1@2:x", "--chaos-guardian=1"]
        {
            assert_eq!(Job::read(text), None, "{text}");
        }
    }
}
