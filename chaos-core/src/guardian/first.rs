//! The guardian as the first process of a container: the injector is its child, and what it holds outlives that.
//!
//! A sibling would be killed with its container the moment that the first process ends. This one is the first process: it
//! starts the program again below itself, with the same arguments, environment and input, passes signals on, takes the
//! ends of orphans, and ends as the program did, after it has put back what the program left in force.

use std::collections::BTreeMap;
use std::env;
use std::fs::File;
use std::future::{Future, poll_fn};
use std::io::{self, IsTerminal};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::pin::pin;
use std::process::{Command, Stdio};
use std::time::Duration;

use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use rustix::process::{Pid, Signal, WaitOptions, WaitStatus, kill_process, wait};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until};

use super::asked::ChildEnd;
use super::child;
use super::log::Log;
use super::revert::Outcome;
use super::session::{EndInjector, Event, Pipes, serve};
use super::watch::spare_from_oom_killer;
use super::within::{WITHIN, receive, send};
use crate::error::{Error, Result};
use crate::ledger::Undos;
use crate::units::secs;

/// How long after a SIGTERM or SIGINT the injector may go on before what it has in force is put back: half of what the
/// most impatient, Docker, gives a container to end.
const GRACE: Duration = secs(5);

/// What the kernel and shells call an end by a signal.
const BY_SIGNAL: i32 = 128;

/// Runs the program below this process, to its end; none where it could not be started.
pub(super) fn run(undos: impl AsyncFnOnce() -> Result<Undos>) -> Option<ChildEnd> {
    let started = try_run(undos).inspect_err(|err| {
        Log::stderr().tell(&format!("cannot start the program below itself: {err}"));
    });
    started.ok()
}

fn try_run(undos: impl AsyncFnOnce() -> Result<Undos>) -> io::Result<ChildEnd> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (to, happened) = mpsc::unbounded_channel();
        // Before there is a child that could end.
        listen(&to)?;
        let (child, control) = start()?;
        // After the start: the child would inherit it.
        spare_from_oom_killer();
        read(control, to.clone())?;
        let (made, undos_made) = watch::channel(None);
        let first = First { child, to, undos: undos_made, sessions: JoinSet::new(), open: BTreeMap::new() };
        Ok(first.live(happened, undos, made).await)
    })
}

/// What the first process wakes up for.
enum Happened {
    Signal(Signal),
    /// A child, or an orphan that became one, has ended.
    Ended,
    /// The injector asks for a session.
    Asked(Vec<OwnedFd>),
    /// It goes on long after it was told to end.
    Overdue,
    /// It has let a deadline pass, and is to be ended for it.
    Hangs,
}

/// What the program's undos are, once they are made.
type Made = Option<std::result::Result<Undos, String>>;

struct First {
    child: Pid,
    to: UnboundedSender<Happened>,
    undos: watch::Receiver<Made>,
    sessions: JoinSet<io::Result<Outcome>>,
    /// What wakes each.
    open: BTreeMap<usize, UnboundedSender<Event>>,
}

impl First {
    async fn live(
        mut self,
        mut happened: UnboundedReceiver<Happened>,
        undos: impl AsyncFnOnce() -> Result<Undos>,
        made: watch::Sender<Made>,
    ) -> ChildEnd {
        let status = {
            // Dropped at the end of the loop: a session that still waits for it then ends.
            let mut making = pin!(async move {
                let undos = undos().await.map_err(|err| err.chain());
                made.send_replace(Some(undos));
            });
            let mut is_made = false;
            let mut is_told = false;
            loop {
                let next = poll_fn(|cx| {
                    is_made = is_made || making.as_mut().poll(cx).is_ready();
                    happened.poll_recv(cx)
                });
                match next.await {
                    None => break None,
                    Some(Happened::Ended) => {
                        if let Some(status) = reap(self.child) {
                            break Some(status);
                        }
                    }
                    Some(Happened::Signal(signal)) => {
                        // It may just have ended: then the next news say so.
                        let _ = kill_process(self.child, signal);
                        if matches!(signal, Signal::TERM | Signal::INT) && !is_told {
                            is_told = true;
                            self.remind();
                        }
                    }
                    Some(Happened::Overdue) => self.tell_all(|| Event::Signal),
                    // It is ours to reap, so the number is still its own.
                    Some(Happened::Hangs) => drop(kill_process(self.child, Signal::KILL)),
                    Some(Happened::Asked(given)) => self.open(given),
                }
            }
        };
        // Its pipes say so as well, unless a child of its own holds them open.
        self.tell_all(|| Event::Died);
        let mut is_put_back = true;
        while let Some(done) = self.sessions.join_next().await {
            // One that could not answer was never armed.
            is_put_back &= matches!(done, Ok(Err(_) | Ok(Outcome::Nothing | Outcome::PutBack)));
        }
        ChildEnd { status: code(status), is_put_back }
    }

