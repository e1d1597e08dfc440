//! hyper on both sides over loopback: hyper-util's client, its connector, and hyper's server, each behind the layer.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use chaos_core::units::ms;
use chaos_core::{Chaos, Delay, Point};
use chaos_net::{Answer, Call, ChaosLayer, Http, InjectedError, InjectedKind, body, call, request, response};
use http::{Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::service::TowerToHyperService;
use tokio::net::TcpListener;
use tower::{BoxError, Layer, Service, ServiceBuilder, ServiceExt, service_fn};

const TEXT: &str = "0123456789";

/// A server of ten bytes, with its own point.
async fn serve(point: Point<Http>) -> (SocketAddr, Arc<AtomicU64>) {
    let served = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&served);
    let service = ServiceBuilder::new().layer(ChaosLayer::http(point)).service(service_fn(
        move |_: Request<Incoming>| {
            counter.fetch_add(1, Ordering::Relaxed);
            async { Ok::<_, Infallible>(Response::new(Full::<Bytes>::from(TEXT))) }
        },
    ));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let service = TowerToHyperService::new(service.clone());
            // A connection that a fault breaks ends with an error here; the client's end is what is looked at.
            tokio::spawn(async move {
                let _broken = hyper::server::conn::http1::Builder::new()
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
    (addr, served)
}

fn get(addr: SocketAddr) -> Request<Empty<Bytes>> {
    Request::get(format!("http://{addr}/charge")).body(Empty::new()).unwrap()
}

fn points() -> (Point<Http>, Point<Http>) {
    let chaos = Chaos::seeded(7);
    (chaos.point("client").unwrap(), chaos.point("server").unwrap())
}

#[tokio::test]
async fn a_client_under_every_kind_of_fault() {
    let (at_client, at_server) = points();
    let (addr, served) = serve(at_server).await;
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();
    let mut client = ServiceBuilder::new()
        .layer(ChaosLayer::http(at_client.clone()).error_from())
        .map_err(BoxError::from)
        .service(client);

    let pass = client.ready().await.unwrap().call(get(addr)).await.unwrap();
    assert_eq!(pass.headers()["content-length"], "10");
    assert_eq!(pass.into_body().collect().await.unwrap().to_bytes(), TEXT);

    let rules = [
        request::latency(Delay::fixed(ms(20))),
        request::answer(Answer::status(503).unwrap().body("busy")).nth("1").unwrap(),
        request::error(InjectedKind::Refused).nth("1").unwrap(),
        response::lost(InjectedKind::Reset).nth("1").unwrap(),
        body::cut(4).nth("1").unwrap(),
        body::slow(1000).unwrap().nth("1").unwrap(),
    ];
    let armed: Vec<_> = rules.into_iter().map(|rule| at_client.arm(rule).unwrap()).collect();
    let started = std::time::Instant::now();
    let busy = client.ready().await.unwrap().call(get(addr)).await.unwrap();
    assert_eq!(busy.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(busy.into_body().collect().await.unwrap().to_bytes(), "busy");
    assert!(started.elapsed() >= ms(20));
    for kind in [InjectedKind::Refused, InjectedKind::Reset] {
        let error = client.ready().await.unwrap().call(get(addr)).await.unwrap_err();
        assert_eq!(InjectedError::find(&*error).map(InjectedError::kind), Some(kind));
    }
    let cut = client.ready().await.unwrap().call(get(addr)).await.unwrap().into_body();
    assert!(cut.collect().await.unwrap_err().is_injected());
    let slow = client.ready().await.unwrap().call(get(addr)).await.unwrap().into_body();
    let started = std::time::Instant::now();
    assert_eq!(slow.collect().await.unwrap().to_bytes(), TEXT);
    assert!(started.elapsed() >= ms(9));
    // One that passed, one lost, one cut, one slow; neither the answer nor the refusal came here.
    assert_eq!(served.load(Ordering::Relaxed), 4);
    assert!(armed.iter().skip(1).all(|rule| rule.hits() == 1));
}

#[tokio::test]
async fn a_connector_refuses_as_a_connector_does() {
    let (_, at_server) = points();
    let (addr, served) = serve(at_server).await;
    let connects = Chaos::seeded(7).point::<Call<Uri, _, BoxError>>("connect").unwrap();
    let connector = ServiceBuilder::new()
        .layer(ChaosLayer::call(connects.clone()))
        .map_err(BoxError::from)
        .service(HttpConnector::new());
    let client =
        Client::builder(TokioExecutor::new()).pool_max_idle_per_host(0).build::<_, Empty<Bytes>>(connector);

    let refused = connects
        .arm(call::error(|_: &Uri| InjectedError::new(InjectedKind::Refused).into()).first(1).unwrap())
        .unwrap();
    let slow = connects.arm(call::latency(Delay::fixed(ms(20)))).unwrap();
    let error = client.request(get(addr)).await.unwrap_err();
    assert!(error.is_connect(), "{error:?}");
    assert_eq!(InjectedError::find(&error).map(InjectedError::kind), Some(InjectedKind::Refused));
    let started = std::time::Instant::now();
    assert_eq!(client.request(get(addr)).await.unwrap().status(), StatusCode::OK);
    assert!(started.elapsed() >= ms(20));
    assert_eq!((refused.hits(), slow.hits(), served.load(Ordering::Relaxed)), (1, 1, 1));
}

#[tokio::test]
async fn a_server_whose_bodies_misbehave_keeps_to_the_protocol() {
    let (_, at_server) = points();
    let (addr, _) = serve(at_server.clone()).await;
    let client = Client::builder(TokioExecutor::new()).build_http::<Empty<Bytes>>();

    // A truncated body is a complete message to the client.
    let short = at_server.arm(body::truncate(4)).unwrap();
    let response = client.request(get(addr)).await.unwrap();
    assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), "0123");
    short.revert();
    // A cut one is not.
    let cut = at_server.arm(body::cut(4)).unwrap();
    let response = client.request(get(addr)).await.unwrap();
    let error = response.into_body().collect().await.unwrap_err();
    assert!(!error.is_timeout() && InjectedError::find(&error).is_none(), "{error:?}");
    cut.revert();
    // Slow and corrupted ones keep their length.
    for (rule, same) in [(body::drip(3, ms(1)).unwrap(), true), (body::flip(2).unwrap(), false)] {
        let armed = at_server.arm(rule).unwrap();
        let response = client.request(get(addr)).await.unwrap();
        assert_eq!(response.headers()["content-length"], "10", "{}", armed.label());
        let data = response.into_body().collect().await.unwrap().to_bytes();
        assert_eq!((data.len(), data == TEXT), (10, same), "{}", armed.label());
        assert_eq!(armed.hits(), 1);
    }
    let _odd = at_server.arm(request::status(418).unwrap()).unwrap();
    assert_eq!(client.request(get(addr)).await.unwrap().status(), StatusCode::IM_A_TEAPOT);
}

#[tokio::test]
async fn a_connection_of_its_own_is_not_clone_and_is_delayed_after_the_call() {
    let (at_client, at_server) = points();
    let (addr, served) = serve(at_server).await;
    let stream = tokio::net::TcpStream::connect(addr).await.unwrap();
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await.unwrap();
    let connection = tokio::spawn(connection);
    // `SendRequest` is no tower service and not `Clone`: a closure that owns it is neither.
    let service = service_fn(move |request: Request<Empty<Bytes>>| sender.send_request(request));
    let mut service = ChaosLayer::http(at_client.clone()).delay_after_call().layer(service);
    let slow = at_client.arm(request::latency(Delay::fixed(ms(20)))).unwrap();
    for _ in 0..2 {
        let response = service.ready().await.unwrap().call(get(addr)).await.unwrap();
        assert_eq!(response.into_body().collect().await.unwrap().to_bytes(), TEXT);
    }
    assert_eq!((slow.hits(), served.load(Ordering::Relaxed)), (2, 2));
    drop(service);
    connection.await.unwrap().unwrap();
}
