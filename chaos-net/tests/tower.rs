//! The layer between tower's own middleware, with faults firing, on a paused clock.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may panic, and its clock is paused where it sleeps"
)]

use std::future::{Ready, pending, ready};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use chaos_core::units::{ms, secs};
use chaos_core::{Chaos, Delay, Point};
use chaos_net::call::{self, Call};
use chaos_net::{ChaosLayer, InjectedError, InjectedKind};
use tokio::time::Instant;
use tower::balance::p2c::Balance;
use tower::buffer::Buffer;
use tower::discover::ServiceList;
use tower::limit::ConcurrencyLimitLayer;
use tower::load::Constant;
use tower::load_shed::LoadShedLayer;
use tower::retry::{Policy, RetryLayer};
use tower::timeout::TimeoutLayer;
use tower::util::BoxCloneService;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt, service_fn};

type Calls = Call<u32, u32, BoxError>;

fn point() -> Point<Calls> {
    Chaos::seeded(7).point("tower").unwrap()
}

/// Doubles, and counts how often.
fn doubler(
    calls: &Arc<AtomicU64>,
) -> impl Service<u32, Response = u32, Error = BoxError, Future: Send> + Clone + use<> {
    let calls = Arc::clone(calls);
    service_fn(move |n: u32| {
        calls.fetch_add(1, Ordering::Relaxed);
        ready(Ok(2 * n))
    })
}

fn reset(_: &u32) -> BoxError {
    InjectedError::new(InjectedKind::Reset).into()
}

/// Tries again as long as the error is an injected one.
#[derive(Clone)]
struct Again(u32);

impl Policy<u32, u32, BoxError> for Again {
    type Future = Ready<()>;

    fn retry(&mut self, _: &mut u32, result: &mut Result<u32, BoxError>) -> Option<Ready<()>> {
        let error = result.as_ref().err()?;
        InjectedError::find(&**error)?;
        self.0 = self.0.checked_sub(1)?;
        Some(ready(()))
    }

    fn clone_request(&mut self, n: &u32) -> Option<u32> {
        Some(*n)
    }
}

#[tokio::test(start_paused = true)]
async fn below_a_retry_faults_are_retried() {
    let (point, calls) = (point(), Arc::default());
    let mut service = ServiceBuilder::new()
        .layer(RetryLayer::new(Again(3)))
        .layer(ChaosLayer::call(point.clone()))
        .service(doubler(&calls));
    let fails = point.arm(call::error(reset).first(2).unwrap()).unwrap();
    assert_eq!(service.ready().await.unwrap().call(4).await.unwrap(), 8);
    assert_eq!((fails.hits(), fails.stats().matching, calls.load(Ordering::Relaxed)), (2, 3, 1));
}

#[tokio::test(start_paused = true)]
async fn above_a_retry_they_are_not() {
    let (point, calls) = (point(), Arc::default());
    let mut service = ServiceBuilder::new()
        .layer(ChaosLayer::call(point.clone()))
        .layer(RetryLayer::new(Again(3)))
        .service(doubler(&calls));
    let _fails = point.arm(call::error(reset).first(1).unwrap()).unwrap();
    let error = service.ready().await.unwrap().call(4).await.unwrap_err();
    assert_eq!(InjectedError::find(&*error).map(InjectedError::kind), Some(InjectedKind::Reset));
    assert_eq!(calls.load(Ordering::Relaxed), 0);
}

