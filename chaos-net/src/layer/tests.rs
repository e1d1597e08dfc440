//! The layer over services of plain functions, on a paused clock.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Future, Ready, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use chaos_core::units::{ms, secs};
use chaos_core::{Chaos, Delay, Point};
use tokio::time::{Instant, advance};
use tower::{Layer, Service, ServiceExt, service_fn};

use super::*;
use crate::call::{self, Call};

type Numbers = Call<u32, u32, &'static str>;

/// Counts its calls, remembers when the last one was, and holds callers to tower's contract: a clone is not ready, and
/// a call that no readiness came before panics.
#[derive(Debug)]
struct Strict {
    ready: bool,
    calls: Arc<AtomicU64>,
    start: Instant,
    called_at: Arc<AtomicU64>,
}

impl Strict {
    fn new() -> Self {
        Self { ready: false, calls: Arc::default(), start: Instant::now(), called_at: Arc::default() }
    }
}

impl Clone for Strict {
    fn clone(&self) -> Self {
        Self {
            ready: false,
            calls: Arc::clone(&self.calls),
            start: self.start,
            called_at: Arc::clone(&self.called_at),
        }
    }
}

impl Service<u32> for Strict {
    type Response = u32;
    type Error = &'static str;
    type Future = Ready<Result<u32, &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        self.ready = true;
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, n: u32) -> Self::Future {
        assert!(std::mem::take(&mut self.ready), "called without being ready");
        self.calls.fetch_add(1, Ordering::Relaxed);
        let at = self.start.elapsed().as_millis() as u64;
        self.called_at.store(at, Ordering::Relaxed);
        ready(if n == 13 { Err("thirteen") } else { Ok(2 * n) })
    }
}

/// The same without `Clone`.
struct Single(Strict);

impl Service<u32> for Single {
    type Response = u32;
    type Error = &'static str;
    type Future = Ready<Result<u32, &'static str>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, n: u32) -> Self::Future {
        self.0.call(n)
    }
}

fn numbers() -> (Point<Numbers>, ChaosService<Strict, Calls<u32>>, Strict) {
    let point = Chaos::seeded(7).point::<Numbers>("numbers").unwrap();
    let strict = Strict::new();
    let service = ChaosLayer::call(point.clone()).layer(strict.clone());
    (point, service, strict)
}

async fn ask<S: Service<u32>>(service: &mut S, n: u32) -> Result<S::Response, S::Error> {
    service.ready().await?.call(n).await
}

fn poll_once<F: Future + Unpin>(future: &mut F) -> Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(Waker::noop()))
}

