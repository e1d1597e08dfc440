//! [`FaultyBody`]: a response body that a fault may act on.

use std::fmt;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Buf, Bytes};
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

use super::error::BodyError;
use super::work::{Next, Work};

pin_project! {
    /// The body of every response that comes through `ChaosLayer::http`.
    ///
    /// Around a body of any kind it is as good as that body: data that is [`Bytes`] already is not copied, and size and
    /// end are told as the body tells them, until a fault makes them uncertain.
    pub struct FaultyBody<B> {
        #[pin]
        kind: Kind<B>,
    }
}

pin_project! {
    #[project = KindProjection]
    enum Kind<B> {
        Body { #[pin] body: B, work: Option<Box<Work>> },
        Full { data: Bytes },
        End,
    }
}

impl<B> FaultyBody<B> {
    /// `body`, untouched.
    #[inline]
    pub(crate) fn new(body: B) -> Self {
        Self { kind: Kind::Body { body, work: None } }
    }

    /// A body of our own.
    pub(crate) fn full(data: Bytes) -> Self {
        Self { kind: if data.is_empty() { Kind::End } else { Kind::Full { data } } }
    }

    pub(super) fn under(self, work: Work) -> Self {
        match self.kind {
            Kind::Body { body, .. } => Self { kind: Kind::Body { body, work: Some(Box::new(work)) } },
            kind => Self { kind },
        }
    }

    /// Whether a fault acts on this body.
    pub fn is_hit(&self) -> bool {
        matches!(&self.kind, Kind::Body { work: Some(work), .. } if !work.is_reverted())
    }
}

impl<B> Default for FaultyBody<B> {
    /// An empty body.
    fn default() -> Self {
        Self { kind: Kind::End }
    }
}

impl<B: Body> Body for FaultyBody<B> {
    type Data = Bytes;
    type Error = BodyError<B::Error>;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Next<B::Error>> {
        let mut kind = self.project().kind;
        match kind.as_mut().project() {
            KindProjection::Body { body, work: at } => {
                let Some(work) = at else { return poll_bytes(body, cx) };
                if work.is_reverted() {
                    let held = work.take_held();
                    *at = None;
                    return match held {
                        Some(data) => Poll::Ready(Some(Ok(Frame::data(data)))),
                        None => poll_bytes(body, cx),
                    };
                }
                let next = ready!(work.poll(body, cx));
                if !matches!(next, Some(Ok(_))) {
                    kind.set(Kind::End);
                }
                Poll::Ready(next)
            }
            KindProjection::Full { data } => {
                let data = std::mem::take(data);
                kind.set(Kind::End);
                Poll::Ready(Some(Ok(Frame::data(data))))
            }
            KindProjection::End => Poll::Ready(None),
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.kind {
            Kind::Body { body, work: None } => body.is_end_stream(),
            Kind::Body { body, work: Some(work) } => work.is_end(body.is_end_stream()),
            Kind::Full { .. } => false,
            Kind::End => true,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.kind {
            Kind::Body { body, work: None } => body.size_hint(),
            Kind::Body { body, work: Some(work) } => work.size_hint(&body.size_hint()),
            Kind::Full { data } => SizeHint::with_exact(data.len() as u64),
            Kind::End => SizeHint::with_exact(0),
        }
    }
}

/// The next frame of `body`, its data as [`Bytes`].
#[inline]
pub(super) fn poll_bytes<B: Body>(body: Pin<&mut B>, cx: &mut Context<'_>) -> Poll<Next<B::Error>> {
    body.poll_frame(cx).map(|next| {
        next.map(|frame| match frame {
            // For `Bytes` this takes the data as it is.
            Ok(frame) => Ok(frame.map_data(|mut data| data.copy_to_bytes(data.remaining()))),
            Err(error) => Err(BodyError::Inner(error)),
        })
    })
}

impl<B> fmt::Debug for FaultyBody<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FaultyBody").field("is_hit", &self.is_hit()).finish_non_exhaustive()
    }
}
