//! [`Work`]: a fault under way in one body.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use chaos_core::point::{Hit, Watch};
use http_body::{Body, Frame, SizeHint};

use super::corrupt::Corruption;
use super::error::BodyError;
use super::faulty::poll_bytes;
use super::pace::Pacing;
use crate::exchange::Http;
use crate::injected::InjectedError;

pub(super) struct Work {
    what: What,
    watch: Watch,
    // Its places under limits are taken until the body ends.
    _hit: Hit<Http>,
}

pub(super) enum What {
    Pace(Pacing),
    Truncate { left: u64 },
    // `short` once something was cut off: then it is an error even where the body is at its end. `sent` once what came
    // before had a chance to go out: hyper's server throws away what it holds when a body fails.
    Cut { left: u64, short: bool, sent: bool, error: InjectedError },
    Corrupt(Corruption),
    DropTrailers,
}

/// What [`Body::poll_frame`] answers.
pub(super) type Next<E> = Option<Result<Frame<Bytes>, BodyError<E>>>;

impl Work {
    pub(super) fn new(what: What, hit: Hit<Http>) -> Self {
        Self { what, watch: hit.watch(), _hit: hit }
    }

    pub(super) fn is_reverted(&self) -> bool {
        self.watch.is_reverted()
    }

    /// What was read of the body and not given out yet.
    pub(super) fn held(&self) -> usize {
        match &self.what {
            What::Pace(pacing) => pacing.held(),
            _ => 0,
        }
    }

    /// Takes what [`held`](Work::held) counts.
    pub(super) fn take_held(&mut self) -> Option<Bytes> {
        match &mut self.what {
            What::Pace(pacing) => pacing.take_held(),
            _ => None,
        }
    }

    /// The next frame; after `None` or an error the body is over.
    pub(super) fn poll<B: Body>(
        &mut self,
        mut body: Pin<&mut B>,
        cx: &mut Context<'_>,
    ) -> Poll<Next<B::Error>> {
        match &mut self.what {
            What::Pace(pacing) => pacing.poll(body, &mut self.watch, cx),
            What::Truncate { left: 0 } => Poll::Ready(None),
            What::Cut { left: 0, short, sent, error } => {
                if !*short && body.is_end_stream() {
                    return Poll::Ready(None);
                }
                if !*sent {
                    *sent = true;
                    cx.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(Some(Err(BodyError::Injected(error.clone()))))
            }
            What::Truncate { left } => {
                let next = ready!(poll_bytes(body, cx));
                Poll::Ready(next.map(|frame| frame.map(|frame| up_to(left, &mut false, frame))))
            }
            What::Cut { left, short, .. } => {
                let next = ready!(poll_bytes(body, cx));
                Poll::Ready(next.map(|frame| frame.map(|frame| up_to(left, short, frame))))
            }
            What::Corrupt(corruption) => {
                let next = ready!(poll_bytes(body, cx));
                Poll::Ready(
                    next.map(|frame| frame.map(|frame| frame.map_data(|data| corruption.apply(data)))),
                )
            }
            What::DropTrailers => loop {
                match ready!(poll_bytes(body.as_mut(), cx)) {
                    Some(Ok(frame)) if frame.is_trailers() => {}
                    next => return Poll::Ready(next),
                }
            },
        }
    }

    /// Whether nothing comes any more of a body that is at its end or not.
    pub(super) fn is_end(&self, inner: bool) -> bool {
        match self.what {
            What::Truncate { left: 0 } => true,
            What::Cut { short, .. } => inner && !short,
            _ => inner && self.held() == 0,
        }
    }

    /// What is honest of the body's own hint: a body that may end early, or may not after a revert, has no exact length.
    pub(super) fn size_hint(&self, inner: &SizeHint) -> SizeHint {
        let mut hint = SizeHint::new();
        let held = self.held() as u64;
        let (lower, upper) = (inner.lower() + held, inner.upper().map(|upper| upper + held));
        match self.what {
            What::Truncate { left } | What::Cut { left, .. } => hint.set_lower(lower.min(left)),
            _ => hint.set_lower(lower),
        }
        if let Some(upper) = upper {
            hint.set_upper(upper);
        }
        hint
    }
}

fn up_to(left: &mut u64, short: &mut bool, frame: Frame<Bytes>) -> Frame<Bytes> {
    frame.map_data(|mut data| {
        let most = usize::try_from(*left).unwrap_or(usize::MAX);
        *short |= data.len() > most;
        data.truncate(most);
        *left -= data.len() as u64;
        data
    })
}

impl fmt::Debug for Work {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Work").field("is_reverted", &self.is_reverted()).finish_non_exhaustive()
    }
}
