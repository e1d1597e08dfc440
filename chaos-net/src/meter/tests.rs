//! What a meter sees, by where it stands.

use std::convert::Infallible;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use chaos_core::units::{ms, secs};
use chaos_core::{Chaos, Delay};
use tokio::time::Instant;
use tower::{Service, ServiceBuilder, ServiceExt, service_fn};

use super::*;
use crate::{ChaosLayer, call};

#[tokio::test(start_paused = true)]
async fn latency_is_from_call_to_answer_and_exact_in_virtual_time() {
    let meter = Meter::new("m");
    let chaos = Chaos::seeded(7);
    let point = chaos.point("p").unwrap();
    let mut service = ServiceBuilder::new()
        .layer(meter.layer())
        .layer(ChaosLayer::call(point.clone()))
        .service_fn(|n: u32| async move { if n < 3 { Ok(n) } else { Err("three") } });
    let _slow = point.arm(call::latency(Delay::fixed(ms(40)))).unwrap();
    for n in 0..4 {
        let _ = service.ready().await.unwrap().call(n).await;
    }
    let window = meter.recorder().window(secs(1), Instant::now());
    assert_eq!((window.calls, window.errors), (4, 1));
    assert_eq!(window.latency.unwrap().max, ms(40));
}

#[tokio::test(start_paused = true)]
async fn above_retries_it_sees_what_callers_see_and_below_each_attempt() {
    #[derive(Clone)]
    struct Thrice(u32);
    impl tower::retry::Policy<(), (), &'static str> for Thrice {
        type Future = std::future::Ready<()>;
        fn retry(&mut self, (): &mut (), result: &mut Result<(), &'static str>) -> Option<Self::Future> {
            self.0 = self.0.checked_sub(1)?;
            result.is_err().then(|| std::future::ready(()))
        }
        fn clone_request(&mut self, (): &()) -> Option<()> {
            Some(())
        }
    }
    let (above, below) = (Meter::new("above"), Meter::new("below"));
    let calls = Arc::new(AtomicU32::new(0));
    let mut service =
        ServiceBuilder::new().layer(above.layer()).retry(Thrice(3)).layer(below.layer()).service(service_fn(
            move |()| {
                let even = calls.fetch_add(1, Ordering::SeqCst) % 2 == 0;
                async move { if even { Err("even") } else { Ok(()) } }
            },
        ));
    for _ in 0..5 {
        service.ready().await.unwrap().call(()).await.unwrap();
    }
    let seen = |meter: &Meter| {
        let window = meter.recorder().window(secs(1), Instant::now());
        (window.calls, window.errors)
    };
    assert_eq!((seen(&above), seen(&below)), ((5, 0), (10, 5)));
}

#[tokio::test(start_paused = true)]
async fn a_call_that_a_timeout_gave_up_has_failed() {
    let meter = Meter::new("m");
    let mut service = ServiceBuilder::new()
        .timeout(ms(100))
        .layer(meter.layer())
        .service_fn(|()| std::future::pending::<Result<(), tower::BoxError>>());
    service.ready().await.unwrap().call(()).await.unwrap_err();
    let window = meter.recorder().window(secs(1), Instant::now());
    assert_eq!((window.calls, window.errors), (1, 1));
    // Tokio's own timer rounds the 100 ms up.
    assert!(window.latency.unwrap().max >= ms(100) && window.latency.unwrap().max < ms(105));
    assert_eq!(meter.recorder().in_flight(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_closure_judges_and_readiness_is_the_inner_services() {
    let meter = Meter::judging("m", |result: &Result<u32, Infallible>| result.is_ok_and(|n| n < 10));
    let mut service = ServiceBuilder::new()
        .layer(meter.layer())
        .concurrency_limit(1)
        .service_fn(|n: u32| async move { Ok::<_, Infallible>(n) });
    for n in [1, 20] {
        service.ready().await.unwrap().call(n).await.unwrap();
    }
    assert_eq!(meter.error_rate().now().unwrap(), 0.5.into());
    let held = service.ready().await.unwrap().call(1);
    let second = tokio::time::timeout(Duration::from_millis(1), service.ready()).await;
    assert!(second.is_err(), "ready although the one place is taken");
    drop(held);
    service.ready().await.unwrap();
}

#[cfg(feature = "http")]
#[tokio::test(start_paused = true)]
async fn http_calls_fail_by_5xx_and_by_grpc_status_in_the_head() {
    let meter = Meter::http("m");
    let mut service = ServiceBuilder::new().layer(meter.layer()).service_fn(
        |(status, grpc): (u16, &'static str)| async move {
            let response = http::Response::builder().status(status).header("grpc-status", grpc);
            Ok::<_, Infallible>(response.body(()).unwrap())
        },
    );
    for (answer, errors) in [((200, "0"), 0), ((404, "0"), 0), ((503, "0"), 1), ((200, "14"), 2)] {
        service.ready().await.unwrap().call(answer).await.unwrap();
        assert_eq!(meter.recorder().window(secs(1), Instant::now()).errors, errors, "{answer:?}");
    }
}
