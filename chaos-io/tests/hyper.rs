//! The wrappers under the traits of hyper 1: an exchange over a connection that is bad on both ends.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(feature = "hyper")]

use std::convert::Infallible;

use bytes::Bytes;
use chaos_core::{Chaos, Delay, units::ms};
use chaos_io::ChaosStream;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;

#[tokio::test(start_paused = true)]
async fn an_exchange_survives_a_bad_connection() {
    let chaos = Chaos::seeded(7);
    let point = chaos.point("connection").unwrap();
    let armed = [
        point.arm(chaos_io::latency(Delay::fixed(ms(20))).every(3).unwrap()).unwrap(),
        point.arm(chaos_io::latency_after(Delay::fixed(ms(20))).every(5).unwrap()).unwrap(),
        point.arm(chaos_io::pending_storm(2).unwrap().every(2).unwrap()).unwrap(),
        point.arm(chaos_io::short(700).unwrap()).unwrap(),
    ];
    let (client, server) = tokio::io::duplex(4096);
    let server = ChaosStream::new(TokioIo::new(server), point.clone());
    tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(
        server,
        service_fn(|request: Request<Incoming>| async {
            let body = request.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            Ok::<_, Infallible>(Response::new(Full::new(body)))
        }),
    ));
    let client = ChaosStream::new(TokioIo::new(client), point.clone());
    let (mut sender, connection) = hyper::client::conn::http1::handshake(client).await.unwrap();
    tokio::spawn(connection);
    let sent: Bytes = (0..20_000_u32).flat_map(u32::to_le_bytes).collect();
    for _ in 0..3 {
        let request = Request::post("http://a.test/").body(Full::new(sent.clone())).unwrap();
        let response = sender.send_request(request).await.unwrap();
        assert!(response.into_body().collect().await.unwrap().to_bytes() == sent);
    }
    assert!(armed.iter().all(|rule| rule.hits() > 0), "{:?}", point.stats());
}

#[tokio::test(start_paused = true)]
async fn vectored_writes_stay_vectored() {
    use hyper::rt::Write as _;
    let (here, _there) = tokio::io::duplex(64);
    let chaos = Chaos::seeded(7);
    let here = ChaosStream::new(TokioIo::new(here), chaos.point("connection").unwrap());
    assert_eq!(here.is_write_vectored(), here.get_ref().is_write_vectored());
    assert!(here.is_write_vectored());
}
