//! The meter over services of plain functions, on a paused clock: latencies are exact.

use std::cell::Cell;
use std::convert::Infallible;
use std::future::{Ready, pending, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use chaos_core::measure::{Recorder, Window};
use chaos_core::units::{ms, secs};
use chaos_core::{Chaos, Clock, Delay};
use tokio::time::Instant;
use tower::retry::Policy;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

use super::*;
use crate::ChaosLayer;
use crate::call::{self, Call};

fn seen(recorder: &Recorder) -> Window {
    recorder.window(Duration::MAX, Instant::now())
}

/// Calls and failures.
fn counts<C>(meter: &Meter<C>) -> (u64, u64) {
    let window = seen(&meter.recorder());
    (window.calls, window.errors)
}

fn longest<C>(meter: &Meter<C>) -> Duration {
    seen(&meter.recorder()).latency.expect("there were calls").max
}

/// Answers after as many milliseconds as it is asked for; 13 fails.
async fn slow(n: u64) -> Result<u64, &'static str> {
    Clock::auto().sleep(ms(n)).await;
    if n == 13 { Err("thirteen") } else { Ok(n) }
}

#[tokio::test(start_paused = true)]
async fn latencies_are_exact_and_an_error_is_a_failure() {
    let meter = Meter::new("slow");
    let mut client = ServiceBuilder::new().layer(meter.layer()).service_fn(slow);
    for n in [10, 20, 30] {
        assert_eq!(client.ready().await.unwrap().call(n).await, Ok(n));
        assert_eq!(longest(&meter), ms(n));
    }
    assert_eq!(counts(&meter), (3, 0));
    assert_eq!(client.ready().await.unwrap().call(13).await, Err("thirteen"));
    assert_eq!(counts(&meter), (4, 1));
    assert_eq!(meter.error_rate().now().map(f64::from), Some(0.25));
    // A histogram answers with the upper end of a step of 1 %.
    let within = |value: Option<Duration>, exact| {
        let value = value.unwrap();
        assert!(value >= exact && value <= exact + exact / 100, "{value:?} for {exact:?}");
    };
    within(meter.p50().now(), ms(13));
    within(meter.p90().now(), ms(30));
    within(meter.p99().now(), ms(30));
    Clock::auto().sleep(secs(1)).await;
    let rate = meter.throughput().over(secs(2)).now().map(f64::from).unwrap();
    assert!((rate - 4.0 / 1.073).abs() < 1e-9, "{rate}");
}

