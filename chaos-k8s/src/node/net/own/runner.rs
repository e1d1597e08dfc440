//! [`Runner`]: the thread that runs sidings.

use std::collections::HashMap;
use std::io;
use std::os::fd::AsFd;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use chaos_core::{Chaos, Dice, Error, Result};
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};

use super::fault::PacketFault;
use super::lane::{Desk, Lane};
use super::time::{self, Nanos};

/// A thread that runs any number of [`Siding`](super::Siding)s, in any namespaces. Clones share it; it ends when the last
/// of them and of its sidings is dropped.
#[derive(Debug, Clone)]
pub struct Runner {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    commands: Mutex<Sender<Command>>,
    wake: Arc<EventFd>,
    thread: Option<JoinHandle<()>>,
    dice: Dice,
    /// Numbers of lanes are not used again, so that a late event means nobody.
    next: AtomicU64,
}

/// What the thread is told.
#[derive(Debug)]
pub(super) enum Command {
    Begin { id: u64, lane: Box<Lane>, done: Sender<io::Result<()>> },
    Replace { id: u64, fault: Box<dyn PacketFault> },
    End { id: u64, within: Duration, done: Sender<Box<Lane>> },
    Stop,
}

impl Runner {
    /// A thread with nothing to do yet. Packets are decided by the dice of `chaos`.
    ///
    /// # Errors
    /// A paused clock: packets of the kernel wait in real time. No thread, or no descriptor left.
    pub fn start(chaos: &Chaos) -> Result<Self> {
        chaos.clock().require_real("packets through this process")?;
        let wake = Arc::new(
            EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK).map_err(no_descriptor)?,
        );
        let (commands, inbox) = channel();
        let mut work = Work::new(inbox, Arc::clone(&wake)).map_err(no_descriptor)?;
        let thread = thread::Builder::new()
            .name("chaos-packets".to_owned())
            .spawn(move || {
                if let Err(error) = work.run() {
                    tracing::error!(%error, "packets through this process have ended");
                    work.lanes.values_mut().for_each(|lane| lane.gone());
                }
            })
            .map_err(|source| Error::failed("no thread for packets").with_source(source))?;
        let commands = Mutex::new(commands);
        Ok(Self {
            inner: Arc::new(Inner {
                commands,
                wake,
                thread: Some(thread),
                dice: chaos.dice(),
                next: AtomicU64::new(0),
            }),
        })
    }

    pub(super) fn dice(&self) -> Dice {
        self.inner.dice
    }

    /// A number for one more lane.
    pub(super) fn fresh(&self) -> u64 {
        self.inner.next.fetch_add(1, Relaxed)
    }

    pub(super) fn tell(&self, command: Command) -> Result<()> {
        self.inner.tell(command).ok_or_else(|| Error::failed("the thread that runs packets has ended"))
    }
}

impl Inner {
    fn tell(&self, command: Command) -> Option<()> {
        self.commands.lock().unwrap_or_else(PoisonError::into_inner).send(command).ok()?;
        // Full is told already.
        let _ = self.wake.write(1);
        Some(())
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        if self.tell(Command::Stop).is_some() {
            if let Some(thread) = self.thread.take() {
                // It waits for nothing: what its lanes hold is sent at once.
                let _ = thread.join();
            }
        }
    }
}

fn no_descriptor(errno: impl Into<io::Error>) -> Error {
    Error::failed("no descriptor for the thread that runs packets").with_source(errno.into())
}

/// The thread's own.
#[derive(Debug)]
struct Work {
    inbox: Receiver<Command>,
    wake: Arc<EventFd>,
    epoll: Epoll,
    timer: TimerFd,
    armed: Option<Nanos>,
    lanes: HashMap<u64, Box<Lane>>,
    /// Those to be handed over.
    ended: Vec<u64>,
    desk: Desk,
}

/// What woke the thread: these, or twice a lane's number, and one more for its way out.
const WAKE: u64 = u64::MAX;
const TIMER: u64 = u64::MAX - 1;

