//! What a probe asks, and servers that answer it.

use std::time::Duration;

use axum::Router;
use axum::http::StatusCode;
use axum::response::{Html, Redirect};
use axum::routing::{get, post};
use chaos_core::units::{ms, secs};
use chaos_core::{Chaos, Probe};
use chaos_net::probe;
use tokio::net::TcpListener;

use super::world::*;

/// An axum server's `http://host:port`.
async fn shop() -> String {
    let slow = || async {
        a_while().await;
        "at last"
    };
    let app = Router::new()
        .route("/health", get(|| async { Html("all is ok") }))
        .route("/orders", post(|body: String| async move { (StatusCode::CREATED, body) }))
        .route("/old", get(|| async { Redirect::permanent("/health") }))
        .route("/down", get(|| async { StatusCode::SERVICE_UNAVAILABLE }))
        .route("/large", get(|| async { "x".repeat(1 << 20) + "the end" }))
        .route("/slow", get(slow));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await.unwrap() });
    format!("http://{address}")
}

#[tokio::test]
async fn status_body_and_time_are_judged() {
    let shop = shop().await;
    let at = |path: &str| probe::http(&format!("{shop}{path}")).unwrap();
    take(at("/health")).await.held("status 200 in ");
    take(at("/health").status(200).body_contains("all").body_contains("ok").within(secs(60)))
        .await
        .held("200");
    take(at("/health").status(204)).await.failed("status 200, not 204, in ");
    take(at("/health").status_in(201..).unwrap()).await.failed("status 200, not 201..=");
    take(at("/health").body_contains("sick")).await.failed("status 200, but no \"sick\" in 9 bytes of body");
    take(at("/down")).await.failed("status 503, not 200..=299");
    take(at("/down").status_in(500..600).unwrap()).await.held("status 503");
    take(at("/nowhere").status(404)).await.held("status 404");
}

#[tokio::test]
async fn a_slow_answer_fails_with_the_time_it_took() {
    let slow = format!("{}/slow", shop().await);
    let slow = || probe::http(&slow).unwrap();
    let taken = take(slow().within(ms(10))).await.failed(", slower than 10ms");
    assert!(taken.text.starts_with("status 200 in ") && taken.value.unwrap() >= 60.0, "{taken:?}");
    let taken = take(slow().within(secs(60))).await.held("status 200 in ");
    assert!(taken.value.unwrap() >= 60.0, "{taken:?}");
}

#[tokio::test]
async fn the_latency_is_a_number_with_a_tolerance_of_its_own() {
    let shop = shop().await;
    let at = |path: &str| probe::http(&format!("{shop}{path}")).unwrap();
    take(at("/slow").latency().at_least(50.0).unwrap()).await.held("status 200 in ");
    let taken = take(at("/slow").latency().at_most(50.0).unwrap()).await.failed("status 200 in ");
    assert!(taken.value.unwrap() >= 60.0, "{taken:?}");
    take(at("/slow").within(ms(10)).latency().at_least(0.0).unwrap()).await.failed("slower than 10ms");
    take(at("/down").latency().at_least(0.0).unwrap()).await.failed("status 503");
    let address = shop.strip_prefix("http://").unwrap();
    let taken =
        take(probe::tcp(address).unwrap().latency().at_least(0.0).unwrap()).await.held("connected in ");
    assert!(taken.value.is_some());
}

#[tokio::test]
async fn redirects_are_a_status() {
    let old = format!("{}/old", shop().await);
    take(probe::http(&old).unwrap()).await.failed("status 308, not 200..=299");
    take(probe::http(&old).unwrap().status_in(200..400).unwrap()).await.held("status 308");
}

#[tokio::test]
async fn a_body_is_sent_and_a_head_has_none() {
    let shop = shop().await;
    let orders = || probe::http(&format!("{shop}/orders")).unwrap();
    let order = orders().method("POST").unwrap().body("one tea").status(201).body_contains("one tea");
    take(order).await.held("status 201");
    take(orders()).await.failed("status 405");
    let health = probe::http(&format!("{shop}/health")).unwrap().method("HEAD").unwrap();
    take(health).await.held("status 200");
}

#[tokio::test]
async fn bodies_are_read_up_to_a_limit() {
    let large = format!("{}/large", shop().await);
    let large = || probe::http(&large).unwrap().timeout(secs(60));
    take(large()).await.held("status 200");
    take(large().body_contains("the end")).await.failed("no \"the end\" in 1048576 bytes of body");
    take(large().body_limit(2 << 20).body_contains("the end")).await.held("status 200");
    take(large().body_limit(3).body_contains("xxx")).await.held("status 200");
    take(large().body_limit(0).body_contains("x")).await.failed("no \"x\" in 0 bytes of body");
}

