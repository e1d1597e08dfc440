//! The layer in an axum server: around all routes, and around one.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may panic, and its clock is paused where it sleeps"
)]

use std::net::SocketAddr;
use std::time::Instant;

use axum::Router;
use axum::routing::{get, post};
use bytes::Bytes;
use chaos_core::units::ms;
use chaos_core::{Chaos, Delay};
use chaos_net::{Answer, ChaosLayer, HttpCall, InjectedKind, body, request, response};
use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full};
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use tower::ServiceExt;

async fn serve(app: Router) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let addr = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, app).await });
    addr
}

fn app(chaos: &Chaos) -> Router {
    Router::new()
        .route("/charge", post(|body: String| async move { format!("charged {body}") }))
        .route("/health", get(|| async { "ok" }).layer(ChaosLayer::http(chaos.point("health").unwrap())))
        .layer(ChaosLayer::http(chaos.point("server").unwrap()))
}

#[tokio::test]
async fn over_loopback() {
    let chaos = Chaos::seeded(7);
    let addr = serve(app(&chaos)).await;
    let client = Client::builder(TokioExecutor::new()).build_http::<Full<Bytes>>();
    let ask = |method: &str, path: &str| {
        let request = Request::builder().method(method).uri(format!("http://{addr}{path}"));
        let answer = client.request(request.body(Full::from("7")).unwrap());
        async move {
            let (parts, body) = answer.await.unwrap().into_parts();
            (parts, body.collect().await.map(|body| body.to_bytes()))
        }
    };
    let (_, body) = ask("POST", "/charge").await;
    assert_eq!(body.unwrap(), "charged 7");

    let server = chaos.point("server").unwrap();
    let busy = Answer::status(503).unwrap().header("retry-after", "1").unwrap().body("busy");
    let charges = || request::method("POST").unwrap() & request::path("/charge").unwrap();
    let _busy = server.arm(request::answer(busy).when(charges()).first(1).unwrap()).unwrap();
    let _slow = server.arm(request::latency(Delay::fixed(ms(20))).when(charges())).unwrap();
    let _cut = server.arm(body::cut(3).when(charges()).nth("2").unwrap()).unwrap();
    let _old = server.arm(response::add_header("warning", "110").unwrap().when(charges())).unwrap();

    let (parts, answer) = ask("POST", "/charge").await;
    assert_eq!((parts.status, answer.unwrap()), (StatusCode::SERVICE_UNAVAILABLE, Bytes::from("busy")));
    assert_eq!(
        (&parts.headers["retry-after"], &parts.headers["content-length"]),
        (&"1".parse().unwrap(), &"4".parse().unwrap())
    );
    let started = Instant::now();
    let (parts, whole) = ask("POST", "/charge").await;
    assert_eq!(
        (whole.unwrap(), &parts.headers["warning"]),
        (Bytes::from("charged 7"), &"110".parse().unwrap())
    );
    assert!(started.elapsed() >= ms(20));
    assert!(ask("POST", "/charge").await.1.is_err());

    // A route's own layer is hit there and nowhere else.
    let health = chaos.point("health").unwrap().arm(request::status(500).unwrap()).unwrap();
    assert_eq!(ask("GET", "/health").await.0.status, StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!(ask("POST", "/charge").await.1.unwrap(), "charged 7");
    assert_eq!(health.hits(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_a_socket_on_a_paused_clock() {
    let chaos = Chaos::seeded(7);
    let app = app(&chaos);
    let server = chaos.point("server").unwrap();
    let hang = server.arm(request::hang().matching(|call: HttpCall<'_>| call.path() == "/health")).unwrap();
    let request = || Request::get("/health").body(axum::body::Body::empty()).unwrap();
    let held = tokio::spawn(app.clone().oneshot(request()));
    tokio::time::sleep(ms(60_000)).await;
    assert!(!held.is_finished());
    hang.revert();
    assert_eq!(held.await.unwrap().unwrap().status(), StatusCode::OK);
    // Routes cannot fail: a server has no caller's error to make.
    let err = server.arm(request::error(InjectedKind::Reset)).unwrap_err();
    assert!(err.is_refused(), "{err}");
}
