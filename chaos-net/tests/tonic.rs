//! tonic over loopback: the layer on a channel and in a server, with the health service as the real thing.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::fmt::Debug;
use std::net::SocketAddr;

use bytes::Bytes;
use chaos_core::units::ms;
use chaos_core::{Chaos, Delay, Point};
use chaos_net::{ChaosLayer, Http, InjectedKind, body, grpc, request, response};
use http_body::Body;
use http_body_util::{BodyExt, Collected, Full};
use tokio_stream::wrappers::TcpListenerStream;
use tonic::transport::{Channel, Endpoint, Server};
use tonic::{Code, Request};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tower::{BoxError, Service, ServiceBuilder, ServiceExt};

async fn serve(point: Point<Http>) -> SocketAddr {
    let (_, health) = tonic_health::server::health_reporter();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    let server = Server::builder().layer(ChaosLayer::http(point)).add_service(health);
    tokio::spawn(server.serve_with_incoming(TcpListenerStream::new(listener)));
    addr
}

async fn connect(addr: SocketAddr) -> Channel {
    Endpoint::from_shared(format!("http://{addr}")).unwrap().connect().await.unwrap()
}

fn check() -> Request<HealthCheckRequest> {
    Request::new(HealthCheckRequest { service: String::new() })
}

#[tokio::test]
async fn a_client_sees_injected_statuses_and_errors() {
    let chaos = Chaos::seeded(7);
    let addr = serve(chaos.point("server").unwrap()).await;
    let at_client = chaos.point("client").unwrap();
    let channel = ServiceBuilder::new()
        .layer(ChaosLayer::http(at_client.clone()).error_from())
        .map_err(BoxError::from)
        .service(connect(addr).await);
    let mut client = HealthClient::new(channel);
    let response = client.check(check()).await.unwrap();
    assert_eq!(response.into_inner().status(), ServingStatus::Serving);

    let checks = grpc::method("grpc.health.v1.Health/Check").unwrap();
    let down = grpc::status(Code::Unavailable as i32, "down: 100 % naïve").unwrap().when(checks);
    let down = at_client.arm(down).unwrap();
    let status = client.check(check()).await.unwrap_err();
    assert_eq!((status.code(), status.message()), (Code::Unavailable, "down: 100 % naïve"));
    // Another method is not hit.
    let watching = client.watch(check()).await.unwrap();
    drop(watching);
    assert_eq!(down.hits(), 1);
    down.revert();

    let reset = at_client.arm(request::error(InjectedKind::Reset).named("reset").unwrap()).unwrap();
    let status = client.check(check()).await.unwrap_err();
    assert!(
        format!("{status:?}").contains("connection reset (rule \\\"reset\\\" at point \\\"client\\\")"),
        "{status:?}"
    );
    reset.revert();

    let cut = at_client.arm(body::cut(2)).unwrap();
    let status = client.check(check()).await.unwrap_err();
    assert!(format!("{status:?}").contains("injected: connection reset"), "{status:?}");
    cut.revert();

    let slow = at_client.arm(response::latency(Delay::fixed(ms(20)))).unwrap();
    let started = std::time::Instant::now();
    assert_eq!(client.check(check()).await.unwrap().into_inner().status(), ServingStatus::Serving);
    assert!(started.elapsed() >= ms(20));
    assert_eq!(slow.hits(), 1);
}

#[tokio::test]
async fn a_server_answers_with_injected_statuses() {
    let chaos = Chaos::seeded(7);
    let at_server = chaos.point("server").unwrap();
    let addr = serve(at_server.clone()).await;
    let mut client = HealthClient::new(connect(addr).await);

    for code in 1..=16 {
        let rule = grpc::status(code, format!("code {code}")).unwrap();
        let _armed = at_server.arm(rule.when(grpc::service("grpc.health.v1.Health").unwrap())).unwrap();
        let status = client.check(check()).await.unwrap_err();
        assert_eq!(
            (status.code(), status.message()),
            (Code::from_i32(code), format!("code {code}").as_str())
        );
    }
    // A slow body and its trailers arrive whole.
    let drip = at_server.arm(body::drip(1, ms(1)).unwrap()).unwrap();
    assert_eq!(client.check(check()).await.unwrap().into_inner().status(), ServingStatus::Serving);
    assert_eq!(drip.hits(), 1);
}

/// One check as it is on the wire, its body collected.
async fn on_the_wire<S, B>(channel: &mut S) -> (http::response::Parts, Collected<Bytes>)
where
    S: Service<http::Request<tonic::body::Body>, Response = http::Response<B>, Error: Debug>,
    B: Body<Data = Bytes, Error: Debug>,
{
    // An empty message: no compression, no bytes.
    let message = tonic::body::Body::new(Full::<Bytes>::from(&[0_u8; 5][..]));
    let request = http::Request::post("/grpc.health.v1.Health/Check")
        .header("content-type", "application/grpc")
        .header("te", "trailers")
        .body(message)
        .unwrap();
    let (parts, body) = channel.ready().await.unwrap().call(request).await.unwrap().into_parts();
    (parts, body.collect().await.unwrap())
}

#[tokio::test]
async fn an_injected_status_is_trailers_only_on_the_wire() {
    let chaos = Chaos::seeded(7);
    let at_server = chaos.point("server").unwrap();
    let mut channel = connect(serve(at_server.clone()).await).await;
    let _gone = at_server.arm(grpc::status(5, "gone").unwrap()).unwrap();
    let (parts, body) = on_the_wire(&mut channel).await;
    assert_eq!(parts.status, http::StatusCode::OK);
    assert_eq!(
        (&parts.headers["grpc-status"], &parts.headers["grpc-message"]),
        (&"5".parse().unwrap(), &"gone".parse().unwrap())
    );
    assert!(body.trailers().is_none());
    assert!(body.to_bytes().is_empty());
}

#[tokio::test]
async fn trailers_are_lost_on_either_side_and_data_is_not() {
    let chaos = Chaos::seeded(7);
    let (at_client, at_server) = (chaos.point("client").unwrap(), chaos.point("server").unwrap());
    let channel = connect(serve(at_server.clone()).await).await;
    let mut channel = ServiceBuilder::new().layer(ChaosLayer::http(at_client.clone())).service(channel);
    let (_, whole) = on_the_wire(&mut channel).await;
    assert_eq!(whole.trailers().unwrap()["grpc-status"], "0");
    let data = whole.to_bytes();
    for point in [at_client, at_server] {
        let dropped = point.arm(body::drop_trailers()).unwrap();
        let (_, body) = on_the_wire(&mut channel).await;
        assert!(body.trailers().is_none());
        assert_eq!((body.to_bytes(), dropped.hits()), (data.clone(), 1));
    }
}
