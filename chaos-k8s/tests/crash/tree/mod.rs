//! [`Tree`]: a process with all that it starts, under a tracer that can stop it at any call that changes the world.
//!
//! One thread traces; it alone may. The others are told what it sees. When it ends, however, everything it traces is killed
//! (`PTRACE_O_EXITKILL`).

mod place;
mod tracing;

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};

use chaos_core::units::secs;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

pub(crate) use place::{Place, Role, Seen};
use tracing::Tracing;

/// No process of a test takes as long.
const BOUND: std::time::Duration = secs(60);

enum News {
    Started(ChildStdin, ChildStdout),
    Reached(Seen),
    Ended { seen: Vec<Seen>, succeeded: bool },
}

/// What ended: everything that was seen, and whether the first process ended with success.
pub(crate) struct Ended {
    pub(crate) seen: Vec<Seen>,
    pub(crate) succeeded: bool,
}

type Living = Arc<Mutex<BTreeMap<i32, Role>>>;

pub(crate) struct Tree {
    news: Receiver<News>,
    go_on: Option<Sender<bool>>,
    living: Living,
    tracer: Option<JoinHandle<()>>,
    stdin: Option<ChildStdin>,
    stdout: BufReader<ChildStdout>,
    ended: Option<Ended>,
}

impl Tree {
    /// Starts `command`, which waits for a line before it does anything, and stops it or one of its children at `stop_at`.
    pub(crate) fn start(mut command: Command, stop_at: Option<Place>) -> Self {
        let (to, news) = channel();
        let (go_on, orders) = channel();
        let living = Living::default();
        let shared = Arc::clone(&living);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let trace = move || Tracing::start(command, stop_at, to, orders, shared);
        let tracer = thread::Builder::new().name("tracing".to_owned()).spawn(trace).unwrap();
        let Ok(News::Started(stdin, stdout)) = news.recv_timeout(BOUND) else {
            panic!("the process could not be started")
        };
        Self {
            news,
            go_on: Some(go_on),
            living,
            tracer: Some(tracer),
            stdin: Some(stdin),
            stdout: BufReader::new(stdout),
            ended: None,
        }
    }

    /// The next line that the first process says; an empty one at its end.
    pub(crate) fn line(&mut self) -> String {
        let mut line = String::new();
        self.stdout.read_line(&mut line).unwrap();
        line.trim().to_owned()
    }

    pub(crate) fn tell(&mut self, line: &str) {
        writeln!(self.stdin.as_mut().unwrap(), "{line}").unwrap();
    }

    /// Waits until the place is reached, and stands there; none when everything has ended before.
    pub(crate) fn reached(&mut self) -> Option<Seen> {
        match self.news.recv_timeout(BOUND) {
            Ok(News::Reached(seen)) => Some(seen),
            Ok(News::Ended { seen, succeeded }) => {
                self.ended = Some(Ended { seen, succeeded });
                None
            }
            Ok(News::Started(..)) => unreachable!("it starts once"),
            Err(RecvTimeoutError::Timeout) => panic!("not at its place within {BOUND:?}: {}", self.living()),
            Err(RecvTimeoutError::Disconnected) => panic!("the tracing thread failed"),
        }
    }

    /// Those in this role that live.
    pub(crate) fn pids(&self, role: Role) -> Vec<i32> {
        let living = self.living.lock().unwrap();
        living.iter().filter(|(_, found)| **found == role).map(|(pid, _)| *pid).collect()
    }

    /// Lets what stands at its place go on; with `skip` without its call.
    pub(crate) fn go_on(&self, skip: bool) {
        self.go_on.as_ref().unwrap().send(skip).unwrap();
    }

    /// Waits until every process has ended.
    pub(crate) fn end(mut self) -> Ended {
        while self.ended.is_none() {
            if self.reached().is_some() {
                self.go_on(false);
            }
        }
        self.ended.take().unwrap()
    }

    fn living(&self) -> String {
        let living = self.living.lock().unwrap();
        let of = |pid: &i32| {
            let read = |file| fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap_or_default();
            format!("{} {} {}", read("stat"), read("wchan"), read("syscall"))
        };
        living.iter().map(|(pid, role)| format!("\n{role:?} {}", of(pid))).collect()
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        drop(self.go_on.take());
        for pid in self.living.lock().unwrap().keys() {
            let _ = kill(Pid::from_raw(*pid), Signal::SIGKILL);
        }
        if let Some(tracer) = self.tracer.take() {
            let _ = tracer.join();
        }
    }
}