#[tokio::test]
async fn the_request_is_what_was_asked_for() {
    let (address, mut asks) = echo().await;
    take(probe::http(&format!("http://{address}/a%20b?full=1&x#y")).unwrap()).await.held("200");
    let request = asks.recv().await.unwrap();
    assert!(request.starts_with("GET /a%20b?full=1&x HTTP/1.1\r\n"), "{request}");
    for line in [&*format!("host: {address}"), "connection: close", "user-agent: chaos-probe", "accept: */*"]
    {
        assert_eq!(request.matches(line).count(), 1, "{line} in {request}");
    }
    assert!(!request.contains("content-length"), "{request}");

    let own = probe::http(&format!("http://{address}?q=1"))
        .unwrap()
        .method("PUT")
        .unwrap()
        .header("Host", "shop.test")
        .unwrap()
        .header("x-chaos", "alice")
        .unwrap()
        .header("x-chaos", "bob")
        .unwrap()
        .body("tea");
    take(own).await.held("200");
    let request = asks.recv().await.unwrap();
    assert!(request.starts_with("PUT /?q=1 HTTP/1.1\r\n") && request.ends_with("\r\n\r\ntea"), "{request}");
    for line in ["host: shop.test", "x-chaos: alice", "x-chaos: bob", "content-length: 3"] {
        assert_eq!(request.matches(line).count(), 1, "{line} in {request}");
    }
    assert_eq!(request.matches("host: ").count(), 1, "{request}");
}

#[tokio::test]
async fn every_reading_has_a_connection_of_its_own_and_closes_it() {
    use tokio::io::AsyncReadExt;
    let (closed, mut closes) = tokio::sync::mpsc::unbounded_channel();
    let address = server(move |mut stream| {
        let closed = closed.clone();
        async move {
            use tokio::io::AsyncWriteExt;
            head(&mut stream).await;
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            // Not closed here: keep-alive, as far as this server goes.
            closed.send(stream.read(&mut [0; 16]).await.unwrap_or(0)).unwrap();
        }
    })
    .await;
    for _ in 0..3 {
        take(probe::http(&format!("http://{address}")).unwrap()).await.held("200");
        assert_eq!(closes.recv().await, Some(0), "the probe closes");
    }
}

#[tokio::test]
async fn http_1_0_and_bodies_of_every_framing_are_whole() {
    for answer in [
        "HTTP/1.0 200 OK\r\n\r\nok until the close",
        "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\nok until the close",
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\no\r\n1\r\nk\r\n0\r\nx-trailer: 1\r\n\r\n",
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
    ] {
        take(probe::http(&raw(answer).await).unwrap().body_contains("ok")).await.held("status 200");
    }
}

#[tokio::test]
async fn names_are_resolved() {
    let shop = shop().await;
    let named = shop.replace("127.0.0.1", "localhost");
    take(probe::http(&format!("{named}/health")).unwrap()).await.held("status 200");
    take(probe::tcp(named.strip_prefix("http://").unwrap()).unwrap()).await.held("connected in ");
}

#[tokio::test]
async fn settings_of_a_probe_pass_through() {
    let (address, mut asks) = echo().await;
    let probe = probe::http(&format!("http://{address}/")).unwrap().status(418).retries(2);
    take(probe.retry_pause(ms(1)).named("tea")).await.failed("status 200, not 418");
    let mut asked = 0;
    while asks.try_recv().is_ok() {
        asked += 1;
    }
    assert_eq!(asked, 3);

    let http = || probe::http("http://shop.test/").unwrap();
    let all: [Probe; 8] = [
        http().every(ms(1)),
        http().timeout(ms(1)).retries(1),
        http().retry_pause(ms(1)),
        http().only_before(),
        http().only_during(),
        http().only_after(),
        http().around(),
        http().named("shop"),
    ];
    assert!(all[..7].iter().all(|probe| probe.name() == "GET http://shop.test/"));
    assert_eq!(all[7].name(), "shop");
    // An interval of zero is refused, so it has arrived.
    let chaos = Chaos::seeded(7);
    let error = experiment(&chaos, http().every(Duration::ZERO)).run().await.unwrap_err();
    assert!(error.is_invalid() && error.to_string().contains("interval of zero"), "{error}");
    assert_eq!(probe::tcp("shop.test:1").unwrap().every(ms(1)).tolerance(), "connects");
}