    fn remind(&self) {
        let to = self.to.clone();
        tokio::spawn(async move {
            sleep_until(Instant::now() + GRACE).await;
            let _ = to.send(Happened::Overdue);
        });
    }

    fn tell_all(&self, event: impl Fn() -> Event) {
        for session in self.open.values() {
            // One that has ended does not hear it.
            let _ = session.send(event());
        }
    }

    fn open(&mut self, given: Vec<OwnedFd>) {
        let mut given = given.into_iter();
        let (Some(orders), Some(answers)) = (given.next(), given.next()) else { return };
        let log = Log::to(given.next().map(File::from));
        let wakes = mpsc::unbounded_channel();
        self.open.retain(|_, session| !session.is_closed());
        let number = self.open.last_key_value().map_or(0, |(last, _)| last + 1);
        self.open.insert(number, wakes.0.clone());
        let mut made = self.undos.clone();
        let undos = async move || match made.wait_for(Option::is_some).await.as_deref() {
            Ok(Some(Ok(undos))) => Ok(undos.clone()),
            Ok(Some(Err(why))) => Err(Error::refused(format!("its undos cannot be made: {why}"))),
            _ => Err(Error::failed("its undos were never made")),
        };
        let to = self.to.clone();
        let end_injector: EndInjector = Box::new(move || drop(to.send(Happened::Hangs)));
        self.sessions.spawn(serve(Pipes { orders, answers }, wakes, undos, log, Some(end_injector)));
    }
}

/// Takes the ends of all that have ended; that of the child, if it is among them.
fn reap(child: Pid) -> Option<WaitStatus> {
    let mut status = None;
    while let Ok(Some((ended, how))) = wait(WaitOptions::NOHANG) {
        if ended == child {
            status = Some(how);
        }
    }
    status
}

fn code(status: Option<WaitStatus>) -> i32 {
    let status = status.and_then(|status| {
        status.exit_status().or_else(|| status.terminating_signal().map(|signal| BY_SIGNAL + signal))
    });
    status.unwrap_or(1)
}

fn listen(to: &UnboundedSender<Happened>) -> io::Result<()> {
    let passed_on = |kind: SignalKind, passed: Signal| {
        let (mut signals, to) = (signal(kind)?, to.clone());
        tokio::spawn(async move {
            while signals.recv().await.is_some() && to.send(Happened::Signal(passed)).is_ok() {}
        });
        io::Result::Ok(())
    };
    passed_on(SignalKind::terminate(), Signal::TERM)?;
    passed_on(SignalKind::user_defined1(), Signal::USR1)?;
    passed_on(SignalKind::user_defined2(), Signal::USR2)?;
    // A terminal gives these to the child itself.
    let at_terminal = io::stdin().is_terminal();
    for (kind, passed) in [
        (SignalKind::interrupt(), Signal::INT),
        (SignalKind::quit(), Signal::QUIT),
        (SignalKind::hangup(), Signal::HUP),
    ] {
        if at_terminal {
            // Heard, so that it does not end us.
            let mut signals = signal(kind)?;
            tokio::spawn(async move { while signals.recv().await.is_some() {} });
        } else {
            passed_on(kind, passed)?;
        }
    }
    let (mut ends, to) = (signal(SignalKind::child())?, to.clone());
    tokio::spawn(async move { while ends.recv().await.is_some() && to.send(Happened::Ended).is_ok() {} });
    Ok(())
}

/// Starts this program below itself, and gives it its input back.
fn start() -> io::Result<(Pid, OwnedFd)> {
    let (control, theirs) =
        socketpair(AddressFamily::UNIX, SocketType::SEQPACKET, SocketFlags::CLOEXEC, None)?;
    let input = rustix::io::fcntl_dupfd_cloexec(rustix::stdio::stdin(), 3)?;
    if std::process::id() != 1 {
        // Orphans come to us as they come to a first process.
        rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    }
    let mut args = env::args_os();
    #[expect(clippy::disallowed_methods, reason = "only a process that is not the first may die")]
    let mut command = Command::new(child::this_program());
    command.arg0(args.next().unwrap_or_default()).args(args);
    command.env(WITHIN, std::process::id().to_string()).stdin(Stdio::from(theirs));
    let child = command.spawn()?;
    send(control.as_fd(), &[input.as_fd()])?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    let child = i32::try_from(child.id()).ok().and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidData)?;
    Ok((child, control))
}

/// What the injector asks for, as it comes.
fn read(control: OwnedFd, to: UnboundedSender<Happened>) -> io::Result<()> {
    let asked = move || {
        while let Ok(given) = receive(control.as_fd()) {
            if to.send(Happened::Asked(given)).is_err() {
                return;
            }
        }
    };
    std::thread::Builder::new().name("chaos-sessions".to_owned()).spawn(asked)?;
    Ok(())
}