#[tokio::test(start_paused = true)]
async fn a_lost_response_is_retried_and_so_served_twice() {
    let (point, calls) = (point(), Arc::default());
    let mut service = ServiceBuilder::new()
        .layer(RetryLayer::new(Again(3)))
        .layer(ChaosLayer::call(point.clone()))
        .service(doubler(&calls));
    let _lost = point.arm(call::lose_response(reset).first(1).unwrap()).unwrap();
    assert_eq!(service.ready().await.unwrap().call(4).await.unwrap(), 8);
    assert_eq!(calls.load(Ordering::Relaxed), 2);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_above_cuts_delays_and_hangs_short_and_nothing_leaks() {
    let (point, calls) = (point(), Arc::default());
    let mut service = ServiceBuilder::new()
        .layer(TimeoutLayer::new(ms(100)))
        .layer(ChaosLayer::call(point.clone()))
        .service(doubler(&calls));
    let slow = point.arm(call::latency(Delay::fixed(secs(5))).at_once(1).unwrap().first(2).unwrap()).unwrap();
    let hang = point.arm(call::hang().nth("3").unwrap()).unwrap();
    let start = Instant::now();
    for _ in 0..3 {
        let error = service.ready().await.unwrap().call(4).await.unwrap_err();
        assert!(error.is::<tower::timeout::error::Elapsed>(), "{error}");
    }
    assert_eq!(start.elapsed(), ms(300));
    // The second was hit as well: the first had given its place back.
    assert_eq!((slow.hits(), slow.stats().capped, hang.hits()), (2, 0, 1));
    assert_eq!(slow.stats().added, ms(200));
    assert_eq!(service.ready().await.unwrap().call(4).await.unwrap(), 8);
    assert_eq!(calls.load(Ordering::Relaxed), 1);
}

#[tokio::test(start_paused = true)]
async fn a_delayed_call_keeps_its_place_under_a_concurrency_limit() {
    let (point, calls) = (point(), Arc::default());
    let service = ServiceBuilder::new()
        .layer(ChaosLayer::call(point.clone()))
        .layer(ConcurrencyLimitLayer::new(1))
        .service(doubler(&calls));
    let slow = point.arm(call::latency(Delay::fixed(ms(50)))).unwrap();
    let start = Instant::now();
    let tasks: Vec<_> = (0..4)
        .map(|n| {
            let mut service = service.clone();
            tokio::spawn(async move { service.ready().await?.call(n).await })
        })
        .collect();
    for (n, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.await.unwrap().unwrap(), 2 * n as u32);
    }
    // One after the other, each with the permit it was made ready with.
    assert_eq!((slow.hits(), start.elapsed()), (4, ms(200)));
}

#[tokio::test(start_paused = true)]
async fn an_injected_error_frees_the_place_it_did_not_use() {
    let (point, calls) = (point(), Arc::default());
    let mut service = ServiceBuilder::new()
        .layer(ChaosLayer::call(point.clone()))
        .layer(ConcurrencyLimitLayer::new(1))
        .service(doubler(&calls));
    let _fails = point.arm(call::error(reset).first(1).unwrap()).unwrap();
    let mut other = service.clone();
    service.ready().await.unwrap().call(1).await.unwrap_err();
    let answer = tokio::time::timeout(secs(1), async { other.ready().await?.call(2).await });
    assert_eq!(answer.await.expect("the permit is free").unwrap(), 4);
}

