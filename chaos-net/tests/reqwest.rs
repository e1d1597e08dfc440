//! reqwest over loopback: under its connector, and as the tower service it is.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use axum::Router;
use axum::routing::get;
use chaos_core::units::ms;
use chaos_core::{Chaos, Delay};
use chaos_net::{Call, ChaosLayer, InjectedError, InjectedKind, call};
use reqwest::{Client, Method, Request, Response};
use tower::{Service, ServiceBuilder, ServiceExt};

async fn serve() -> (SocketAddr, Arc<AtomicU64>) {
    let served = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&served);
    let app = Router::new().route(
        "/",
        get(move || async move {
            counter.fetch_add(1, Ordering::Relaxed);
            "hello"
        }),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    (addr, served)
}

#[tokio::test]
async fn connections_are_refused_and_slow_below_reqwest() {
    let (addr, served) = serve().await;
    let point = Chaos::seeded(7).point("connect").unwrap();
    let client = Client::builder()
        .connector_layer(ChaosLayer::call(point.clone()))
        .pool_max_idle_per_host(0)
        .build()
        .unwrap();
    let refuse = call::error(|_| io::Error::from(InjectedError::new(InjectedKind::Refused)).into());
    let refused = point.arm(refuse.first(1).unwrap()).unwrap();
    let slow = point.arm(call::latency(Delay::fixed(ms(20)))).unwrap();

    let error = client.get(format!("http://{addr}/")).send().await.unwrap_err();
    assert!(error.is_connect(), "{error:?}");
    assert_eq!(InjectedError::find(&error).map(InjectedError::kind), Some(InjectedKind::Refused));

    let url = format!("http://{addr}/");
    let started = Instant::now();
    let text =
        tokio::spawn(async move { client.get(url).send().await?.text().await }).await.unwrap().unwrap();
    assert_eq!(text, "hello");
    assert!(started.elapsed() >= ms(20));
    assert_eq!((refused.hits(), slow.hits(), served.load(Ordering::Relaxed)), (1, 1, 1));
}

#[tokio::test]
async fn as_a_tower_service_with_its_own_types() {
    let (addr, served) = serve().await;
    let point = Chaos::seeded(7).point::<Call<Request, Response, reqwest::Error>>("client").unwrap();
    let mut client = ServiceBuilder::new().layer(ChaosLayer::call(point.clone())).service(Client::new());
    let get = || Request::new(Method::GET, format!("http://{addr}/").parse().unwrap());

    let text = client.ready().await.unwrap().call(get()).await.unwrap().text().await.unwrap();
    assert_eq!(text, "hello");
    let canned = call::respond(|request: &Request| {
        let busy = http::Response::builder().status(503).body(format!("no {}", request.url().path()));
        busy.unwrap().into()
    });
    let canned = point.arm(canned.first(1).unwrap()).unwrap();
    let slow = point.arm(call::latency(Delay::fixed(ms(20)))).unwrap();
    let busy = client.ready().await.unwrap().call(get()).await.unwrap();
    assert_eq!(busy.status(), 503);
    assert_eq!(busy.text().await.unwrap(), "no /");
    let started = Instant::now();
    assert!(client.ready().await.unwrap().call(get()).await.unwrap().status().is_success());
    assert!(started.elapsed() >= ms(20));
    // The canned answer ended its operation before the rule behind it saw it.
    assert_eq!((canned.hits(), slow.hits(), served.load(Ordering::Relaxed)), (1, 1, 2));
}
