//! [`Pacing`]: a body that comes slowly.
//!
//! At a rate, each chunk is given out when a line of that rate would have carried it: the first one too, so there is no
//! burst at the start. Lateness of a timer is made up for within [`CREDIT`]; a reader that pauses gains no more than
//! that.

use std::mem;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use chaos_core::Clock;
use chaos_core::clock::Sleep;
use chaos_core::point::Watch;
use http_body::{Body, Frame};
use tokio::time::Instant;

use super::faulty::poll_bytes;
use super::work::Next;

/// How much lateness is made up for.
const CREDIT: Duration = Duration::from_millis(10);
/// Chunks of a rate are what it carries in a hundredth of a second, up to this.
const LARGEST_CHUNK: u64 = 64 * 1024;

/// How slowly.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    Rate { bytes_per_second: u64 },
    Drip { chunk: usize, pause: Duration },
}

pub(super) struct Pacing {
    pace: Pace,
    clock: Clock,
    held: Bytes,
    sleep: Option<Pin<Box<Sleep>>>,
    // When the last chunk was due.
    due: Option<Instant>,
}

impl Pacing {
    pub(super) fn new(pace: Pace, clock: Clock) -> Self {
        Self { pace, clock, held: Bytes::new(), sleep: None, due: None }
    }

    pub(super) fn held(&self) -> usize {
        self.held.len()
    }

    pub(super) fn take_held(&mut self) -> Option<Bytes> {
        Some(mem::take(&mut self.held)).filter(|held| !held.is_empty())
    }

    pub(super) fn poll<B: Body>(
        &mut self,
        mut body: Pin<&mut B>,
        watch: &mut Watch,
        cx: &mut Context<'_>,
    ) -> Poll<Next<B::Error>> {
        while self.held.is_empty() {
            match ready!(poll_bytes(body.as_mut(), cx)) {
                Some(Ok(frame)) => match frame.into_data() {
                    Ok(data) => self.held = data,
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
                end => return Poll::Ready(end),
            }
        }
        if watch.poll_reverted(cx).is_ready() {
            return Poll::Ready(self.take_held().map(|data| Ok(Frame::data(data))));
        }
        let chunk = self.chunk();
        let sleep = match &mut self.sleep {
            Some(sleep) => sleep,
            none => {
                let wait = match self.pace {
                    Pace::Drip { pause, .. } => pause,
                    Pace::Rate { bytes_per_second } => {
                        let now = self.clock.now();
                        let earliest = now.checked_sub(CREDIT).unwrap_or(now);
                        let from = self.due.map_or(now, |due| due.max(earliest));
                        let due = from + time_on_the_line(chunk, bytes_per_second);
                        self.due = Some(due);
                        due.saturating_duration_since(now)
                    }
                };
                none.insert(Box::pin(self.clock.sleep(wait)))
            }
        };
        ready!(sleep.as_mut().poll(cx));
        self.sleep = None;
        Poll::Ready(Some(Ok(Frame::data(self.held.split_to(chunk)))))
    }

    fn chunk(&self) -> usize {
        let most = match self.pace {
            Pace::Drip { chunk, .. } => chunk,
            Pace::Rate { bytes_per_second } => (bytes_per_second / 100).clamp(1, LARGEST_CHUNK) as usize,
        };
        most.min(self.held.len())
    }
}

fn time_on_the_line(bytes: usize, bytes_per_second: u64) -> Duration {
    let nanos = bytes as u128 * 1_000_000_000 / u128::from(bytes_per_second);
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(u64::MAX))
}