#[tokio::test(start_paused = true)]
async fn time_begins_with_the_call_not_with_the_first_poll() {
    let meter = Meter::new("slow");
    let mut client = ServiceBuilder::new().layer(meter.layer()).service_fn(slow);
    let future = client.ready().await.unwrap().call(10);
    assert_eq!(meter.recorder().in_flight(), 1);
    Clock::auto().sleep(ms(40)).await;
    future.await.unwrap();
    assert_eq!((longest(&meter), meter.recorder().in_flight()), (ms(50), 0));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_a_timeout_gave_up_failed_after_that_time() {
    let (above, below) = (Meter::new("above"), Meter::new("below"));
    let mut client = ServiceBuilder::new()
        .layer(above.layer())
        .timeout(ms(50))
        .layer(below.layer())
        .service_fn(|_: ()| pending::<Result<(), Infallible>>());
    assert!(client.ready().await.unwrap().call(()).await.is_err());
    for meter in [&above, &below] {
        assert_eq!(counts(meter), (1, 1));
        // Tokio's own timer: it rounds up to its next millisecond.
        assert!((ms(50)..=ms(51)).contains(&longest(meter)), "{:?}", longest(meter));
    }
    assert_eq!((above.recorder().abandoned(), below.recorder().abandoned()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_future_that_is_dropped_unpolled_is_a_failed_call() {
    let meter = Meter::new("slow");
    let mut client = ServiceBuilder::new().layer(meter.layer()).service_fn(slow);
    drop(client.ready().await.unwrap().call(10));
    assert_eq!((counts(&meter), longest(&meter)), ((1, 1), Duration::ZERO));
    assert_eq!((meter.recorder().in_flight(), meter.recorder().abandoned()), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn a_finished_future_counts_once_even_if_it_is_dropped_much_later() {
    let meter = Meter::new("slow");
    let mut client = ServiceBuilder::new().layer(meter.layer()).service_fn(slow);
    {
        let mut future = pin!(client.ready().await.unwrap().call(10));
        future.as_mut().await.unwrap();
        Clock::auto().sleep(secs(1)).await;
    }
    assert_eq!((counts(&meter), longest(&meter)), ((1, 0), ms(10)));
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_the_service_is_a_failed_call() {
    let meter = Meter::new("panics");
    let mut client = ServiceBuilder::new().layer(meter.layer()).service_fn(
        |in_call: bool| -> Ready<Result<(), Infallible>> {
            assert!(!in_call, "expected by the test: a panic in `call`");
            ready(Ok(()))
        },
    );
    client.ready().await.unwrap();
    assert!(catch_unwind(AssertUnwindSafe(|| client.call(true))).is_err());
    client.ready().await.unwrap().call(false).await.unwrap();
    assert_eq!(counts(&meter), (2, 1));
    let mut later = ServiceBuilder::new()
        .layer(meter.layer())
        .service_fn(|_: ()| async { panic!("expected by the test") as Result<(), Infallible> });
    let future = later.ready().await.unwrap().call(());
    assert!(tokio::spawn(future).await.unwrap_err().is_panic());
    assert_eq!((counts(&meter), meter.recorder().in_flight()), ((3, 2), 0));
}

/// Fails as often as it is told to, then answers.
fn failing(times: u32) -> impl Fn(()) -> Ready<Result<(), &'static str>> + Clone {
    let left = Arc::new(AtomicU32::new(times));
    move |()| {
        let fails = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |n| n.checked_sub(1)).is_ok();
        ready(if fails { Err("fails") } else { Ok(()) })
    }
}

#[derive(Clone)]
struct Thrice(u32);

impl<Res, E> Policy<(), Res, E> for Thrice {
    type Future = Ready<()>;
    fn retry(&mut self, _: &mut (), result: &mut Result<Res, E>) -> Option<Ready<()>> {
        let again = result.is_err() && self.0 > 0;
        self.0 = self.0.saturating_sub(1);
        again.then(|| ready(()))
    }
    fn clone_request(&mut self, (): &()) -> Option<()> {
        Some(())
    }
}

#[tokio::test(start_paused = true)]
async fn above_a_retry_it_sees_success_and_below_the_failures() {
    let (above, below) = (Meter::new("above"), Meter::new("below"));
    let mut client = ServiceBuilder::new()
        .layer(above.layer())
        .retry(Thrice(3))
        .layer(below.layer())
        .service_fn(failing(2));
    client.ready().await.unwrap().call(()).await.unwrap();
    assert_eq!((counts(&above), counts(&below)), ((1, 0), (3, 2)));
}

#[tokio::test(start_paused = true)]
async fn above_the_chaos_layer_it_sees_the_faults_and_below_it_does_not() {
    let (above, below) = (Meter::new("above"), Meter::new("below"));
    let point = Chaos::seeded(7).point::<Call<u64, u64, &'static str>>("slow").unwrap();
    let mut client = ServiceBuilder::new()
        .layer(above.layer())
        .layer(ChaosLayer::call(point.clone()))
        .layer(below.layer())
        .service_fn(slow);
    let late = point.arm(call::latency(Delay::fixed(ms(100)))).unwrap();
    client.ready().await.unwrap().call(10).await.unwrap();
    assert_eq!((longest(&above), longest(&below)), (ms(110), ms(10)));
    late.revert();
    let broken = point.arm(call::error(|_: &u64| "injected")).unwrap();
    assert!(client.ready().await.unwrap().call(10).await.is_err());
    assert_eq!((counts(&above), counts(&below)), ((2, 1), (1, 0)));
    broken.revert();
}

#[tokio::test(start_paused = true)]
async fn a_closure_says_what_is_well() {
    let meter = Meter::judging("slow", |result: &Result<u64, &'static str>| match result {
        Ok(n) => *n < 20,
        Err(error) => *error == "thirteen",
    });
    let mut client = ServiceBuilder::new().layer(meter.layer()).service_fn(slow);
    for (n, failed) in [(10, 0), (20, 1), (13, 1), (21, 2)] {
        let _ = client.ready().await.unwrap().call(n).await;
        assert_eq!(counts(&meter).1, failed, "{n}");
    }
}

#[cfg(feature = "http")]
#[tokio::test(start_paused = true)]
async fn http_failures_are_errors_5xx_and_grpc_statuses() {
    use http::Response;
    type Answer = Result<Response<()>, &'static str>;
    let (answers, any) = (Meter::http("http"), Meter::new("any"));
    let mut client = ServiceBuilder::new()
        .layer(any.layer())
        .layer(answers.layer())
        .service_fn(|answer: Answer| ready(answer));
    let status = |code: u16| -> Answer { Ok(Response::builder().status(code).body(()).unwrap()) };
    let grpc =
        |code: &str| -> Answer { Ok(Response::builder().header("grpc-status", code).body(()).unwrap()) };
    for (answer, fails) in [
        (status(200), false),
        (status(302), false),
        (status(404), false),
        (status(429), false),
        (status(499), false),
        (status(500), true),
        (status(503), true),
        (status(599), true),
        (status(600), false),
        (grpc("0"), false),
        (grpc("14"), true),
        (grpc("nonsense"), true),
        (Err("reset"), true),
    ] {
        let (what, before) = (format!("{answer:?}"), counts(&answers));
        let _ = client.ready().await.unwrap().call(answer).await;
        assert_eq!(counts(&answers), (before.0 + 1, before.1 + u64::from(fails)), "{what}");
    }
    assert_eq!(counts(&any), (13, 1), "a response is a response");
}

/// Ready at the second poll, and not ready any more after its error; without `Clone` and `Send`.
struct Picky {
    polls: Rc<Cell<u32>>,
}

impl Service<()> for Picky {
    type Response = ();
    type Error = &'static str;
    type Future = Ready<Result<(), &'static str>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), &'static str>> {
        self.polls.set(self.polls.get() + 1);
        match self.polls.get() {
            1 => Poll::Pending,
            2 => Poll::Ready(Ok(())),
            _ => Poll::Ready(Err("closed")),
        }
    }

    fn call(&mut self, (): ()) -> Self::Future {
        ready(Ok(()))
    }
}

#[test]
fn readiness_is_passed_through_and_not_counted() {
    let meter = Meter::new("picky");
    let polls = Rc::new(Cell::new(0));
    let mut client = ServiceBuilder::new().layer(meter.layer()).service(Picky { polls: Rc::clone(&polls) });
    let mut cx = Context::from_waker(Waker::noop());
    assert!(client.poll_ready(&mut cx).is_pending());
    assert_eq!(client.poll_ready(&mut cx), Poll::Ready(Ok(())));
    assert_eq!(counts(&meter).0, 0);
    assert_eq!(pin!(client.call(())).poll(&mut cx), Poll::Ready(Ok(())));
    assert_eq!(counts(&meter), (1, 0));
    assert_eq!(client.poll_ready(&mut cx), Poll::Ready(Err("closed")));
    assert_eq!((counts(&meter), polls.get()), ((1, 0), 3));
    assert_eq!(client.get_ref().polls.get(), 3);
    client.get_mut().polls.set(9);
    assert_eq!(client.into_inner().polls.get(), 9);
}

#[tokio::test(start_paused = true)]
async fn a_limit_below_holds_callers_back_as_without_the_meter() {
    let meter = Meter::new("limited");
    let mut client = ServiceBuilder::new().layer(meter.layer()).concurrency_limit(1).service_fn(slow);
    let held = client.ready().await.unwrap().call(1);
    let second = tokio::time::timeout(ms(1), client.ready()).await;
    assert!(second.is_err(), "ready although the one place is taken");
    drop(held);
    client.ready().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn clones_layers_and_services_all_record_in_one_place() {
    let meter = Meter::new("shared");
    let (again, layer) = (meter.clone(), meter.layer());
    let mut one = ServiceBuilder::new().layer(layer).service(service_fn(slow));
    let mut two = one.clone();
    let mut three = ServiceBuilder::new().layer(again.layer()).service(service_fn(slow));
    for client in [&mut one, &mut two, &mut three] {
        client.ready().await.unwrap().call(1).await.unwrap();
    }
    assert_eq!(counts(&meter), (3, 0));
}

#[test]
fn nothing_is_added_to_send_and_size() {
    fn sent<T: Send + Sync + 'static>(_: &T) {}
    let meter = Meter::new("sent");
    let client = ServiceBuilder::new().layer(meter.layer()).service_fn(slow);
    sent(&meter);
    sent(&client);
    let future = client.clone().call(3);
    fn sendable<T: Send>(_: &T) {}
    sendable(&future);
    assert!(size_of_val(&future) <= size_of_val(&slow(3)) + size_of::<chaos_core::measure::Call>() + 8);
}
