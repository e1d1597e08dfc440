//! One siding, as the runner's thread has it: reads frames, asks the fault, holds and sends.

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsRawFd, OwnedFd, RawFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::sync::mpsc::Sender;
use std::time::Duration;

use chaos_core::dice::Stream;

use super::counters::{Shared, count};
use super::fault::{PacketFault, Verdict};
use super::frame::{self, Link};
use super::packet::{Copies, Packet};
use super::pool::{self, Pool};
use super::queue::Queue;
use super::time::{self, Nanos};
use crate::node::sys::tap;

/// How many frames are read before those that are due are sent.
const BATCH: usize = 64;

/// How many are sent before frames are read.
const BURST: usize = 256;

/// How much memory the packets of a siding may take.
const MEMORY: usize = 256 << 20;

/// What the runner's thread has once, for all its lanes.
#[derive(Debug)]
pub(super) struct Desk {
    /// Room for the largest frame.
    scratch: Box<[u8]>,
    pool: Pool,
    copies: Copies,
}

impl Default for Desk {
    fn default() -> Self {
        let scratch = vec![0; tap::HEADER + (64 << 10) + 1024].into_boxed_slice();
        Self { scratch, pool: Pool::default(), copies: Copies::new() }
    }
}

/// What the kernel has of a siding, and goes with it.
#[derive(Debug)]
pub(super) struct Ends {
    /// Where frames come from.
    pub(super) tap: File,
    /// Where they go: a socket on the device, or the TAP again, whose frames the device receives then.
    pub(super) out: File,
    pub(super) link: Link,
    /// What makes the device receive them.
    pub(super) redirect: Option<OwnedFd>,
}

impl Ends {
    /// The highest of the descriptors' numbers.
    pub(super) fn highest(&self) -> RawFd {
        let redirect = self.redirect.as_ref().map_or(0, AsRawFd::as_raw_fd);
        self.tap.as_raw_fd().max(self.out.as_raw_fd()).max(redirect)
    }
}

pub(super) struct Lane {
    pub(super) ends: Ends,
    fault: Box<dyn PacketFault>,
    limit: usize,
    dice: Stream,
    began: Nanos,
    ordinal: u64,
    queue: Queue,
    shared: Arc<Shared>,
    /// The device's queue takes no more for now.
    is_blocked: bool,
    /// The runner is told when it does.
    is_watched: bool,
    is_panicked: bool,
    is_gone: bool,
    ending: Option<Ending>,
}

/// A lane that takes what is there and sends what it holds, and is done then.
#[derive(Debug)]
struct Ending {
    /// From then on nothing waits any more.
    bound: Nanos,
    done: Sender<Box<Lane>>,
    is_read: bool,
}

/// What became of a frame that was to be sent.
enum Tried {
    Over,
    Later,
}

impl Lane {
    pub(super) fn new(
        ends: Ends,
        fault: Box<dyn PacketFault>,
        dice: Stream,
        began: Nanos,
        shared: Arc<Shared>,
    ) -> Self {
        let limit = fault.limit() as usize;
        Self {
            ends,
            fault,
            limit,
            dice,
            began,
            ordinal: 0,
            queue: Queue::default(),
            shared,
            is_blocked: false,
            is_watched: false,
            is_panicked: false,
            is_gone: false,
            ending: None,
        }
    }

    /// Packets from now on are this fault's; those that wait stay.
    pub(super) fn replace(&mut self, fault: Box<dyn PacketFault>) {
        self.limit = fault.limit() as usize;
        self.fault = fault;
        self.is_panicked = false;
        self.shared.broken.store(0, Relaxed);
    }

    /// Ends once what it has is sent, at `bound` at the latest; it is `done`'s then.
    pub(super) fn end(&mut self, bound: Nanos, done: Sender<Box<Self>>) {
        self.ending = Some(Ending { bound, done, is_read: false });
    }

    /// When it next has something to do by itself.
    pub(super) fn next(&self) -> Option<Nanos> {
        let due = if self.is_blocked { None } else { self.queue.next() };
        let bound = self.ending.as_ref().map(|ending| ending.bound);
        [due, bound].into_iter().flatten().min()
    }

    /// Whether it has ended, and nothing waits in it any more.
    pub(super) fn has_ended(&mut self, now: Nanos) -> bool {
        let Some(ending) = &self.ending else { return false };
        let is_empty = (ending.is_read || self.is_gone) && self.queue.len() == 0;
        if !is_empty && now < ending.bound {
            return false;
        }
        self.send_all();
        true
    }

    /// Gives itself to who waits for its end. To close a TAP takes the kernel tens of milliseconds, which are not the other
    /// lanes'.
    pub(super) fn hand_over(self: Box<Self>) {
        if let Some(done) = self.ending.as_ref().map(|ending| ending.done.clone()) {
            // Nobody waits any more: it ends here.
            let _ = done.send(self);
        }
    }

