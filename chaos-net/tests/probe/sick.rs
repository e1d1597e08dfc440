//! Servers that misbehave: every reading fails, in time, and says what happened.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use chaos_core::units::{ms, secs};
use chaos_net::probe;
use tokio::io::AsyncWriteExt;

use super::world::*;

fn http(url: &str) -> probe::HttpProbe {
    // Long for what ends by itself, on a machine under load.
    probe::http(url).unwrap().timeout(secs(60))
}

#[tokio::test]
async fn nobody_listens() {
    let address = nobody().await;
    take(http(&format!("http://{address}/"))).await.failed("no connection: Connection refused");
    take(probe::tcp(&address).unwrap()).await.failed("no connection: Connection refused");
}

#[tokio::test]
async fn a_name_that_does_not_resolve() {
    // Reserved for this: RFC 6761.
    take(http("http://nowhere.invalid/")).await.failed("no connection");
    take(probe::tcp("nowhere.invalid:80").unwrap().timeout(secs(60))).await.failed("no connection");
}

#[tokio::test]
async fn it_closes_without_an_answer() {
    let address = server(|stream| async { drop(stream) }).await;
    take(http(&format!("http://{address}/"))).await.failed("connected, but no response: ");
    take(http(&raw("").await)).await.failed("connected, but no response: ");
    take(http(&raw("HTTP/1.1 200 OK\r\ncontent-le").await)).await.failed("connected, but no response: ");
}

#[tokio::test]
async fn it_answers_garbage() {
    for garbage in
        ["SSH-2.0-OpenSSH_9.7\r\n\r\n", "HTTP/9.9 200 OK\r\n\r\n", "HTTP/1.1 abc\r\n\r\n", "\0\0\0\0\r\n"]
    {
        take(http(&raw(garbage).await)).await.failed("connected, but no response: ");
    }
}

#[tokio::test]
async fn it_hangs_before_the_head_in_it_and_in_the_body() {
    for (answer, said) in [
        ("", "connected, but no response within 500ms"),
        ("HTTP/1.1 200 OK\r\ncontent-", "connected, but no response within 500ms"),
    ] {
        let url = raw_then_hangs(answer).await;
        take(http(&url).timeout(ms(500))).await.failed(said);
    }
    // Long enough for the head to be there on a machine under load.
    for (answer, said) in [
        (
            "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n123",
            "status 200, but no end of the body (3 bytes) within 2s",
        ),
        ("HTTP/1.1 200 OK\r\n\r\n", "status 200, but no end of the body (0 bytes) within 2s"),
    ] {
        let url = raw_then_hangs(answer).await;
        take(probe::http(&url).unwrap()).await.failed(said);
        take(http(&url).body_limit(0)).await.held("status 200");
    }
}

#[tokio::test]
async fn its_head_trickles_without_end() {
    let address = server(|mut stream| async move {
        head(&mut stream).await;
        let mut next = "HTTP/1.1 200 OK\r\n";
        while stream.write_all(next.as_bytes()).await.is_ok() {
            chaos_core::Clock::auto().sleep(ms(5)).await;
            next = "x: y\r\n";
        }
    })
    .await;
    let taken = take(http(&format!("http://{address}/")).timeout(ms(500))).await;
    taken.failed("connected, but no response within 500ms");
}

#[tokio::test]
async fn a_head_without_end_is_not_kept() {
    let sent = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&sent);
    let address = server(move |mut stream| {
        let count = Arc::clone(&count);
        async move {
            head(&mut stream).await;
            let line = format!("x: {}\r\n", "y".repeat(8_000));
            let mut next = "HTTP/1.1 200 OK\r\n";
            while stream.write_all(next.as_bytes()).await.is_ok() {
                count.fetch_add(next.len(), Ordering::Relaxed);
                next = &line;
            }
        }
    })
    .await;
    take(http(&format!("http://{address}/"))).await.failed("connected, but no response: ");
    // What the probe takes, and what the kernel's buffers do beside it.
    assert!(sent.load(Ordering::Relaxed) < 64 << 20, "{}", sent.load(Ordering::Relaxed));
}

#[tokio::test]
async fn a_body_that_is_cut_is_no_answer() {
    for answer in [
        "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok!",
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nok!\r\n",
    ] {
        let taken = take(http(&raw(answer).await).body_contains("ok")).await;
        taken.failed("status 200, but the body broke off after 3 bytes: ");
    }
    let bad = "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nnonsense\r\n";
    take(http(&raw(bad).await)).await.failed("status 200, but the body broke off after 0 bytes: ");
}

#[tokio::test]
async fn a_body_that_never_ends_is_read_up_to_the_limit() {
    let address = server(|mut stream| async move {
        head(&mut stream).await;
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
        while stream.write_all(&[b'x'; 65_536]).await.is_ok() {}
    })
    .await;
    let url = format!("http://{address}/");
    take(http(&url)).await.held("status 200");
    take(http(&url).body_contains("y")).await.failed("no \"y\" in 1048576 bytes of body");
}

#[tokio::test]
async fn it_is_gone_in_the_middle_of_an_experiment_and_the_experiment_breaks() {
    use chaos_core::{Chaos, Outcome};
    // The first few are answered, then nobody is.
    let left = Arc::new(AtomicUsize::new(3));
    let address = server(move |mut stream| {
        let left = Arc::clone(&left);
        async move {
            if left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok() {
                head(&mut stream).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await;
            }
        }
    })
    .await;
    let probe = http(&format!("http://{address}/")).every(ms(10));
    let chaos = Chaos::seeded(7);
    let report = experiment(&chaos, probe).lasting(secs(60)).recovering_within(ms(50)).run().await.unwrap();
    assert_eq!(report.outcome, Outcome::Broken, "{report}");
    assert!(report.reason.as_ref().unwrap().contains("connected, but no response"), "{report}");
    assert!(report.elapsed < secs(50), "{report}");
}
