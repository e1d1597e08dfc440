//! HTTP rules at a service of plain functions, on a paused clock.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may panic, and its clock is paused where it sleeps"
)]

use std::convert::Infallible;
use std::future::ready;
use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use chaos_core::units::ms;
use chaos_core::{Chaos, Delay, Operation, Point, Rule};
use chaos_net::{
    Answer, ChaosLayer, FaultyBody, HeaderEdit, Http, InjectedError, InjectedKind, grpc, request, response,
};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt, Empty, Full};
use serde_json::json;
use tokio::time::Instant;
use tower::{BoxError, Layer, Service, ServiceExt, service_fn};

type Seen = Arc<Mutex<Vec<Request<Empty<Bytes>>>>>;

fn point() -> Point<Http> {
    Chaos::seeded(7).point("payments").unwrap()
}

/// Answers 200 with a body and headers, and remembers the requests.
fn shop<E: Send>(
    seen: &Seen,
) -> impl Service<Request<Empty<Bytes>>, Response = Response<Full<Bytes>>, Error = E, Future: Send> + Clone + use<E>
{
    let seen = Arc::clone(seen);
    service_fn(move |request| {
        seen.lock().unwrap().push(request);
        let response = Response::builder().header("etag", "7").header("age", "1").body(Full::from("charged"));
        ready(Ok(response.unwrap()))
    })
}

fn get(uri: &str) -> Request<Empty<Bytes>> {
    Request::get(uri).body(Empty::new()).unwrap()
}

async fn ask<S, E>(service: &mut S, request: Request<Empty<Bytes>>) -> Result<(Response<()>, Bytes), E>
where
    S: Service<Request<Empty<Bytes>>, Response = Response<FaultyBody<Full<Bytes>>>, Error = E>,
{
    let (parts, body) = service.ready().await?.call(request).await?.into_parts();
    let body = body.collect().await.map_err(|err| err.to_string()).unwrap().to_bytes();
    Ok((Response::from_parts(parts, ()), body))
}

#[tokio::test(start_paused = true)]
async fn a_canned_answer_comes_without_a_call() {
    let (point, seen) = (point(), Seen::default());
    let mut service = ChaosLayer::http(point.clone()).layer(shop::<Infallible>(&seen));
    let busy = Answer::status(503).unwrap().header("retry-after", "2").unwrap().body("busy");
    let _busy = point.arm(request::answer(busy).when(request::path("/charge").unwrap())).unwrap();
    let Ok((response, body)) = ask(&mut service, get("/charge")).await;
    assert_eq!((response.status(), &body[..]), (StatusCode::SERVICE_UNAVAILABLE, &b"busy"[..]));
    assert_eq!(response.headers()["retry-after"], "2");
    let head = Request::head("/charge").body(Empty::new()).unwrap();
    let Ok((response, body)) = ask(&mut service, head).await;
    assert_eq!((response.status(), body.len()), (StatusCode::SERVICE_UNAVAILABLE, 0));
    assert!(seen.lock().unwrap().is_empty());
    let Ok((response, body)) = ask(&mut service, get("/refund")).await;
    assert_eq!((response.status(), &body[..]), (StatusCode::OK, &b"charged"[..]));
}

