//! Probes against servers that answer, and against servers that do not.

use std::time::{Duration, Instant};

use chaos_core::point::{Step, step};
use chaos_core::units::{ms, secs};
use chaos_core::{BlastRadius, Chaos, Experiment, Outcome, Probe, Report};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use super::*;

struct Tick;
impl Step for Tick {
    const NAME: &'static str = "tick";
    type Error = std::io::Error;
}

/// What an experiment whose steady state is `probe` says of it: `None` when it holds.
async fn refusal(probe: impl Into<Probe>) -> Option<String> {
    let chaos = Chaos::seeded(7);
    let point = chaos.point::<Tick>("tick").unwrap();
    let report: Report = Experiment::new(&chaos, "x")
        .steady_state(probe.into().only_before())
        .fault(step::hang().at(point))
        .blast_radius(BlastRadius::percent(100).unwrap())
        .lasting(ms(1))
        .run()
        .await
        .unwrap();
    (report.outcome == Outcome::Refused).then(|| report.reason.unwrap())
}

/// Accepts connections for ever and hands each to `serve`.
async fn server<F>(serve: impl Fn(TcpStream) -> F + Send + 'static) -> String
where
    F: Future<Output = ()> + Send + 'static,
{
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream));
        }
    });
    address.to_string()
}

/// Reads a request's head, then writes `answer`.
async fn answering(answer: &'static str) -> String {
    server(move |mut stream| async move {
        let mut request = [0; 2048];
        let read = stream.read(&mut request).await.unwrap_or(0);
        let head = String::from_utf8_lossy(&request[..read]).to_lowercase();
        assert!(head.contains("host: 127.0.0.1:"), "{head}");
        stream.write_all(answer.as_bytes()).await.unwrap();
    })
    .await
}

#[tokio::test]
async fn an_answer_is_judged_by_status_body_and_time() {
    let ok = answering("HTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\nhealthy").await;
    let url = format!("http://{ok}/health?deep=1");
    assert_eq!(refusal(http(&url).unwrap()).await, None);
    assert_eq!(refusal(http(&url).unwrap().status(200).body_contains("health").within(secs(20))).await, None);
    let said =
        |text: &str, reason: Option<String>| assert!(reason.as_ref().unwrap().contains(text), "{reason:?}");
    said("status 200 (tolerated: status 204)", refusal(http(&url).unwrap().status(204)).await);
    said("no \"sick\" in the 7 bytes", refusal(http(&url).unwrap().body_contains("sick")).await);
    said("status 200 in ", refusal(http(&url).unwrap().within(Duration::from_nanos(1))).await);
    let down = answering("HTTP/1.1 503 Service Unavailable\r\ncontent-length: 0\r\n\r\n").await;
    said("status 503", refusal(http(&format!("http://{down}/")).unwrap()).await);
}

#[tokio::test]
async fn a_server_that_does_not_answer_is_a_reading_with_the_cause() {
    let said =
        |text: &str, reason: Option<String>| assert!(reason.as_ref().unwrap().contains(text), "{reason:?}");
    let refused = {
        let gone = TcpListener::bind("127.0.0.1:0").await.unwrap();
        gone.local_addr().unwrap()
    };
    said("no connection: Connection refused", refusal(http(&format!("http://{refused}/")).unwrap()).await);
    said("no connection: Connection refused", refusal(tcp(&refused.to_string()).unwrap()).await);
    let closes = server(|stream| async move { drop(stream) }).await;
    said("no answer", refusal(http(&format!("http://{closes}/")).unwrap()).await);
    let garbage = server(|mut stream| async move { drop(stream.write_all(b"what?\r\n\r\n").await) }).await;
    said("no answer", refusal(http(&format!("http://{garbage}/")).unwrap()).await);
    let hangs = server(|stream| async move {
        chaos_core::Clock::auto().sleep(secs(3600)).await;
        drop(stream);
    })
    .await;
    let begun = Instant::now();
    said("no answer within 50ms", refusal(http(&format!("http://{hangs}/")).unwrap().timeout(ms(50))).await);
    assert!(begun.elapsed() < secs(30));
    assert_eq!(refusal(tcp(&hangs).unwrap().within(secs(20))).await, None);
    let endless = server(|mut stream| async move {
        let head = b"HTTP/1.1 200 OK\r\n\r\n";
        if stream.write_all(head).await.is_ok() {
            while stream.write_all(&[b'x'; 65_536]).await.is_ok() {}
        }
    })
    .await;
    said(
        "the body did not come whole",
        refusal(http(&format!("http://{endless}/")).unwrap().body_contains("y")).await,
    );
}

#[tokio::test(start_paused = true)]
async fn a_paused_clock_is_refused_and_does_not_time_out_at_once() {
    for probe in [Probe::from(http("http://127.0.0.1:1/").unwrap()), Probe::from(tcp("127.0.0.1:1").unwrap())]
    {
        let reason = refusal(probe).await.unwrap();
        assert!(reason.contains("probe needs real time"), "{reason}");
    }
}

#[test]
fn bad_addresses_are_errors_before_anything_is_asked() {
    let message = |error: chaos_core::Error| {
        assert!(error.is_invalid());
        error.to_string()
    };
    let http = |url: &str| message(super::http(url).unwrap_err());
    assert!(http("https://x/").contains("https, which this probe does not speak"));
    assert!(http("ftp://x/y").contains("does not begin with http://"));
    assert!(http("http://x:0/").contains("needs a port from 1 to 65535"));
    assert!(http("http://x:99999/").contains("needs a port from 1 to 65535"));
    assert!(http("http://user:secret@[::1]:0/").contains("needs a port from 1 to 65535"));
    assert!(http("http:// x/").contains("is not a url"));
    for address in ["x", "x:0", "x:99999", ":80", "a b:80", "x:"] {
        assert!(message(tcp(address).unwrap_err()).contains("is not host:port"), "{address}");
    }
    assert_eq!(tcp("[::1]:80").unwrap().to_string(), "tcp ::1:80");
    let url = "http://x/";
    assert!(message(super::http(url).unwrap().method("G T").unwrap_err()).contains("not a method"));
    assert!(message(super::http(url).unwrap().header("a b", "c").unwrap_err()).contains("header's name"));
    assert!(message(super::http(url).unwrap().header("a", "b\n").unwrap_err()).contains("header's value"));
}

#[tokio::test]
async fn a_status_that_does_not_exist_is_an_error_of_the_experiment() {
    let chaos = Chaos::seeded(7);
    let error = Experiment::new(&chaos, "x")
        .steady_state(http("http://127.0.0.1:1/").unwrap().status(99))
        .fault(step::hang::<Tick>().at(chaos.point("tick").unwrap()))
        .blast_radius(BlastRadius::percent(100).unwrap())
        .lasting(ms(1))
        .run()
        .await
        .unwrap_err();
    assert!(error.is_invalid());
    assert_eq!(error.to_string(), "probe \"GET http://127.0.0.1:1/\": status 99 is not in 100..=999");
}
