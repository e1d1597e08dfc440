//! An executor's eye: a future that answers `Pending` must have kept this poll's waker, or used it.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// More polls than this for one script are a busy loop.
const MOST_POLLS: usize = 100_000;

struct Strict {
    outer: Waker,
    woken: AtomicBool,
}

impl Wake for Strict {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }
    fn wake_by_ref(self: &Arc<Self>) {
        self.woken.store(true, Ordering::Relaxed);
        self.outer.wake_by_ref();
    }
}

/// One poll, with a waker of its own: a wrapper that keeps an older one is found out.
pub(crate) fn poll_once<T>(outer: &Context<'_>, poll: impl FnOnce(&mut Context<'_>) -> Poll<T>) -> Poll<T> {
    let strict = Arc::new(Strict { outer: outer.waker().clone(), woken: AtomicBool::new(false) });
    let waker = Waker::from(Arc::clone(&strict));
    let polled = poll(&mut Context::from_waker(&waker));
    drop(waker);
    if polled.is_pending() {
        let kept = Arc::strong_count(&strict) > 1;
        assert!(kept || strict.woken.load(Ordering::Relaxed), "Pending, and nobody will wake the task");
    }
    polled
}

/// `future`, watched at every poll.
pub(crate) async fn strict<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let mut polls = 0;
    std::future::poll_fn(|cx| {
        polls += 1;
        assert!(polls < MOST_POLLS, "polled {polls} times: a busy loop");
        poll_once(cx, |cx| future.as_mut().poll(cx))
    })
    .await
}

#[tokio::test]
#[should_panic(expected = "nobody will wake the task")]
async fn a_lost_wake_up_is_found_out() {
    strict(std::future::pending::<()>()).await;
}

#[tokio::test]
#[should_panic(expected = "a busy loop")]
async fn a_busy_loop_is_found_out() {
    strict(std::future::poll_fn(|cx| {
        cx.waker().wake_by_ref();
        Poll::<()>::Pending
    }))
    .await;
}
