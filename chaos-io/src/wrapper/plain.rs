//! [`Plain`]: an operation that moves no bytes, a flush, a shutdown or a sync, under way.

use std::io;
use std::task::{Context, Poll, ready};

use super::attempt::Attempt;
use super::site::{Mode, Site};
use crate::effect::Effect;
use crate::operation::IoKind;

#[derive(Debug, Default)]
pub(crate) struct Plain {
    passing: bool,
    held: Option<Box<Held>>,
}

#[derive(Debug)]
struct Held {
    attempt: Attempt,
    // Done, and the answer waits.
    answer: Option<io::Result<()>>,
    // How much had been written when it was done; `None` for what is not done at all.
    done_at: Option<u64>,
}

/// What is to be done with an operation that begins.
#[derive(Debug)]
pub(crate) enum Begun {
    /// It is done.
    Do,
    /// It is answered.
    Answer(io::Result<()>),
}

impl Plain {
    /// The operation of this kind: what `inner` answers, unless a rule says otherwise.
    #[inline]
    pub(crate) fn poll(
        &mut self,
        cx: &mut Context<'_>,
        site: &mut Site,
        kind: IoKind,
        mode: Mode,
        inner: impl FnOnce(&mut Context<'_>) -> Poll<io::Result<()>>,
    ) -> Poll<io::Result<()>> {
        self.begin(site, kind, mode);
        let Some(held) = &mut self.held else {
            let polled = inner(cx);
            self.passing = polled.is_pending();
            return polled;
        };
        if held.answer.is_none() {
            held.answer = Some(match ready!(held.poll_begun(cx, site)) {
                Begun::Answer(answer) => answer,
                Begun::Do => {
                    held.done_at = Some(site.written());
                    ready!(inner(cx))
                }
            });
        } else if held.done_at.is_some_and(|written| written != site.written()) {
            // A caller gave it up after it was done, wrote, and comes again: the old answer says nothing of that.
            let answer = ready!(inner(cx));
            (held.answer, held.done_at) = (Some(answer), Some(site.written()));
        }
        ready!(held.attempt.poll_after(cx));
        let answer = held.answer.take().unwrap_or(Ok(()));
        self.held = None;
        Poll::Ready(answer)
    }

    #[inline]
    fn begin(&mut self, site: &mut Site, kind: IoKind, mode: Mode) {
        if self.held.is_none() && !self.passing && !site.is_off() {
            let attempt = site.decide(kind, 0, mode);
            self.held = attempt.map(|attempt| Box::new(Held { attempt, answer: None, done_at: None }));
        }
    }

    /// The first half of [`poll`](Plain::poll), where what is inside is a future of its own.
    #[cfg(feature = "fs")]
    pub(crate) fn poll_begin(&mut self, cx: &mut Context<'_>, site: &mut Site, kind: IoKind) -> Poll<Begun> {
        self.begin(site, kind, Mode::Polled);
        match &mut self.held {
            Some(held) => held.poll_begun(cx, site),
            None => Poll::Ready(Begun::Do),
        }
    }

    /// The second half.
    #[cfg(feature = "fs")]
    pub(crate) fn poll_end(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        self.held.as_mut().map_or(Poll::Ready(()), |held| held.attempt.poll_after(cx))
    }
}

impl Held {
    fn poll_begun(&mut self, cx: &mut Context<'_>, site: &Site) -> Poll<Begun> {
        ready!(self.attempt.poll_waits(cx, 0));
        Poll::Ready(match self.attempt.effect() {
            Some(Effect::Fail(fail)) => Begun::Answer(Err(self.attempt.error(fail, site))),
            Some(Effect::Lost) => Begun::Answer(Ok(())),
            _ => Begun::Do,
        })
    }
}
