//! Calls a service as a caller does: ready, call, poll to completion; without a runtime, so that only the call counts.

use std::future::Future;
use std::hint::black_box;
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use tower::Service;

use crate::Worker;

/// `workers` workers on a clone of `service` each. `keep` lives as long as any of them: guards of armed rules.
pub(crate) fn calls<S, Req>(
    service: &S,
    request: impl Fn(u64) -> Req + Clone + Send + 'static,
    keep: impl Clone + Send + 'static,
    workers: usize,
) -> Vec<Worker>
where
    S: Service<Req> + Clone + Send + 'static,
{
    let worker = |_| -> Worker {
        let (mut service, request, keep) = (service.clone(), request.clone(), keep.clone());
        Box::new(move |calls| {
            let _ = &keep;
            let mut cx = Context::from_waker(Waker::noop());
            for n in 0..calls {
                one(&mut service, request(n), &mut cx);
            }
        })
    };
    (0..workers).map(worker).collect()
}

// Out of line, as where a request is handled: nothing is known of the service but its type.
#[inline(never)]
fn one<S, Req>(service: &mut S, request: Req, cx: &mut Context<'_>)
where
    S: Service<Req>,
{
    while service.poll_ready(cx).is_pending() {}
    drop(black_box(wait(service.call(black_box(request)), cx)));
}

/// Polls `future` to its end.
#[inline]
pub(crate) fn wait<F: Future>(future: F, cx: &mut Context<'_>) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(cx) {
            return output;
        }
    }
}
