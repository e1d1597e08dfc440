//! [`Seeks`]: the seek under way.

use std::io::{self, IoSlice, SeekFrom};
use std::task::{Context, Poll, ready};

use super::attempt::Attempt;
use super::reads::Reads;
use super::site::{Mode, Site};
use super::writes::Writes;
use crate::effect::Effect;
use crate::operation::IoKind;

/// What a seek asks of the object inside.
pub(crate) enum Seek<'a> {
    /// To take bytes that were written before.
    Write(&'a [IoSlice<'a>]),
    /// To begin seeking.
    Begin(SeekFrom),
    /// To go on.
    GoOn(SeekFrom),
}

/// Answers the position, or the number of bytes taken.
pub(crate) type SeekInner<'a> = dyn FnMut(&mut Context<'_>, Seek<'_>) -> Poll<io::Result<u64>> + 'a;

#[derive(Debug, Default)]
pub(crate) struct Seeks {
    // A seek that was let pass is under way.
    passing: bool,
    held: Option<Box<Held>>,
}

#[derive(Debug)]
struct Held {
    attempt: Option<Attempt>,
    target: SeekFrom,
    stage: Stage,
    // Done, and the answer waits.
    answer: Option<io::Result<u64>>,
}

#[derive(Debug, Clone, Copy)]
enum Stage {
    Waiting,
    /// To where it was asked to.
    Seeking {
        begun: bool,
    },
    /// From there to somewhere else.
    Misdirected {
        found: u64,
        elsewhere: u64,
        begun: bool,
    },
}

impl Seeks {
    /// Whether a seek to `target` that begins here passes untouched: then it is to begin where this says.
    pub(crate) fn begin(
        &mut self,
        site: &mut Site,
        reads: &Reads,
        writes: &Writes,
        target: SeekFrom,
        mode: Mode,
    ) -> io::Result<Option<SeekFrom>> {
        let target = match (target, reads.ahead()) {
            (SeekFrom::Current(by), ahead @ 1..) => i64::try_from(ahead)
                .ok()
                .and_then(|ahead| by.checked_sub(ahead))
                .map(SeekFrom::Current)
                .ok_or(io::ErrorKind::InvalidInput)?,
            (target, _) => target,
        };
        // A caller who gave a seek up that had not begun and comes with another: the same attempt.
        if let Some(held) = self.held.as_mut().filter(|held| matches!(held.stage, Stage::Waiting)) {
            held.target = target;
            return Ok(None);
        }
        self.held = None;
        let attempt = if site.is_off() { None } else { site.decide(IoKind::Seek, 0, mode) };
        if attempt.is_none() && writes.unwritten() == 0 {
            self.passing = true;
            return Ok(Some(target));
        }
        self.held = Some(Box::new(Held { attempt, target, stage: Stage::Waiting, answer: None }));
        Ok(None)
    }

    /// Whether a seek that did not pass is under way.
    pub(crate) fn is_held(&self) -> bool {
        self.held.is_some()
    }

    /// What the object answered to a seek that passed.
    pub(crate) fn passed(&mut self, site: &mut Site, reads: &mut Reads, answer: &Poll<io::Result<u64>>) {
        if let Poll::Ready(answer) = answer {
            if let (true, Ok(position)) = (self.passing, answer) {
                site.moved_to(*position);
                reads.give_up();
            }
            self.passing = false;
        }
    }

    /// A seek that did not pass.
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        site: &mut Site,
        reads: &mut Reads,
        writes: &mut Writes,
        inner: &mut SeekInner<'_>,
    ) -> Poll<io::Result<u64>> {
        let Some(held) = &mut self.held else { return Poll::Ready(Err(io::ErrorKind::InvalidInput.into())) };
        if held.answer.is_none() {
            let answer = ready!(held.poll_answer(cx, site, writes, inner));
            if let Ok(position) = answer {
                site.moved_to(position);
                reads.give_up();
            }
            held.answer = Some(answer);
        }
        if let Some(attempt) = &mut held.attempt {
            ready!(attempt.poll_after(cx));
        }
        let answer = held.answer.take();
        self.held = None;
        Poll::Ready(answer.unwrap_or(Ok(0)))
    }
}

impl Held {
    fn poll_answer(
        &mut self,
        cx: &mut Context<'_>,
        site: &Site,
        writes: &mut Writes,
        inner: &mut SeekInner<'_>,
    ) -> Poll<io::Result<u64>> {
        loop {
            match &mut self.stage {
                Stage::Waiting => {
                    if let Some(attempt) = &mut self.attempt {
                        ready!(attempt.poll_waits(cx, 0));
                        if let Some(Effect::Fail(fail)) = attempt.effect() {
                            return Poll::Ready(Err(attempt.error(fail, site)));
                        }
                    }
                    let mut write = |cx: &mut Context<'_>, bufs: &[IoSlice<'_>]| {
                        inner(cx, Seek::Write(bufs)).map_ok(|bytes| bytes as usize)
                    };
                    ready!(writes.poll_unwritten(cx, &mut write))?;
                    self.stage = Stage::Seeking { begun: false };
                }
                Stage::Seeking { begun } => {
                    let found = ready!(seek(cx, self.target, begun, inner))?;
                    let effect = self.attempt.as_ref().and_then(Attempt::effect);
                    let Some(Effect::Misdirect(by)) = effect else { return Poll::Ready(Ok(found)) };
                    let elsewhere = found.saturating_add_signed(*by);
                    self.stage = Stage::Misdirected { found, elsewhere, begun: false };
                }
                Stage::Misdirected { found, elsewhere, begun } => {
                    ready!(seek(cx, SeekFrom::Start(*elsewhere), begun, inner))?;
                    return Poll::Ready(Ok(*found));
                }
            }
        }
    }
}

fn seek(
    cx: &mut Context<'_>,
    target: SeekFrom,
    begun: &mut bool,
    inner: &mut SeekInner<'_>,
) -> Poll<io::Result<u64>> {
    let ask = if *begun { Seek::GoOn(target) } else { Seek::Begin(target) };
    *begun = true;
    inner(cx, ask)
}
