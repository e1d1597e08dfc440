//! [`Reads`]: the read under way.

use std::io;
use std::task::{Context, Poll, ready};

use super::attempt::Attempt;
use super::owed::Owed;
use super::site::{Mode, Site};
use crate::effect::Effect;
use crate::operation::IoKind;

/// What one read under a fault asks for at most; more is a short read.
const MOST: usize = 1 << 20;

/// Reads from the object inside into a slice.
pub(crate) type ReadInner<'a> = dyn FnMut(&mut Context<'_>, &mut [u8]) -> Poll<io::Result<usize>> + 'a;

#[derive(Debug, Default)]
pub(crate) struct Reads {
    held: Option<Box<Held>>,
    // The read under way was let pass.
    passing: bool,
}

#[derive(Debug, Default)]
struct Held {
    attempt: Option<Attempt>,
    // Done, and the answer waits.
    answer: Option<io::Result<()>>,
    owed: Owed,
}

impl Reads {
    /// Whether no rule is armed and nothing is left of one: the read that begins or goes on here passes untouched.
    #[inline]
    pub(crate) fn are_off(&self, site: &Site) -> bool {
        self.held.is_none() && site.is_off()
    }

    /// Whether the read that begins or goes on here passes untouched.
    pub(crate) fn pass(&mut self, site: &mut Site, len: usize, mode: Mode) -> bool {
        if self.held.is_none() && !self.passing && !site.is_off() {
            if let Some(attempt) = site.decide(IoKind::Read, len, mode) {
                self.hold(attempt);
            }
        }
        self.held.is_none()
    }

    #[inline(never)]
    fn hold(&mut self, attempt: Attempt) {
        self.held = Some(Box::new(Held { attempt: Some(attempt), ..Held::default() }));
    }

    /// A read that passed is done, or not: polled again, it is the same.
    #[inline]
    pub(crate) fn passed(&mut self, pending: bool) {
        self.passing = pending;
    }

    /// A read that did not pass: when it is ready, what it brought is [`owed`](Reads::owed), and nothing is the end.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        site: &mut Site,
        wanted: usize,
        inner: &mut ReadInner<'_>,
    ) -> Poll<io::Result<()>> {
        let Some(held) = &mut self.held else { return Poll::Ready(Ok(())) };
        let Some(attempt) = &mut held.attempt else { return Poll::Ready(Ok(())) };
        if held.answer.is_none() {
            ready!(attempt.poll_waits(cx, wanted));
            let read = ready!(read(cx, site, attempt, wanted, &mut held.owed, inner));
            let bytes = *read.as_ref().unwrap_or(&0);
            attempt.moved(bytes);
            site.read(bytes);
            held.answer = Some(read.map(drop));
        }
        ready!(attempt.poll_after(cx));
        held.attempt = None;
        let answer = held.answer.take().unwrap_or(Ok(()));
        self.forget_if_empty();
        Poll::Ready(answer)
    }

    /// What was read and the caller has not got yet.
    pub(crate) fn owed(&self) -> &[u8] {
        self.held.as_ref().map_or(&[], |held| held.owed.left())
    }

    /// The caller got so many bytes. False when they are not [`owed`](Reads::owed) but the object's own.
    pub(crate) fn consume(&mut self, bytes: usize) -> bool {
        match &mut self.held {
            Some(held) if !held.owed.is_empty() => {
                held.owed.consume(bytes);
                self.forget_if_empty();
                true
            }
            _ => false,
        }
    }

    /// Copies what is owed into `buf`.
    pub(crate) fn take(&mut self, buf: &mut [u8]) -> usize {
        let owed = self.owed();
        let bytes = owed.len().min(buf.len());
        buf[..bytes].copy_from_slice(&owed[..bytes]);
        self.consume(bytes);
        bytes
    }

    fn forget_if_empty(&mut self) {
        if self.held.as_ref().is_some_and(|held| held.attempt.is_none() && held.owed.is_empty()) {
            self.held = None;
        }
    }

    /// How far the object inside is ahead of the caller.
    pub(super) fn ahead(&self) -> u64 {
        self.held.as_ref().map_or(0, |held| held.owed.ahead())
    }

    /// The object is somewhere else now: a read that was under way, and what was read, is of no use.
    pub(super) fn give_up(&mut self) {
        *self = Self::default();
    }
}

fn read(
    cx: &mut Context<'_>,
    site: &Site,
    attempt: &Attempt,
    wanted: usize,
    owed: &mut Owed,
    inner: &mut ReadInner<'_>,
) -> Poll<io::Result<usize>> {
    match attempt.effect() {
        Some(Effect::Fail(fail)) => return Poll::Ready(Err(attempt.error(fail, site))),
        Some(Effect::Eof) => return Poll::Ready(Ok(0)),
        _ => {}
    }
    let room = owed.room(attempt.limit(wanted).min(MOST));
    let read = inner(cx, room);
    let bytes = match &read {
        Poll::Ready(Ok(bytes)) => *bytes,
        _ => 0,
    };
    let data = owed.filled(bytes);
    match attempt.effect() {
        Some(Effect::Corrupt(corrupt)) => corrupt.apply(attempt.rolls(), site.read_offset(), data),
        Some(Effect::Duplicate) => owed.double(),
        _ => {}
    }
    read
}