#[tokio::test(start_paused = true)]
async fn without_rules_everything_passes_unboxed() {
    let (point, mut service, strict) = numbers();
    assert!(point.is_attached());
    let future = service.ready().await.unwrap().call(4);
    assert!(!future.is_hit());
    assert_eq!(future.await, Ok(8));
    assert_eq!(ask(&mut service, 13).await, Err("thirteen"));
    assert_eq!(strict.calls.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_delay_stands_before_the_call() {
    let (point, mut service, strict) = numbers();
    let slow = point.arm(call::latency(Delay::fixed(ms(50)))).unwrap();
    assert_eq!(ask(&mut service, 4).await, Ok(8));
    assert_eq!(strict.called_at.load(Ordering::Relaxed), 50);
    assert_eq!(slow.hits(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_response_delay_stands_after_it() {
    let (point, mut service, strict) = numbers();
    let _slow = point.arm(call::response_latency(Delay::fixed(ms(50)))).unwrap();
    assert_eq!(ask(&mut service, 4).await, Ok(8));
    assert_eq!(strict.called_at.load(Ordering::Relaxed), 0);
    assert_eq!(strict.start.elapsed(), ms(50));
}

#[tokio::test(start_paused = true)]
async fn all_delays_add_and_the_first_effect_wins() {
    let (point, mut service, strict) = numbers();
    let _one = point.arm(call::latency(Delay::fixed(ms(50)))).unwrap();
    let _after = point.arm(call::response_latency(Delay::fixed(ms(7)))).unwrap();
    let wins = point.arm(call::respond(|n: &u32| n + 100)).unwrap();
    let never = point.arm(call::error(|_: &u32| "never")).unwrap();
    assert_eq!(ask(&mut service, 4).await, Ok(104));
    assert_eq!(strict.start.elapsed(), ms(57));
    assert_eq!(strict.calls.load(Ordering::Relaxed), 0);
    assert_eq!((wins.hits(), never.hits(), never.stats().matching), (1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn errors_are_the_callers_own_and_come_without_a_call() {
    let (point, mut service, strict) = numbers();
    let _odd = point.arm(call::error(|_: &u32| "odd").matching(|n: &u32| n % 2 == 1)).unwrap();
    assert_eq!(ask(&mut service, 3).await, Err("odd"));
    assert_eq!(ask(&mut service, 4).await, Ok(8));
    assert_eq!(strict.calls.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_lost_response_was_served() {
    let (point, mut service, strict) = numbers();
    let _lost = point.arm(call::lose_response(|n: &u32| if *n == 4 { "lost four" } else { "lost" })).unwrap();
    assert_eq!(ask(&mut service, 4).await, Err("lost four"));
    assert_eq!(strict.calls.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_hang_ends_with_the_revert_and_goes_on_to_the_call() {
    let (point, mut service, strict) = numbers();
    let hang = point.arm(call::hang()).unwrap();
    let mut held = Box::pin(ask(&mut service, 4));
    assert!(poll_once(&mut held).is_pending());
    advance(secs(3600)).await;
    assert!(poll_once(&mut held).is_pending());
    assert_eq!(strict.calls.load(Ordering::Relaxed), 0);
    hang.revert();
    assert_eq!(poll_once(&mut held), Poll::Ready(Ok(8)));
    assert_eq!((hang.hits(), hang.stats().let_go), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_hanging_response_was_served_and_comes_with_the_revert() {
    let (point, mut service, strict) = numbers();
    let hang = point.arm(call::hang_response()).unwrap();
    let mut held = Box::pin(ask(&mut service, 4));
    assert!(poll_once(&mut held).is_pending());
    assert_eq!(strict.calls.load(Ordering::Relaxed), 1);
    hang.revert();
    assert_eq!(poll_once(&mut held), Poll::Ready(Ok(8)));
}

#[tokio::test(start_paused = true)]
async fn a_revert_lets_held_requests_go_at_once_and_untouched() {
    let (point, service, strict) = numbers();
    let slow = point.arm(call::latency(Delay::fixed(secs(60)))).unwrap();
    let fails = point.arm(call::error(|_: &u32| "never")).unwrap();
    let tasks: Vec<_> = (0..100)
        .map(|n| {
            let mut service = service.clone();
            tokio::spawn(async move { ask(&mut service, n + 20).await })
        })
        .collect();
    tokio::task::yield_now().await;
    advance(ms(10)).await;
    fails.revert();
    slow.revert();
    for (n, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.await.unwrap(), Ok(2 * (n as u32 + 20)));
    }
    assert_eq!(strict.start.elapsed(), ms(10));
    assert_eq!((slow.hits(), slow.stats().let_go, fails.hits()), (100, 100, 100));
}

#[tokio::test(start_paused = true)]
async fn panics_where_it_is_polled_and_spares_the_next() {
    let (point, mut service, _) = numbers();
    let _boom = point.arm(call::panic("boom").first(1).unwrap()).unwrap();
    let mut future = service.ready().await.unwrap().call(4);
    let payload = catch_unwind(AssertUnwindSafe(|| poll_once(&mut future))).unwrap_err();
    assert_eq!(payload.downcast_ref::<String>().map(String::as_str), Some("injected: boom"));
    drop(future);
    assert_eq!(ask(&mut service, 4).await, Ok(8));
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_a_matcher_or_closure_leaves_the_point_usable() {
    let (point, mut service, _) = numbers();
    let counted = point.arm(call::latency(Delay::fixed(ms(1))).at_once(1).unwrap()).unwrap();
    let _bad = point.arm(call::error(|_: &u32| "no").matching(|n: &u32| 10 / *n == 0)).unwrap();
    let _worse =
        point.arm(call::error(|n: &u32| panic!("closure for {n}")).matching(|n: &u32| *n == 5)).unwrap();
    service.ready().await.unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| drop(service.call(0)))).is_err());
    // The place under the first rule's limit came back with the panic.
    assert_eq!(ask(&mut service, 1).await, Ok(2));
    let mut dies = service.clone();
    let died = tokio::spawn(async move { ask(&mut dies, 5).await }).await;
    assert!(died.unwrap_err().is_panic());
    assert_eq!(ask(&mut service, 20).await, Err("no"));
    assert_eq!((counted.hits(), counted.stats().capped), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn the_same_requests_are_hit_whatever_is_polled_first() {
    let run = |reverse: bool| async move {
        let (point, service, _) = numbers();
        let _half = point.arm(call::error(|_: &u32| "hit").probability(0.5).unwrap()).unwrap();
        let _slow = point.arm(call::latency(Delay::fixed(ms(5))).probability(0.5).unwrap()).unwrap();
        let mut futures = Vec::new();
        for n in 0..16 {
            let mut service = service.clone();
            futures.push((n, service.ready().await.unwrap().call(100 + n)));
        }
        if reverse {
            futures.reverse();
        }
        let mut results = Vec::new();
        for (n, future) in futures {
            results.push((n, future.await.is_err()));
        }
        results.sort_unstable();
        results
    };
    let in_order = run(false).await;
    assert_eq!(in_order, run(true).await);
    let hits = in_order.iter().filter(|(_, hit)| *hit).count();
    assert!((1..16).contains(&hits), "{hits} of 16");
}

#[tokio::test(start_paused = true)]
async fn a_dropped_future_gives_its_place_back_at_any_moment() {
    let (point, service, strict) = numbers();
    // One place in all: while anything leaks it, nothing is hit again.
    let one = |rule: chaos_core::Rule<Numbers>| point.arm(rule.at_once(1).unwrap()).unwrap();
    let before = one(call::latency(Delay::fixed(ms(50))));
    let hang = one(call::hang().matching(|n: &u32| *n == 2));
    let after = one(call::hang_response().matching(|n: &u32| *n == 3));
    for (n, wait) in [(1, None), (1, Some(10)), (2, Some(10)), (2, Some(60)), (3, Some(60)), (1, Some(60))] {
        let mut service = service.clone();
        let mut future = Box::pin(service.ready().await.unwrap().call(n));
        if let Some(wait) = wait {
            let _ = poll_once(&mut future);
            advance(ms(wait)).await;
            let _ = poll_once(&mut future);
        }
        drop(future);
    }
    assert_eq!((before.hits(), hang.hits(), after.hits()), (6, 2, 1));
    for rule in [&before, &hang, &after] {
        assert_eq!(rule.stats().capped, 0, "{}", rule.label());
    }
    assert_eq!(strict.calls.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn at_once_holds_while_a_response_hangs() {
    let (point, service, _) = numbers();
    let hang = point.arm(call::hang_response().at_once(1).unwrap()).unwrap();
    let (mut one, mut two) = (service.clone(), service);
    let mut held = Box::pin(ask(&mut one, 1));
    assert!(poll_once(&mut held).is_pending());
    assert_eq!(ask(&mut two, 2).await, Ok(4));
    assert_eq!((hang.hits(), hang.stats().capped), (1, 1));
    drop(held);
    assert!(poll_once(&mut Box::pin(ask(&mut two, 2))).is_pending());
}

#[tokio::test(start_paused = true)]
async fn services_without_clone_are_called_at_once_and_answer_late() {
    let point = Chaos::seeded(7).point::<Numbers>("single").unwrap();
    let strict = Strict::new();
    let mut service = ChaosLayer::call(point.clone()).delay_after_call().layer(Single(strict.clone()));
    let slow = point.arm(call::latency(Delay::fixed(ms(50)))).unwrap();
    let hang = point.arm(call::hang().matching(|n: &u32| *n == 2)).unwrap();
    let _fail = point.arm(call::error(|_: &u32| "failed").matching(|n: &u32| *n == 3)).unwrap();
    let _lost = point.arm(call::lose_response(|_: &u32| "lost").matching(|n: &u32| *n == 5)).unwrap();

    assert_eq!(ask(&mut service, 4).await, Ok(8));
    assert_eq!((strict.called_at.load(Ordering::Relaxed), strict.start.elapsed()), (0, ms(50)));
    assert_eq!(ask(&mut service, 3).await, Err("failed"));
    assert_eq!((strict.calls.load(Ordering::Relaxed), strict.start.elapsed()), (1, ms(100)));
    assert_eq!(ask(&mut service, 5).await, Err("lost"));
    assert_eq!(strict.calls.load(Ordering::Relaxed), 2);

    let mut held = Box::pin(ask(&mut service, 2));
    assert!(poll_once(&mut held).is_pending());
    assert_eq!(strict.calls.load(Ordering::Relaxed), 3);
    slow.revert();
    assert!(poll_once(&mut held).is_pending());
    hang.revert();
    assert_eq!(poll_once(&mut held), Poll::Ready(Ok(4)));
}

#[tokio::test(start_paused = true)]
async fn a_service_that_cannot_fail_is_delayed_answered_and_hung() {
    let point = Chaos::seeded(7).point::<Call<u32, u32, Infallible>>("sure").unwrap();
    let mut service =
        ChaosLayer::call(point.clone()).layer(service_fn(|n: u32| async move { Ok::<_, Infallible>(2 * n) }));
    let _slow = point.arm(call::latency(Delay::fixed(ms(5)))).unwrap();
    let _one = point.arm(call::respond(|_: &u32| 1).nth("2").unwrap()).unwrap();
    let Ok(first) = ask(&mut service, 4).await;
    let Ok(second) = ask(&mut service, 4).await;
    assert_eq!((first, second), (8, 1));
}

#[tokio::test(start_paused = true)]
async fn what_is_not_send_stays_on_its_thread() {
    let seen = Rc::new(Cell::new(0));
    let point = Chaos::seeded(7).point::<Call<Rc<u32>, Rc<u32>, Rc<str>>>("local").unwrap();
    let counter = Rc::clone(&seen);
    let mut service = ChaosLayer::call(point.clone()).layer(service_fn(move |n: Rc<u32>| {
        counter.set(counter.get() + 1);
        async move { Ok::<_, Rc<str>>(n) }
    }));
    let _slow = point.arm(call::latency(Delay::fixed(ms(5)))).unwrap();
    let _lost = point.arm(call::lose_response(|_: &Rc<u32>| "lost".into())).unwrap();
    assert_eq!(service.ready().await.unwrap().call(Rc::new(3)).await, Err("lost".into()));
    assert_eq!(seen.get(), 1);
}

#[test]
fn futures_are_send_where_their_parts_are_and_services_clone_where_theirs_do() {
    fn is_send<T: Send>() {}
    is_send::<<ChaosService<Strict, Calls<u32>> as Service<u32>>::Future>();
    is_send::<ChaosService<Single, Calls<u32>, DelayAfterCall>>();

    // Compiles only while the type has exactly one of these, that is, while it is not `Clone`.
    trait NotClone<A> {
        fn holds() {}
    }
    impl<T> NotClone<()> for T {}
    impl<T: Clone> NotClone<u8> for T {}
    <ChaosService<Single, Calls<u32>, DelayAfterCall> as NotClone<_>>::holds();
    fn is_clone<T: Clone>() {}
    is_clone::<ChaosService<Strict, Calls<u32>>>();
}

#[tokio::test(start_paused = true)]
async fn the_place_of_a_ready_service_moves_with_the_delay() {
    let (point, mut service, strict) = numbers();
    let _slow = point.arm(call::latency(Delay::fixed(ms(50)))).unwrap();
    // Both were made ready before their calls; neither may be called on a clone that was not.
    let first = service.ready().await.unwrap().call(1);
    let second = service.ready().await.unwrap().call(2);
    let (first, second) = tokio::join!(first, second);
    assert_eq!((first, second), (Ok(2), Ok(4)));
    assert_eq!(strict.start.elapsed(), ms(50));
}

#[tokio::test(start_paused = true)]
async fn a_delay_that_is_to_finish_does() {
    let (point, mut service, strict) = numbers();
    let slow = point.arm(call::latency(Delay::fixed(ms(50))).finish_delays()).unwrap();
    let mut held = Box::pin(ask(&mut service, 4));
    assert!(poll_once(&mut held).is_pending());
    slow.revert();
    assert!(poll_once(&mut held).is_pending());
    assert_eq!(held.await, Ok(8));
    assert_eq!(strict.start.elapsed(), Duration::from_millis(50));
}
