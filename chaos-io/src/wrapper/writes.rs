//! [`Writes`]: the write under way, and what follows writes.

use std::io::{self, IoSlice};
use std::task::{Context, Poll, ready};

use super::attempt::Attempt;
use super::backlog::Backlog;
use super::site::{Mode, Site};
use crate::effect::{Effect, Fail};
use crate::operation::IoKind;

/// What one write that changes its bytes takes at most; more is a short write.
const MOST: usize = 1 << 20;

/// Writes slices to the object inside: a plain write if there is one, a vectored one if there are more.
pub(crate) type WriteInner<'a> = dyn FnMut(&mut Context<'_>, &[IoSlice<'_>]) -> Poll<io::Result<usize>> + 'a;

#[derive(Debug, Default)]
pub(crate) struct Writes {
    held: Option<Box<Held>>,
    // The write under way was let pass.
    passing: bool,
}

#[derive(Debug, Default)]
struct Held {
    attempt: Option<Attempt>,
    // What is left of the beginning of a torn write, and the length of the whole.
    torn: Option<(Backlog, usize)>,
    // Done, and the answer waits.
    answer: Option<io::Result<usize>>,
    // What was written while the caller was told to wait, and gave up perhaps: the answer is for these bytes only.
    untold: Vec<u8>,
    backlog: Backlog,
    // How much the backlog may hold until a flush.
    write_back: usize,
}

impl Writes {
    /// Whether no rule is armed and nothing is left of one: the write that begins or goes on here passes untouched.
    #[inline]
    pub(crate) fn are_off(&self, site: &Site) -> bool {
        self.held.is_none() && site.is_off()
    }

    /// Whether the write that begins or goes on here passes untouched.
    pub(crate) fn pass(&mut self, site: &mut Site, bufs: &[IoSlice<'_>], mode: Mode) -> bool {
        if self.held.is_none() && (self.passing || site.is_off()) {
            return true;
        }
        self.decide(site, length(bufs), mode)
    }

    fn decide(&mut self, site: &mut Site, len: usize, mode: Mode) -> bool {
        let begun = |held: &Held| held.attempt.is_some() || !held.untold.is_empty();
        let under_way = self.passing || self.held.as_deref().is_some_and(begun);
        if !under_way {
            if let Some(attempt) = site.decide(IoKind::Write, len, mode) {
                self.held.get_or_insert_default().attempt = Some(attempt);
            }
        }
        self.held.is_none()
    }

    /// A write that passed is done, or not: polled again, it is the same.
    #[inline]
    pub(crate) fn passed(&mut self, site: &mut Site, polled: &Poll<io::Result<usize>>) {
        self.passing = polled.is_pending();
        if let Poll::Ready(Ok(bytes)) = polled {
            site.wrote(*bytes);
        }
    }

    /// A write that did not pass.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        site: &mut Site,
        bufs: &[IoSlice<'_>],
        mode: Mode,
        inner: &mut WriteInner<'_>,
    ) -> Poll<io::Result<usize>> {
        loop {
            let Some(held) = &mut self.held else {
                let polled = inner(cx, bufs);
                self.passed(site, &polled);
                return polled;
            };
            if !held.untold.is_empty() {
                let resumed = resumed(bufs, &held.untold);
                if let (Some(attempt), Some(_)) = (&mut held.attempt, resumed) {
                    ready!(attempt.poll_after(cx));
                }
                (held.attempt, held.answer) = (None, None);
                held.untold.drain(..resumed.unwrap_or(held.untold.len()));
                self.forget_if_idle();
                if let Some(bytes) = resumed {
                    return Poll::Ready(Ok(bytes));
                }
                // The caller gave a write up after it was done, and comes with another one.
                self.decide(site, length(bufs), mode);
                continue;
            }
            let Some(attempt) = &mut held.attempt else {
                let put = held.put(cx, bufs, inner);
                self.passed(site, &put);
                self.forget_if_idle();
                return put;
            };
            if held.answer.is_none() {
                let len = length(bufs);
                if held.torn.is_none() {
                    ready!(attempt.poll_waits(cx, len));
                }
                let result = ready!(held.write(cx, site, bufs, len, inner));
                site.wrote(*result.as_ref().unwrap_or(&0));
                held.answer = Some(result);
                continue;
            }
            if attempt.poll_after(cx).is_pending() {
                if let Some(Ok(written)) = &held.answer {
                    held.untold = joined(bufs, *written);
                }
                return Poll::Pending;
            }
            held.attempt = None;
            let answer = held.answer.take();
            self.forget_if_idle();
            return Poll::Ready(answer.unwrap_or(Ok(0)));
        }
    }

    /// Ready when the object inside has everything that was written.
    #[inline]
    pub(crate) fn poll_unwritten(
        &mut self,
        cx: &mut Context<'_>,
        inner: &mut WriteInner<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(held) = &mut self.held else { return Poll::Ready(Ok(())) };
        ready!(held.backlog.poll(cx, inner))?;
        self.forget_if_idle();
        Poll::Ready(Ok(()))
    }

    pub(super) fn unwritten(&self) -> usize {
        self.held.as_ref().map_or(0, |held| held.backlog.len())
    }

    pub(super) fn write_back(&mut self, capacity: usize) {
        self.held.get_or_insert_default().write_back = capacity;
        self.forget_if_idle();
    }

    fn forget_if_idle(&mut self) {
        let idle = |held: &Held| {
            held.attempt.is_none()
                && held.untold.is_empty()
                && held.write_back == 0
                && held.backlog.len() == 0
        };
        if self.held.as_deref().is_some_and(idle) {
            self.held = None;
        }
    }
}

impl Held {
    /// The write that the attempt decided on.
    fn write(
        &mut self,
        cx: &mut Context<'_>,
        site: &Site,
        bufs: &[IoSlice<'_>],
        len: usize,
        inner: &mut WriteInner<'_>,
    ) -> Poll<io::Result<usize>> {
        let Some(attempt) = self.attempt.take() else { return self.put(cx, bufs, inner) };
        let result = self.write_hit(cx, site, &attempt, bufs, len, inner);
        let attempt = self.attempt.insert(attempt);
        if let Poll::Ready(written) = &result {
            attempt.moved(*written.as_ref().unwrap_or(&0));
            self.torn = None;
        }
        result
    }

    #[allow(clippy::too_many_arguments, reason = "one call, taken out for its length")]
    fn write_hit(
        &mut self,
        cx: &mut Context<'_>,
        site: &Site,
        attempt: &Attempt,
        bufs: &[IoSlice<'_>],
        len: usize,
        inner: &mut WriteInner<'_>,
    ) -> Poll<io::Result<usize>> {
        match attempt.effect() {
            Some(Effect::Fail(fail)) => Poll::Ready(Err(attempt.error(fail, site))),
            Some(Effect::Short(_) | Effect::Throttle(_)) => {
                self.put(cx, &front(bufs, attempt.limit(len)), inner)
            }
            Some(Effect::Torn(torn)) => {
                if self.torn.is_none() {
                    let mut kept = Backlog::default();
                    front(bufs, torn.kept(len, attempt.rolls())).iter().for_each(|buf| kept.push(buf));
                    self.torn = Some((kept, len));
                }
                let whole = ready!(self.poll_torn(cx, inner))?;
                Poll::Ready(match &torn.error {
                    Some(fail) => Err(attempt.error(fail, site)),
                    None => Ok(whole.min(len)),
                })
            }
            Some(Effect::Corrupt(corrupt)) => {
                let mut data = joined(bufs, len.min(MOST));
                corrupt.apply(attempt.rolls(), site.write_offset(), &mut data);
                self.put(cx, &[IoSlice::new(&data)], inner)
            }
            Some(Effect::Duplicate) => {
                let written = ready!(self.put(cx, bufs, inner))?;
                front(bufs, written).iter().for_each(|buf| self.backlog.push(buf));
                if self.write_back == 0 {
                    // What it does not take now, it gets before the next operation. An error is not this write's: that
                    // one was done.
                    let _ = self.backlog.poll(cx, inner);
                }
                Poll::Ready(Ok(written))
            }
            Some(Effect::DiskFull(disk)) => {
                let Some(rule) = attempt.rule() else { return self.put(cx, bufs, inner) };
                let room = disk.take(rule, len);
                if room == 0 && len > 0 {
                    return Poll::Ready(Err(attempt.error(&Fail::NO_SPACE, site)));
                }
                let put = self.put(cx, &front(bufs, room), inner);
                let written = match &put {
                    Poll::Ready(Ok(written)) => *written,
                    _ => 0,
                };
                disk.give_back(rule, room.saturating_sub(written));
                put
            }
            // A rule that was reverted while the beginning of a torn write was on its way: the rest follows it.
            _ if self.torn.as_ref().is_some_and(|(kept, _)| kept.total() > 0) => {
                let begun = self.torn.as_ref().map_or(0, |(kept, _)| kept.total());
                ready!(self.poll_torn(cx, inner))?;
                Poll::Ready(Ok(begun.min(len)))
            }
            _ => self.put(cx, bufs, inner),
        }
    }

    /// Writes to the object inside, or to the cache in front of it.
    fn put(
        &mut self,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
        inner: &mut WriteInner<'_>,
    ) -> Poll<io::Result<usize>> {
        if self.backlog.len() >= self.write_back {
            ready!(self.backlog.poll(cx, inner))?;
        }
        if self.write_back == 0 {
            return inner(cx, bufs);
        }
        let taken = front(bufs, self.write_back - self.backlog.len());
        taken.iter().for_each(|buf| self.backlog.push(buf));
        Poll::Ready(Ok(taken.iter().map(|buf| buf.len()).sum()))
    }

    /// Ready, with the length of the whole, when the beginning of a torn write is written.
    fn poll_torn(&mut self, cx: &mut Context<'_>, inner: &mut WriteInner<'_>) -> Poll<io::Result<usize>> {
        let Some((kept, whole)) = &mut self.torn else { return Poll::Ready(Ok(0)) };
        if self.write_back > 0 {
            self.backlog.append(kept);
        } else {
            ready!(self.backlog.poll(cx, inner))?;
            ready!(kept.poll(cx, inner))?;
        }
        Poll::Ready(Ok(*whole))
    }
}

/// The first `bytes` bytes of `bufs`.
fn front<'a>(bufs: &'a [IoSlice<'_>], bytes: usize) -> Vec<IoSlice<'a>> {
    let mut left = bytes;
    let mut front = Vec::with_capacity(bufs.len());
    for buf in bufs {
        let taken = left.min(buf.len());
        left -= taken;
        if taken > 0 {
            front.push(IoSlice::new(&buf[..taken]));
        }
    }
    if front.is_empty() {
        front.push(IoSlice::new(&[]));
    }
    front
}

fn joined(bufs: &[IoSlice<'_>], bytes: usize) -> Vec<u8> {
    front(bufs, bytes).iter().flat_map(|buf| buf.iter().copied()).collect()
}

fn length(bufs: &[IoSlice<'_>]) -> usize {
    bufs.iter().map(|buf| buf.len()).sum()
}

/// How many bytes of `bufs` are those that were written already; `None` where they are others.
fn resumed(bufs: &[IoSlice<'_>], written: &[u8]) -> Option<usize> {
    let mut left = written;
    for buf in bufs {
        let compared = left.len().min(buf.len());
        if left[..compared] != buf[..compared] {
            return None;
        }
        left = &left[compared..];
    }
    Some(written.len() - left.len())
}
