//! [`Sleep`]: the future of one wait.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use tokio::task::{Unconstrained, unconstrained};

use super::blocking::spin_until;
use super::timer::{Key, Timer};

/// The end of a spinning wait in which not even other tasks get a turn.
const HOLD: Duration = Duration::from_micros(2);

/// A wait of [`Clock::sleep`](super::Clock::sleep). Dropping it takes the wait back. It may be polled from any task,
/// runtime or thread, and is ready again when polled after its end.
#[must_use = "a sleep waits only when awaited"]
pub struct Sleep {
    state: State,
}

enum State {
    Over,
    // Without tokio's task budget: a limit must not be missed because what it limits used the budget up.
    Tokio(Pin<Box<Unconstrained<tokio::time::Sleep>>>),
    Precise(Precise),
}

struct Precise {
    timer: Arc<Timer>,
    deadline: Instant,
    /// How long before the deadline to be awake and spin.
    spin: Duration,
    key: Option<Key>,
}

impl Sleep {
    pub(super) fn over() -> Self {
        Self { state: State::Over }
    }

    pub(super) fn tokio(duration: Duration) -> Self {
        #[expect(clippy::disallowed_methods, reason = "this is the handle's clock, and time is virtual here")]
        let sleep = tokio::time::sleep(duration);
        Self { state: State::Tokio(Box::pin(unconstrained(sleep))) }
    }

    pub(super) fn precise(timer: Arc<Timer>, deadline: Instant, spin: Duration) -> Self {
        Self { state: State::Precise(Precise { timer, deadline, spin, key: None }) }
    }
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let ended = match &mut self.state {
            State::Over => Poll::Ready(()),
            State::Tokio(sleep) => sleep.as_mut().poll(cx),
            State::Precise(sleep) => sleep.poll(cx),
        };
        if ended.is_ready() {
            self.state = State::Over;
        }
        ended
    }
}

impl Precise {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let now = Instant::now();
        let left = self.deadline.saturating_duration_since(now);
        if !self.spin.is_zero() && left <= self.spin {
            self.timer.leave(self.key.take(), now);
            if left > HOLD {
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            spin_until(self.deadline);
            return Poll::Ready(());
        }
        if left.is_zero() {
            self.timer.leave(self.key.take(), now);
            return Poll::Ready(());
        }
        let wake = self.deadline.checked_sub(self.spin).unwrap_or(self.deadline);
        self.key = self.timer.wait(self.key.take(), wake, cx.waker());
        Poll::Pending
    }
}

impl Drop for Precise {
    fn drop(&mut self) {
        if let Some(key) = self.key.take() {
            self.timer.forget(key);
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.state {
            State::Over => f.write_str("Sleep(over)"),
            State::Tokio(_) => f.write_str("Sleep(virtual)"),
            State::Precise(sleep) => {
                write!(f, "Sleep({:?} left)", sleep.deadline.saturating_duration_since(Instant::now()))
            }
        }
    }
}