    /// Reads frames and decides for them; whether to look again soon without being told. An error means that the TAP is
    /// gone.
    pub(super) fn read(&mut self, desk: &mut Desk) -> std::io::Result<bool> {
        for _ in 0..BATCH {
            match self.ends.tap.read(&mut desk.scratch) {
                Ok(length) => self.take(length, desk)?,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    if let Some(ending) = &mut self.ending {
                        ending.is_read = true;
                    }
                    return Ok(false);
                }
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// The TAP is gone: what waits is sent when it is due, and nothing comes any more.
    pub(super) fn gone(&mut self) {
        self.is_gone = true;
        self.shared.broken.store(1, Relaxed);
    }

    /// Whether it still has a TAP.
    pub(super) fn is_reading(&self) -> bool {
        !self.is_gone
    }

    /// Whether to be told when the device takes more, from now on.
    pub(super) fn asks_for_room(&mut self) -> bool {
        self.is_blocked && !std::mem::replace(&mut self.is_watched, self.is_blocked)
    }

    /// The device takes more.
    pub(super) fn has_room(&mut self) {
        (self.is_blocked, self.is_watched) = (false, false);
    }

    fn take(&mut self, length: usize, desk: &mut Desk) -> std::io::Result<()> {
        let Desk { scratch, pool, copies } = desk;
        let Some(frame) = scratch.get(tap::HEADER..length) else { return Ok(()) };
        // What the TAP says of its own accord is nobody's traffic.
        if frame::source(frame) == Some(&tap::ADDRESS) {
            return Ok(());
        }
        count(&self.shared.arrived);
        let now = time::now()?;
        let verdict = self.decide(&mut scratch[..length], now, copies, pool);
        let due = match verdict {
            Verdict::Pass => Some(now),
            Verdict::After(wait) => Some(now.saturating_add(time::nanos(wait))),
            Verdict::Drop => None,
        };
        match due {
            Some(due) if !self.goes_now(&scratch[..length], due, now) => {
                self.hold(pool.filled(&scratch[..length]), due, pool);
            }
            Some(_) => {}
            None => count(&self.shared.dropped),
        }
        for (after, copy) in copies.drain(..) {
            count(&self.shared.copied);
            let due = now.saturating_add(time::nanos(after));
            match self.goes_now(&copy, due, now) {
                true => pool.give(copy),
                false => self.hold(copy, due, pool),
            }
        }
        self.shared.held.store(self.queue.len() as u64, Relaxed);
        Ok(())
    }

    fn decide(&mut self, whole: &mut [u8], now: Nanos, copies: &mut Copies, pool: &mut Pool) -> Verdict {
        let ordinal = self.ordinal;
        self.ordinal += 1;
        if self.is_panicked {
            return Verdict::Pass;
        }
        let at = Duration::from_nanos(now.saturating_sub(self.began));
        let mut packet = Packet::new((whole, tap::HEADER), self.ends.link, (ordinal, at), copies, pool);
        let mut dice = self.dice.rng(ordinal);
        let fault = &mut self.fault;
        match catch_unwind(AssertUnwindSafe(|| fault.packet(&mut packet, &mut dice))) {
            Ok(verdict) => {
                if packet.is_changed() {
                    count(&self.shared.changed);
                }
                verdict
            }
            Err(_) => {
                self.is_panicked = true;
                self.shared.broken.store(1, Relaxed);
                tracing::error!("a packet fault panicked; its packets pass untouched from now on");
                Verdict::Pass
            }
        }
    }

    /// Sends it if nothing stands before it; whether that is done with.
    fn goes_now(&mut self, whole: &[u8], due: Nanos, now: Nanos) -> bool {
        let is_first = self.queue.next().is_none_or(|next| next > now);
        if due > now || !is_first || self.is_blocked {
            return false;
        }
        self.is_blocked = matches!(self.send(whole), Tried::Later);
        !self.is_blocked
    }

    fn hold(&mut self, whole: Vec<u8>, due: Nanos, pool: &mut Pool) {
        let memory = self.queue.memory() + pool::size_of(whole.len());
        if self.queue.len() >= self.limit || memory > MEMORY {
            count(&self.shared.overflowed);
            return pool.give(whole);
        }
        self.queue.push(due, whole);
    }

    /// Sends what is due at `now`.
    pub(super) fn flush(&mut self, now: Nanos, desk: &mut Desk) {
        for _ in 0..BURST {
            if self.is_blocked {
                break;
            }
            let Some(held) = self.queue.due(now) else { break };
            match self.send(&held.frame) {
                Tried::Over => desk.pool.give(held.frame),
                Tried::Later => {
                    self.is_blocked = true;
                    self.queue.put_back(held);
                }
            }
        }
        self.shared.held.store(self.queue.len() as u64, Relaxed);
    }

    /// Sends all that waits, due or not, without waiting.
    fn send_all(&mut self) {
        while let Some(held) = self.queue.due(Nanos::MAX) {
            if let Tried::Later = self.send(&held.frame) {
                count(&self.shared.refused);
            }
        }
        self.shared.held.store(0, Relaxed);
    }

    fn send(&self, whole: &[u8]) -> Tried {
        loop {
            return match (&self.ends.out).write(whole) {
                Ok(_) => {
                    count(&self.shared.sent);
                    Tried::Over
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::WouldBlock => Tried::Later,
                // ENOBUFS: the device's queue dropped it, as it does to anyone. The others: down, gone, too long.
                Err(_) => {
                    count(&self.shared.refused);
                    Tried::Over
                }
            };
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.send_all();
    }
}

impl fmt::Debug for Lane {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lane")
            .field("fault", &self.fault)
            .field("held", &self.queue.len())
            .finish_non_exhaustive()
    }
}
