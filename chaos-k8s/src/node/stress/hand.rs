//! [`Hand`]: one stressor, as its injector holds it.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStdin, ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use chaos_core::guardian::child;
use chaos_core::units::secs;
use chaos_core::{Clock, Error, Result};
use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::sync::watch;

use super::wire::{ASKED, Last, Level, Orders, Said, VERSION, Work};

/// How long a process may take to become a stressor and to begin its work.
const START: Duration = secs(10);
/// How long an inject waits for all that was asked to be held.
const FILL: Duration = secs(20);
/// How long a killed process may take to be gone.
const END: Duration = secs(5);
/// How long one that has closed its pipe may take to be gone by itself.
const GOES: Duration = secs(1);
/// How long one may take to say that it goes on.
const HEEDS: Duration = secs(5);
/// A stressor that has said nothing for so long is not known to work.
const SILENT: Duration = secs(10);
/// No word is longer; what a program that is no stressor prints may be.
const LONGEST: u64 = 64 << 10;

/// What is known of a stressor.
#[derive(Debug, Clone)]
enum State {
    Starting,
    Working(Level, Instant),
    /// Why.
    Ended(String),
}

#[derive(Debug)]
pub(super) struct Hand {
    work: Work,
    state: watch::Receiver<State>,
    process: Arc<Process>,
}

#[derive(Debug, Default)]
struct Process {
    running: OnceLock<(u32, OwnedFd)>,
    /// The pipe whose end is its end as well.
    to: Mutex<Option<ChildStdin>>,
    ended: AtomicBool,
    /// How many changes of its time it was told, and has heeded.
    told: AtomicU64,
    heeded: AtomicU64,
}

impl Hand {
    /// Starts one. The thread that starts it lives until it has ended: the parent-death signal follows the thread
    /// (prctl(2), `PR_SET_PDEATHSIG`), and a runtime ends its threads when it likes.
    pub(super) fn start(orders: Orders) -> Result<Self> {
        let work = orders.work.clone();
        let (tell, state) = watch::channel(State::Starting);
        let process = Arc::new(Process::default());
        let held = Arc::clone(&process);
        let serve = move || {
            let ended = serve(&orders, &tell, &held);
            tell.send_replace(State::Ended(ended.unwrap_or_else(|error| error.chain())));
        };
        thread::Builder::new().name("chaos-stress".to_owned()).spawn(serve)?;
        Ok(Self { work, state, process })
    }

    pub(super) fn work(&self) -> &Work {
        &self.work
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.process.running.get().map(|(pid, _)| *pid)
    }

    /// What it achieves, or why it does not.
    pub(super) fn level(&self) -> std::result::Result<Level, String> {
        match &*self.state.borrow() {
            State::Starting => Err("has not begun".to_owned()),
            State::Working(_, said) if said.elapsed() > SILENT => Err(format!(
                "has said nothing for {} s: it is stopped, frozen or starved",
                said.elapsed().as_secs()
            )),
            State::Working(level, _) => Ok(*level),
            State::Ended(why) => Err(why.clone()),
        }
    }

    /// Waits until it works, and for a while until it holds all that was asked at once.
    pub(super) async fn begun(&self, clock: &Clock) -> Result<()> {
        let begun = clock.now();
        let grows = matches!(self.work, Work::Memory { per_second: Some(_), .. });
        let mut state = self.state.clone();
        loop {
            let bound = match &*state.borrow_and_update() {
                State::Ended(why) => return Err(Error::failed(why.clone())),
                State::Working(level, _) if grows || level.is_reached(self.work.asked()) => return Ok(()),
                State::Working(..) => FILL,
                State::Starting => START,
            };
            let left = bound.saturating_sub(clock.now() - begun);
            if left.is_zero() {
                return match bound {
                    FILL => Ok(()),
                    _ => Err(Error::timeout(format!("did not begin within {START:?}"))),
                };
            }
            // The bound is looked at above; a stressor whose thread is gone has ended.
            let _ = clock.timeout(left, state.changed()).await;
        }
    }

    /// It ends this long from now: it says so itself, or it has ended, and why.
    pub(super) async fn last(&self, lasting: Duration, clock: &Clock) -> Result<()> {
        let mut line = serde_json::to_vec(&Last(u64::try_from(lasting.as_millis()).unwrap_or(u64::MAX)))
            .map_err(|source| Error::failed("a time cannot be written as JSON").with_source(source))?;
        line.push(b'\n');
        let (told, mut state) = (self.tell(&line), self.state.clone());
        let heeded = async {
            loop {
                if let State::Ended(why) = &*state.borrow_and_update() {
                    return Err(Error::failed(why.clone()));
                }
                if told.is_some_and(|told| self.process.heeded.load(Ordering::SeqCst) >= told) {
                    return Ok(());
                }
                state.changed().await.map_err(|_| Error::failed("a stressor is not watched any more"))?;
            }
        };
        let late = || Error::timeout(format!("a stressor has not said within {HEEDS:?} that it goes on"));
        clock.timeout(HEEDS, heeded).await.unwrap_or_else(|_| Err(late()))
    }