impl Work {
    fn new(inbox: Receiver<Command>, wake: Arc<EventFd>) -> nix::Result<Self> {
        let epoll = Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?;
        let timer =
            TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_CLOEXEC | TimerFlags::TFD_NONBLOCK)?;
        epoll.add(wake.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN, WAKE))?;
        // By edge: setting it anew clears it, nobody reads it.
        epoll.add(timer.as_fd(), EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLET, TIMER))?;
        Ok(Self {
            inbox,
            wake,
            epoll,
            timer,
            armed: None,
            lanes: HashMap::new(),
            ended: Vec::new(),
            desk: Desk::default(),
        })
    }

    fn run(&mut self) -> io::Result<()> {
        let mut events = [EpollEvent::empty(); 64];
        loop {
            let now = time::now()?;
            self.send_due(now)?;
            self.arm()?;
            let count = match self.epoll.wait(&mut events, EpollTimeout::NONE) {
                Ok(count) => count,
                Err(nix::errno::Errno::EINTR) => 0,
                Err(errno) => return Err(errno.into()),
            };
            for event in &events[..count] {
                match event.data() {
                    WAKE => {
                        // Said before the inbox is looked into, so that nothing is missed.
                        let _ = self.wake.read();
                        if !self.obey()? {
                            return Ok(());
                        }
                    }
                    TIMER => self.armed = None,
                    number => self.attend(number / 2, number % 2 == 1)?,
                }
            }
        }
    }

    /// A lane has frames to read, or its device takes more.
    fn attend(&mut self, id: u64, is_out: bool) -> io::Result<()> {
        let Some(lane) = self.lanes.get_mut(&id) else { return Ok(()) };
        if is_out {
            lane.has_room();
            return Ok(());
        }
        if !lane.is_reading() {
            return Ok(());
        }
        if let Err(error) = lane.read(&mut self.desk) {
            tracing::warn!(%error, "a TAP of ours is gone");
            lane.gone();
            // Else it would be told again and again.
            self.epoll.delete(&lane.ends.tap)?;
        }
        Ok(())
    }

    fn send_due(&mut self, now: Nanos) -> io::Result<()> {
        let Self { lanes, desk, epoll, ended, .. } = self;
        for (id, lane) in lanes.iter_mut() {
            lane.flush(now, desk);
            if lane.asks_for_room() {
                let once = EpollFlags::EPOLLOUT | EpollFlags::EPOLLONESHOT;
                epoll.modify(&lane.ends.out, &mut EpollEvent::new(once, id * 2 + 1))?;
            }
            if lane.has_ended(now) {
                ended.push(*id);
            }
        }
        for id in ended.drain(..) {
            if let Some(lane) = lanes.remove(&id) {
                // A descriptor that is closed elsewhere, later, would still be told of here.
                let _ = epoll.delete(&lane.ends.tap);
                let _ = epoll.delete(&lane.ends.out);
                lane.hand_over();
            }
        }
        Ok(())
    }

    fn arm(&mut self) -> io::Result<()> {
        let next = self.lanes.values().filter_map(|lane| lane.next()).min();
        if next == self.armed {
            return Ok(());
        }
        match next {
            Some(moment) => {
                let moment = Expiration::OneShot(time::timespec(moment));
                self.timer.set(moment, TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
            }
            None => self.timer.unset()?,
        }
        self.armed = next;
        Ok(())
    }

    /// Does what it was told; whether to go on.
    fn obey(&mut self) -> io::Result<bool> {
        loop {
            let Ok(command) = self.inbox.try_recv() else { return Ok(true) };
            match command {
                Command::Begin { id, lane, done } => {
                    let begun = self.begin(id, lane);
                    // Who asked is gone, and its siding with it.
                    if done.send(begun).is_err() {
                        self.lanes.remove(&id);
                    }
                }
                Command::Replace { id, fault } => {
                    if let Some(lane) = self.lanes.get_mut(&id) {
                        lane.replace(fault);
                    }
                }
                Command::End { id, within, done } => {
                    let bound = time::now()?.saturating_add(time::nanos(within));
                    if let Some(lane) = self.lanes.get_mut(&id) {
                        lane.end(bound, done);
                        // It may be idle, and is not told again then.
                        self.attend(id, false)?;
                    }
                }
                Command::Stop => return Ok(false),
            }
        }
    }

    fn begin(&mut self, id: u64, lane: Box<Lane>) -> io::Result<()> {
        self.epoll.add(&lane.ends.tap, EpollEvent::new(EpollFlags::EPOLLIN, id * 2))?;
        self.epoll.add(&lane.ends.out, EpollEvent::new(EpollFlags::EPOLLONESHOT, id * 2 + 1))?;
        self.lanes.insert(id, lane);
        Ok(())
    }
}
