//! [`Attempt`]: one operation that a rule hit, and its waits.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use chaos_core::clock::Sleep;
use chaos_core::dice::Rolls;
use chaos_core::point::{Hit, Watch};

use super::site::{Mode, Site};
use crate::effect::{Effect, Fail, Throttle};
use crate::operation::Io;

pub(crate) struct Attempt {
    hit: Hit<Io>,
    rule: Option<Arc<str>>,
    wait: Wait,
    reserved: Option<Reserved>,
    // A blocked thread cannot advance a paused clock: what it would wait for is over at once.
    waits_are_over: bool,
}

/// What the effect waits for before the operation.
enum Wait {
    NotBegun,
    Stuck,
    Storm(u32),
    Line { sleep: Sleep, watch: Watch },
    Over,
}

/// A place on a throttled line. What of it is not used is given back.
struct Reserved {
    throttle: Throttle,
    rule: Arc<str>,
    bytes: usize,
}

impl Drop for Reserved {
    fn drop(&mut self) {
        if self.bytes > 0 {
            self.throttle.give_back(&self.rule, self.bytes);
        }
    }
}

impl Attempt {
    pub(super) fn new(mut hit: Hit<Io>, mode: Mode) -> Self {
        let waits_are_over = mode == Mode::Blocking && hit.clock().is_paused();
        if waits_are_over {
            hit.wait_blocking();
        }
        Self { rule: hit.rule(), hit, wait: Wait::NotBegun, reserved: None, waits_are_over }
    }

    /// Ready when everything before the operation is over, which is about `wanted` bytes.
    pub(super) fn poll_waits(&mut self, cx: &mut Context<'_>, wanted: usize) -> Poll<()> {
        ready!(self.hit.poll_before(cx));
        loop {
            match &mut self.wait {
                Wait::NotBegun => self.wait = self.begin(wanted),
                Wait::Stuck => {
                    ready!(self.hit.poll_hang(cx));
                    self.wait = Wait::Over;
                }
                Wait::Storm(left) => {
                    if *left > 0 && self.hit.effect().is_some() {
                        *left -= 1;
                        cx.waker().wake_by_ref();
                        return Poll::Pending;
                    }
                    self.wait = Wait::Over;
                }
                Wait::Line { sleep, watch } => {
                    if watch.poll_reverted(cx).is_pending() {
                        ready!(Pin::new(sleep).poll(cx));
                    }
                    self.wait = Wait::Over;
                }
                Wait::Over => return Poll::Ready(()),
            }
        }
    }

    fn begin(&mut self, wanted: usize) -> Wait {
        match self.effect() {
            Some(Effect::Stuck) => Wait::Stuck,
            Some(Effect::PendingStorm(polls)) => Wait::Storm(*polls),
            Some(Effect::Throttle(throttle)) => {
                let Some(rule) = &self.rule else { return Wait::Over };
                let clock = self.hit.clock();
                let bytes = throttle.chunk(wanted);
                let wait = throttle.reserve(rule, bytes, clock.now());
                self.reserved = Some(Reserved { throttle: throttle.clone(), rule: Arc::clone(rule), bytes });
                if wait.is_zero() || self.waits_are_over {
                    return Wait::Over;
                }
                Wait::Line { sleep: clock.sleep(wait), watch: self.hit.watch() }
            }
            _ => Wait::Over,
        }
    }

    /// The effect, while its rule lives.
    pub(super) fn effect(&self) -> Option<&Effect> {
        self.hit.effect().map(|effect| &effect.0)
    }

    /// The dice of the effect for this operation.
    pub(super) fn rolls(&self) -> Option<Rolls> {
        self.hit.rolls()
    }

    pub(super) fn rule(&self) -> Option<&Arc<str>> {
        self.rule.as_ref()
    }

    /// How many of `wanted` bytes the operation may move.
    pub(super) fn limit(&self, wanted: usize) -> usize {
        match (self.effect(), &self.reserved) {
            (Some(Effect::Short(at_most)), _) => wanted.min(*at_most),
            (Some(Effect::Throttle(_)), Some(reserved)) => wanted.min(reserved.bytes),
            _ => wanted,
        }
    }

    /// Says how many bytes moved.
    pub(super) fn moved(&mut self, bytes: usize) {
        if let Some(reserved) = &mut self.reserved {
            reserved.bytes = reserved.bytes.saturating_sub(bytes);
        }
        self.reserved = None;
    }

    pub(super) fn error(&self, fail: &Fail, site: &Site) -> io::Error {
        fail.error(self.rule.clone(), site.point().name())
    }

    /// Ready when the delays after the operation are over.
    pub(super) fn poll_after(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.hit.poll_after(cx)
    }
}

impl fmt::Debug for Attempt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.hit.fmt(f)
    }
}
