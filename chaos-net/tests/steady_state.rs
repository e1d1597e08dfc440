//! A measured client of a real server in an experiment: metrics and probes as the steady state, the timeline in the
//! report.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test")]

use std::future::{Ready, ready};

use axum::Router;
use axum::routing::{get, post};
use bytes::Bytes;
use chaos_core::units::{ms, secs};
use chaos_core::{BlastRadius, Chaos, Experiment, Outcome, Report};
use chaos_net::{ChaosLayer, Http, Meter, probe, request};
use http::{Request, Response};
use http_body_util::Full;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tower::retry::Policy;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt};

/// Tries an answer of 5xx again this often.
#[derive(Clone)]
struct Again(u32);

impl<Req: Clone, B, E> Policy<Req, Response<B>, E> for Again {
    type Future = Ready<()>;
    fn retry(&mut self, _: &mut Req, result: &mut Result<Response<B>, E>) -> Option<Ready<()>> {
        let failed = result.as_ref().is_ok_and(|response| response.status().is_server_error());
        self.0 = self.0.checked_sub(1).filter(|_| failed)?;
        Some(ready(()))
    }
    fn clone_request(&mut self, request: &Req) -> Option<Req> {
        Some(request.clone())
    }
}

/// A server's `host:port`.
async fn shop() -> String {
    let app =
        Router::new().route("/health", get(|| async { "ok" })).route("/charge", post(|| async { "paid" }));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    address.to_string()
}

struct Ended {
    report: Report,
    /// Errors that the caller's meter saw.
    seen: u64,
    /// Errors that the meter below the retries saw.
    given: u64,
}

async fn ended(retries: u32) -> Ended {
    let shop = shop().await;
    let chaos = Chaos::seeded(7);
    let payments = chaos.point::<Http>("payments").unwrap();
    let (callers, network) = (Meter::http("checkout"), Meter::http("payments"));
    let client = ServiceBuilder::new()
        .layer(callers.layer())
        .timeout(secs(30))
        .retry(Again(retries))
        .layer(network.layer())
        .layer(ChaosLayer::http(payments.clone()))
        .map_err(BoxError::from)
        .service(Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>());
    let mut driving = JoinSet::new();
    for _ in 0..2 {
        let (mut client, clock) = (client.clone(), chaos.clock().clone());
        let url = format!("http://{shop}/charge");
        driving.spawn(async move {
            loop {
                let charge = Request::post(&url).body(Full::default()).unwrap();
                // How it went is the meter's to say.
                let _ = client.ready().await.unwrap().call(charge).await;
                clock.sleep(ms(2)).await;
            }
        });
    }
    let report = Experiment::new(&chaos, "charges survive failing payments")
        .steady_state(callers.error_rate().at_most(0.05).unwrap().every(ms(50)))
        .steady_state(callers.p99().at_most(secs(30)).unwrap().every(ms(50)))
        .steady_state(callers.throughput().at_least(0.1).unwrap().every(ms(50)))
        .steady_state(
            probe::http(&format!("http://{shop}/health"))
                .unwrap()
                .status(200)
                .body_contains("ok")
                .within(secs(30))
                .every(ms(50)),
        )
        .steady_state(probe::tcp(&shop).unwrap().within(secs(30)).every(ms(50)))
        .fault(request::status(503).unwrap().probability(0.4).unwrap().at(payments))
        .blast_radius(BlastRadius::percent(50).unwrap())
        .lasting(secs(1))
        .measuring(&callers.recorder())
        .run()
        .await
        .unwrap();
    let errors = |meter: &Meter<_>| {
        meter.recorder().window(std::time::Duration::MAX, tokio::time::Instant::now()).errors
    };
    Ended { seen: errors(&callers), given: errors(&network), report }
}

#[tokio::test]
async fn with_retries_it_holds() {
    let Ended { report, seen, given } = ended(12).await;
    assert!(report.held(), "{report}");
    assert!(given > 10 && seen == 0, "{given} errors below the retries, {seen} above");
    assert_eq!(report.probes.len(), 5);
    assert!(report.probes.iter().all(|probe| probe.held && probe.taken > 3), "{:?}", report.probes);
    let mut held = report.probes.iter().flat_map(|probe| probe.readings.iter().filter(|reading| reading.ok));
    assert!(held.all(|reading| reading.value.is_some()), "every reading is a number: {:?}", report.probes);
    let timeline = report.timeline.unwrap();
    assert_eq!(timeline.meter, "checkout");
    assert!(timeline.points.iter().map(|point| point.calls).sum::<u64>() > 20, "{timeline:?}");
    assert!(timeline.points.iter().all(|point| point.errors == 0), "{timeline:?}");
}

#[tokio::test]
async fn without_retries_it_breaks() {
    let Ended { report, seen, given } = ended(0).await;
    assert_eq!(report.outcome, Outcome::Broken, "{report}");
    assert!(report.reason.as_ref().unwrap().starts_with("checkout: error rate over 1s: "), "{report}");
    assert!(seen > 0 && seen == given, "{given} errors below, {seen} above");
    let timeline = report.timeline.unwrap();
    assert!(timeline.points.iter().map(|point| point.errors).sum::<u64>() > 0, "{timeline:?}");
}