#[tokio::test(start_paused = true)]
async fn load_is_shed_while_a_delay_holds_the_only_place() {
    let (point, calls) = (point(), Arc::default());
    let service = ServiceBuilder::new()
        .layer(LoadShedLayer::new())
        .layer(ChaosLayer::call(point.clone()))
        .layer(ConcurrencyLimitLayer::new(1))
        .service(doubler(&calls));
    let slow = point.arm(call::latency(Delay::fixed(ms(50)))).unwrap();
    let mut first = service.clone();
    let held = tokio::spawn(async move { first.ready().await?.call(1).await });
    tokio::task::yield_now().await;
    let error = service.clone().ready().await.unwrap().call(2).await.unwrap_err();
    assert!(error.is::<tower::load_shed::error::Overloaded>(), "{error}");
    assert_eq!(held.await.unwrap().unwrap(), 2);
    assert_eq!(service.clone().ready().await.unwrap().call(3).await.unwrap(), 6);
    assert_eq!((slow.hits(), calls.load(Ordering::Relaxed)), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn above_and_below_a_buffer() {
    let (above, below, calls) = (point(), point(), Arc::default());
    let mut service = ServiceBuilder::new()
        .layer(ChaosLayer::call(above.clone()))
        .buffer(4)
        .layer(ChaosLayer::call(below.clone()))
        .concurrency_limit(1)
        .service(doubler(&calls));
    let slow_above = above.arm(call::latency(Delay::fixed(ms(50)))).unwrap();
    let slow_below = below.arm(call::latency(Delay::fixed(ms(7)))).unwrap();
    let fails_below = below.arm(call::error(reset).nth("2").unwrap()).unwrap();
    let start = Instant::now();
    assert_eq!(service.ready().await.unwrap().call(4).await.unwrap(), 8);
    let error = service.ready().await.unwrap().call(4).await.unwrap_err();
    assert!(InjectedError::find(&*error).is_some());
    assert_eq!(service.ready().await.unwrap().call(4).await.unwrap(), 8);
    assert_eq!(start.elapsed(), ms(3 * 57));
    assert_eq!((slow_above.hits(), slow_below.hits(), fails_below.hits()), (3, 3, 1));
}

#[tokio::test(start_paused = true)]
async fn around_a_balancer_which_is_not_clone_and_around_its_endpoints() {
    let (around, calls) = (point(), Arc::default());
    let chaos = Chaos::seeded(7);
    let endpoints: Vec<_> = (0..3)
        .map(|n| {
            let point = chaos.point::<Calls>(&format!("endpoint {n}")).unwrap();
            let service = ServiceBuilder::new().layer(ChaosLayer::call(point)).service(doubler(&calls));
            Constant::new(service, 1)
        })
        .collect();
    let mut service = ServiceBuilder::new()
        .layer(ChaosLayer::call(around.clone()).delay_after_call())
        .service(Balance::new(ServiceList::new::<u32>(endpoints)));
    let slow = around.arm(call::latency(Delay::fixed(ms(50)))).unwrap();
    let fails: Vec<_> = (0..3)
        .map(|n| chaos.point::<Calls>(&format!("endpoint {n}")).unwrap().arm(call::error(reset)).unwrap())
        .collect();
    let start = Instant::now();
    for _ in 0..12 {
        service.ready().await.unwrap().call(4).await.unwrap_err();
    }
    assert_eq!((slow.hits(), start.elapsed()), (12, ms(600)));
    assert_eq!(fails.iter().map(|rule| rule.hits()).sum::<u64>(), 12);
    drop(fails);
    assert_eq!(service.ready().await.unwrap().call(4).await.unwrap(), 8);
}

#[tokio::test(start_paused = true)]
async fn a_revert_frees_what_hangs_behind_a_buffer() {
    let (point, calls) = (point(), Arc::default());
    let service = ServiceBuilder::new().layer(ChaosLayer::call(point.clone())).service(doubler(&calls));
    let service = Buffer::new(service, 8);
    let hang = point.arm(call::hang()).unwrap();
    let tasks: Vec<_> = (0..8)
        .map(|n| {
            let mut service = service.clone();
            tokio::spawn(async move { service.ready().await?.call(n).await })
        })
        .collect();
    tokio::time::sleep(secs(60)).await;
    assert!(tasks.iter().all(|task| !task.is_finished()));
    let start = Instant::now();
    hang.revert();
    for (n, task) in tasks.into_iter().enumerate() {
        assert_eq!(task.await.unwrap().unwrap(), 2 * n as u32);
    }
    assert_eq!(start.elapsed(), Duration::ZERO);
    assert_eq!(hang.stats().let_go, 8);
}

/// Boxed errors have a lifetime in them, which the compiler forgets in spawned tasks: all this has to compile there,
/// layers that name the service's future in theirs included.
#[tokio::test(start_paused = true)]
async fn boxed_errors_and_boxed_services_work_in_spawned_tasks() {
    let (point, calls) = (point(), Arc::default());
    // A retry over an unboxed service: a policy for boxed errors has the compiler's trouble by itself over a boxed one.
    let mut retried = ServiceBuilder::new()
        .layer(RetryLayer::new(Again(1)))
        .layer(ChaosLayer::call(point.clone()))
        .service(Buffer::new(doubler(&calls), 4));
    let mut boxed = ServiceBuilder::new()
        .layer(TimeoutLayer::new(secs(1)))
        .layer(ChaosLayer::call(point.clone()))
        .service(BoxCloneService::new(doubler(&calls)));
    let answered = tokio::spawn(async move {
        let fails = point.arm(call::error(reset).first(1).unwrap()).unwrap();
        let one = retried.ready().await.unwrap().call(4).await.unwrap();
        let two = boxed.ready().await.unwrap().call(5).await.unwrap();
        (one, two, fails.hits())
    });
    assert_eq!(answered.await.unwrap(), (8, 10, 1));
    let forever = service_fn(|_: u32| pending::<Result<u32, BoxError>>());
    let point = self::point();
    let mut service = ServiceBuilder::new().layer(ChaosLayer::call(point.clone())).service(forever);
    let _answer = point.arm(call::respond(|n: &u32| n + 1)).unwrap();
    assert_eq!(tokio::spawn(async move { service.ready().await?.call(1).await }).await.unwrap().unwrap(), 2);
}