    /// How many lines it was told by now; none when it does not listen any more.
    fn tell(&self, line: &[u8]) -> Option<u64> {
        let mut to = self.process.to.lock().unwrap_or_else(PoisonError::into_inner);
        to.as_mut()?.write_all(line).ok()?;
        Some(self.process.told.fetch_add(1, Ordering::SeqCst) + 1)
    }

    pub(super) fn kill(&self) {
        self.process.ended.store(true, Ordering::SeqCst);
        self.process.kill();
    }

    /// Waits until it is gone, also from the list of processes.
    pub(super) async fn ended(&self, clock: &Clock) -> Result<()> {
        let mut state = self.state.clone();
        let wait = state.wait_for(|state| matches!(state, State::Ended(_)));
        match clock.timeout(END, wait).await {
            Ok(_) => Ok(()),
            Err(_) => Err(Error::leftover(match self.pid() {
                Some(pid) => format!("stressor {pid} was killed and is not gone after {END:?}: revert again"),
                None => format!("a stressor could not be started or ended within {END:?}: revert again"),
            })),
        }
    }
}

impl Process {
    fn kill(&self) {
        if let Some((_, process)) = self.running.get() {
            // Gone already is what is wanted.
            let _ = pidfd_send_signal(process, Signal::KILL);
        }
    }
}

/// A process that is killed and waited for, whatever becomes of its thread.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Starts the process, tells it what to do, hears what it says until its end; why it ended.
fn serve(orders: &Orders, tell: &watch::Sender<State>, process: &Process) -> Result<String> {
    let program = child::this_program();
    let started = child::start(&program, "chaos-stressor", &[], ASKED, Stdio::null());
    let mut started = Started(started.map_err(|source| {
        Error::failed("a stressor, this program once more, cannot be started").with_source(source)
    })?);
    let pid = started.0.id();
    let number = i32::try_from(pid).ok().and_then(Pid::from_raw);
    let number = number.ok_or_else(|| Error::failed("the system gave no pid"))?;
    let running = pidfd_open(number, PidfdFlags::empty()).map_err(|errno| {
        Error::failed("a stressor cannot be held (pidfd_open, since Linux 5.3)")
            .with_source(std::io::Error::from(errno))
    })?;
    let _ = process.running.set((pid, running));
    // A revert that came before had nothing to kill.
    if process.ended.load(Ordering::SeqCst) {
        process.kill();
    }
    let (Some(mut to), Some(from)) = (started.0.stdin.take(), started.0.stdout.take()) else {
        return Err(Error::failed("the stressor's pipes are gone"));
    };
    let mut words = BufReader::new(from);
    if !matches!(next(&mut words), Some(Said::Ready(VERSION))) && !process.ended.load(Ordering::SeqCst) {
        return Err(Error::refused(
            "this program, started again, is no stressor: begin its main with `let guardian = chaos_k8s::node::run_if_asked();`",
        ));
    }
    let mut line = serde_json::to_vec(orders).map_err(|source| {
        Error::invalid("what the stressor must know cannot be written as JSON").with_source(source)
    })?;
    line.push(b'\n');
    // A stressor that is gone already is seen below. From here on what is written waits for no reader.
    let _ = to.write_all(&line).and_then(|()| Ok(rustix::io::ioctl_fionbio(&to, true)?));
    *process.to.lock().unwrap_or_else(PoisonError::into_inner) = Some(to);
    let mut why = None;
    while let Some(said) = next(&mut words) {
        match said {
            Said::Level(level) => drop(tell.send_replace(State::Working(level, Instant::now()))),
            Said::Failed(reason) => why = Some(reason),
            Said::Lasts(count) => {
                process.heeded.store(count, Ordering::SeqCst);
                tell.send_modify(|_| {});
            }
            Said::Ready(_) => {}
        }
    }
    // Its end of the pipe is closed: it ends, or talks nonsense and is ended.
    if why.is_none() {
        let until = Instant::now() + GOES;
        while started.0.try_wait()?.is_none() && Instant::now() < until {
            thread::sleep(Duration::from_millis(1));
        }
    }
    drop(process.to.lock().unwrap_or_else(PoisonError::into_inner).take());
    let _ = started.0.kill();
    let status = started.0.wait()?;
    Ok(why.unwrap_or_else(|| said_of(status)))
}

fn next(words: &mut BufReader<impl Read>) -> Option<Said> {
    let mut line = Vec::new();
    words.by_ref().take(LONGEST).read_until(b'\n', &mut line).ok()?;
    serde_json::from_slice(line.strip_suffix(b"\n")?).ok()
}

fn said_of(status: ExitStatus) -> String {
    match (status.signal(), status.code()) {
        (Some(signal), _) => format!("was killed by signal {signal}"),
        (None, Some(0)) => "ended by itself: its time was over".to_owned(),
        (None, code) => format!("ended with code {}", code.unwrap_or(-1)),
    }
}