#[tokio::test(start_paused = true)]
async fn errors_are_made_by_from_and_name_rule_and_point() {
    let (point, seen) = (point(), Seen::default());
    let mut service = ChaosLayer::http(point.clone()).error_from().layer(shop::<io::Error>(&seen));
    let _down = point.arm(request::error(InjectedKind::Refused).named("down").unwrap()).unwrap();
    let error = ask(&mut service, get("/")).await.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    let injected = InjectedError::find(&error).unwrap();
    assert_eq!((injected.rule(), injected.point()), (Some("down"), Some("payments")));
    assert_eq!(error.to_string(), "injected: connection refused (rule \"down\" at point \"payments\")");
    assert!(seen.lock().unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn errors_are_made_by_a_closure_where_there_is_no_from() {
    #[derive(Debug, PartialEq)]
    enum ClientError {
        Connect(InjectedKind),
    }
    let (point, seen) = (point(), Seen::default());
    let mut service = ChaosLayer::http(point.clone())
        .error_with(|injected| ClientError::Connect(injected.kind()))
        .layer(shop::<ClientError>(&seen));
    let _lost = point.arm(response::lost(InjectedKind::Reset)).unwrap();
    let error = ask(&mut service, get("/")).await.unwrap_err();
    assert_eq!(error, ClientError::Connect(InjectedKind::Reset));
    assert_eq!(seen.lock().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn boxed_errors_work_in_a_spawned_task() {
    let (point, seen) = (point(), Seen::default());
    let mut service = tower::timeout::Timeout::new(
        ChaosLayer::http(point.clone())
            .error_from()
            .layer(tower::util::BoxCloneService::new(shop::<BoxError>(&seen))),
        ms(100),
    );
    let _down = point.arm(request::error(InjectedKind::Aborted)).unwrap();
    let answer = tokio::spawn(async move { service.ready().await?.call(get("/")).await });
    let error = answer.await.unwrap().unwrap_err();
    assert_eq!(InjectedError::find(&*error).map(InjectedError::kind), Some(InjectedKind::Aborted));
}

#[tokio::test(start_paused = true)]
async fn without_a_way_to_make_errors_rules_that_need_one_are_refused_and_counted() {
    let (point, seen) = (point(), Seen::default());
    // Armed while nothing is attached: it cannot be known yet.
    let early = point.arm(request::error(InjectedKind::Reset)).unwrap();
    let mut service = ChaosLayer::http(point.clone()).layer(shop::<Infallible>(&seen));
    let err = point.arm(response::lost(InjectedKind::Reset)).unwrap_err();
    assert!(err.is_refused());
    assert!(
        err.to_string().starts_with("response lost: connection reset at point \"payments\" needs a way"),
        "{err}"
    );
    let Ok((response, _)) = ask(&mut service, get("/")).await;
    assert_eq!(response.status(), StatusCode::OK);
    assert_eq!((early.hits(), early.stats().unsupported), (0, 1));
}

#[tokio::test(start_paused = true)]
async fn headers_change_on_the_way_out_and_back() {
    let (point, seen) = (point(), Seen::default());
    let mut service = ChaosLayer::http(point.clone()).layer(shop::<Infallible>(&seen));
    let edit = HeaderEdit::new().add("x-a", "1").unwrap().replace("x-b", "2").unwrap().remove("x-c").unwrap();
    let out = point.arm(request::headers(edit)).unwrap();
    let request = Request::get("/")
        .header("x-a", "0")
        .header("x-b", "0")
        .header("x-b", "1")
        .header("x-c", "0")
        .body(Empty::new())
        .unwrap();
    let Ok(_) = ask(&mut service, request).await;
    {
        let seen = seen.lock().unwrap();
        let all = |name: &str| seen[0].headers().get_all(name).iter().cloned().collect::<Vec<_>>();
        assert_eq!(all("x-a"), ["0", "1"]);
        assert_eq!(all("x-b"), ["2"]);
        assert!(all("x-c").is_empty());
    }
    out.revert();
    let _gone = point.arm(response::remove_header("etag").unwrap().first(1).unwrap()).unwrap();
    let _old = point.arm(response::replace_header("age", "86400").unwrap().nth("1").unwrap()).unwrap();
    let Ok((response, _)) = ask(&mut service, get("/")).await;
    assert!(response.headers().get("etag").is_none());
    assert_eq!(response.headers()["age"], "1");
    let Ok((response, _)) = ask(&mut service, get("/")).await;
    assert_eq!(response.headers()["etag"], "7");
    assert_eq!(response.headers()["age"], "86400");
}

#[tokio::test(start_paused = true)]
async fn a_response_changes_its_status_and_keeps_its_body() {
    let (point, seen) = (point(), Seen::default());
    let mut service = ChaosLayer::http(point.clone()).layer(shop::<Infallible>(&seen));
    let _odd = point.arm(response::status(502).unwrap()).unwrap();
    let Ok((response, body)) = ask(&mut service, get("/")).await;
    assert_eq!((response.status(), &body[..]), (StatusCode::BAD_GATEWAY, &b"charged"[..]));
}

#[tokio::test(start_paused = true)]
async fn latency_before_and_after_and_a_revert_that_frees_at_once() {
    let (point, seen) = (point(), Seen::default());
    let service = ChaosLayer::http(point.clone()).layer(shop::<Infallible>(&seen));
    let before = point.arm(request::latency(Delay::fixed(ms(40)))).unwrap();
    let after = point.arm(response::latency(Delay::fixed(ms(2)))).unwrap();
    let start = Instant::now();
    let Ok(_) = ask(&mut service.clone(), get("/")).await;
    assert_eq!(start.elapsed(), ms(42));
    drop((before, after));

    let hangs = point.arm(response::hang()).unwrap();
    let mut held = service.clone();
    let held = tokio::spawn(async move { ask(&mut held, get("/")).await.unwrap().0.status() });
    tokio::time::sleep(ms(500)).await;
    assert!(!held.is_finished());
    hangs.revert();
    assert_eq!(held.await.unwrap(), StatusCode::OK);
    assert_eq!(start.elapsed(), ms(542));
}

#[tokio::test(start_paused = true)]
async fn a_grpc_status_is_a_trailers_only_response() {
    let (point, seen) = (point(), Seen::default());
    let mut service = ChaosLayer::http(point.clone()).layer(shop::<Infallible>(&seen));
    let rule = grpc::status(14, "down: 100 %").unwrap().when(grpc::method("shop.Cart/Add").unwrap());
    let _down = point.arm(rule).unwrap();
    let post = Request::post("http://a.test/shop.Cart/Add").body(Empty::new()).unwrap();
    let Ok((response, body)) = ask(&mut service, post).await;
    assert_eq!((response.status(), body.len()), (StatusCode::OK, 0));
    assert_eq!(response.headers()["content-type"], "application/grpc");
    assert_eq!(response.headers()["grpc-status"], "14");
    assert_eq!(response.headers()["grpc-message"], "down: 100 %25");
}

#[tokio::test(start_paused = true)]
async fn only_marked_requests_are_hit() {
    let (point, seen) = (point(), Seen::default());
    let mut service = ChaosLayer::http(point.clone()).layer(shop::<Infallible>(&seen));
    let mine =
        point.arm(request::status(500).unwrap().when(request::marked("x-chaos", "alice").unwrap())).unwrap();
    let Ok((response, _)) = ask(&mut service, get("/")).await;
    assert_eq!(response.status(), StatusCode::OK);
    let marked = Request::get("/").header("x-chaos", "alice").body(Empty::new()).unwrap();
    let Ok((response, _)) = ask(&mut service, marked).await;
    assert_eq!(response.status(), StatusCode::INTERNAL_SERVER_ERROR);
    assert_eq!((mine.hits(), mine.stats().matching), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn rules_from_data_do_what_they_say() {
    let (point, seen) = (point(), Seen::default());
    let mut service = ChaosLayer::http(point.clone()).layer(shop::<Infallible>(&seen));
    let effect =
        Http::parse_effect(&json!({"status": {"code": 429, "headers": {"retry-after": "1"}}})).unwrap();
    let when =
        Http::parse_matcher(&json!({"path_glob": "/charge/*", "not": {"path": "/charge/free"}})).unwrap();
    let _rule = point.arm(Rule::effect(effect).when(when)).unwrap();
    for (path, status) in [("/charge/7", 429), ("/charge/free", 200), ("/refund", 200)] {
        let Ok((response, _)) = ask(&mut service, get(path)).await;
        assert_eq!(response.status().as_u16(), status, "{path}");
    }
}
