//! One operation is one attempt, and a revert lets it go.
#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may panic, and waits on its own paused clock"
)]

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::Poll;

use chaos_core::units::{ms, secs};
use chaos_core::{Chaos, Delay, Point};
use chaos_io::{ChaosReader, ChaosStream, ChaosWriter, Io, IoKind, kind};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::time::{Instant, timeout};

fn point(name: &str) -> Point<Io> {
    Chaos::seeded(7).point(name).unwrap()
}

async fn is_pending(future: impl Future) -> bool {
    timeout(secs(1000), future).await.is_err()
}

fn socket(point: &Point<Io>) -> (ChaosStream<DuplexStream>, DuplexStream) {
    let (here, there) = tokio::io::duplex(1 << 16);
    (ChaosStream::new(here, point.clone()), there)
}

#[tokio::test(start_paused = true)]
async fn nth_counts_reads_and_not_polls() {
    let point = point("reads");
    let second = point.arm(chaos_io::error(io::ErrorKind::TimedOut).nth("2").unwrap()).unwrap();
    let (mut here, mut there) = socket(&point);
    let reader = tokio::spawn(async move {
        let mut answers = Vec::new();
        for _ in 0..3 {
            answers.push(here.read(&mut [0; 8]).await.map_err(|err| err.kind()));
        }
        answers
    });
    // Each byte wakes the reader; between them it is polled and finds nothing.
    for _ in 0..2 {
        tokio::time::sleep(ms(10)).await;
        there.write_all(b"x").await.unwrap();
    }
    assert_eq!(reader.await.unwrap(), [Ok(1), Err(io::ErrorKind::TimedOut), Ok(1)]);
    assert_eq!((second.stats().matching, second.hits()), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn a_read_that_waits_with_a_rule_armed_is_decided_once() {
    let point = point("reads");
    let rule = point.arm(chaos_io::stuck().nth("1000").unwrap()).unwrap();
    let (mut here, mut there) = socket(&point);
    for _ in 0..5 {
        let mut bytes = [0; 8];
        let mut buf = ReadBuf::new(&mut bytes);
        poll_fn(|cx| Poll::Ready(Pin::new(&mut here).poll_read(cx, &mut buf).is_pending())).await;
    }
    assert_eq!(rule.stats().matching, 1);
    there.write_all(b"x").await.unwrap();
    assert_eq!(here.read(&mut [0; 8]).await.unwrap(), 1);
    assert_eq!(rule.stats().matching, 1);
    there.write_all(b"x").await.unwrap();
    assert_eq!(here.read(&mut [0; 8]).await.unwrap(), 1);
    assert_eq!(rule.stats().matching, 2);
}

#[tokio::test(start_paused = true)]
async fn a_storm_and_a_delay_are_one_operation() {
    let point = point("reads");
    let storm = point.arm(chaos_io::pending_storm(7).unwrap()).unwrap();
    let mut reader = ChaosReader::new(&b"0123"[..], point.clone());
    let mut polls = 0;
    let mut bytes = [0; 2];
    let mut buf = ReadBuf::new(&mut bytes);
    poll_fn(|cx| {
        polls += 1;
        Pin::new(&mut reader).poll_read(cx, &mut buf)
    })
    .await
    .unwrap();
    assert_eq!((polls, storm.stats().matching, storm.hits()), (8, 1, 1));
}

#[tokio::test(start_paused = true)]
async fn an_operation_given_up_is_taken_up_by_the_next() {
    let point = point("reads");
    let slow = point.arm(chaos_io::latency(Delay::fixed(secs(10))).first(1).unwrap()).unwrap();
    let mut reader = ChaosReader::new(&b"0123456789"[..], point.clone());
    let begun = Instant::now();
    assert!(timeout(secs(4), reader.read(&mut [0; 8])).await.is_err());
    let mut bytes = [0; 3];
    assert_eq!(reader.read(&mut bytes).await.unwrap(), 3);
    assert_eq!((&bytes, begun.elapsed()), (b"012", secs(10)));
    assert_eq!((slow.stats().matching, slow.hits()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_write_done_and_given_up_answers_for_its_own_bytes_only() {
    let point = point("writes");
    let slow = point.arm(chaos_io::latency_after(Delay::fixed(secs(10))).every(2).unwrap()).unwrap();
    let mut writer = ChaosWriter::new(Vec::new(), point.clone());
    writer.write_all(b"a").await.unwrap();
    assert!(timeout(secs(1), writer.write(b"bcd")).await.is_err());
    assert_eq!(writer.get_ref(), b"abcd");
    // The same bytes, in other portions.
    assert_eq!(writer.write(b"bc").await.unwrap(), 2);
    assert_eq!(writer.write(b"de").await.unwrap(), 1);
    assert_eq!(writer.get_ref(), b"abcd");
    assert_eq!(writer.write(b"e").await.unwrap(), 1);
    assert!(timeout(secs(1), writer.write(b"fgh")).await.is_err());
    // Other bytes: a write of its own.
    assert_eq!(writer.write(b"xyz").await.unwrap(), 3);
    assert_eq!(writer.get_ref(), b"abcdefghxyz");
    assert_eq!(slow.stats().matching, 5);
}

#[tokio::test(start_paused = true)]
async fn bytes_of_a_late_read_wait_for_the_next() {
    let point = point("reads");
    let _slow = point.arm(chaos_io::latency_after(Delay::fixed(secs(10))).first(1).unwrap()).unwrap();
    let mut reader = ChaosReader::new(&b"0123456789"[..], point.clone());
    assert!(timeout(secs(1), reader.read(&mut [0; 8])).await.is_err());
    assert_eq!(reader.get_ref(), b"89");
    let mut rest = String::new();
    reader.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, "0123456789");
}

#[tokio::test(start_paused = true)]
async fn a_revert_lets_go_at_once() {
    let rules = [
        chaos_io::stuck(),
        chaos_io::latency(Delay::fixed(secs(3600))),
        chaos_io::throttle(1).unwrap(),
        chaos_io::pending_storm(u32::MAX).unwrap(),
    ];
    for rule in rules {
        let (reads, what) = (point("reads"), rule.to_string());
        let storm = what.starts_with("pending");
        let armed = reads.arm(rule).unwrap();
        let mut reader = ChaosReader::new(&[7; 100][..], reads.clone());
        let reading = tokio::spawn(async move {
            let mut all = Vec::new();
            reader.read_to_end(&mut all).await.map(|_| all)
        });
        if storm {
            tokio::task::yield_now().await;
        } else {
            tokio::time::sleep(ms(500)).await;
        }
        assert!(!reading.is_finished(), "{what}");
        let begun = Instant::now();
        armed.revert();
        assert_eq!(reading.await.unwrap().unwrap(), [7; 100], "{what}");
        assert_eq!(begun.elapsed(), secs(0), "{what}");
    }
}

#[tokio::test(start_paused = true)]
async fn flushes_seeks_and_closing_are_held_and_let_go_too() {
    let chaos = Chaos::seeded(7);
    let point = chaos.point("stream").unwrap();
    let closing = point.arm(chaos_io::stuck().when(kind(IoKind::Close))).unwrap();
    let flushing = point.arm(chaos_io::latency(Delay::fixed(ms(20))).when(kind(IoKind::Flush))).unwrap();
    let (mut here, _there) = socket(&point);
    let begun = Instant::now();
    here.flush().await.unwrap();
    assert_eq!(begun.elapsed(), ms(20));
    assert_eq!(flushing.hits(), 1);
    assert!(is_pending(here.shutdown()).await);
    closing.revert();
    assert!(!is_pending(here.shutdown()).await);
}

#[test]
fn a_blocked_thread_is_let_go() {
    let point = point("reads");
    let armed = point.arm(chaos_io::stuck().nth("2").unwrap()).unwrap();
    let wrapped = point.clone();
    let thread = std::thread::spawn(move || {
        let mut reader = ChaosReader::new(&b"0123"[..], wrapped);
        let mut all = Vec::new();
        io::Read::read_exact(&mut reader, &mut [0; 1]).unwrap();
        io::Read::read_to_end(&mut reader, &mut all).map(|_| all)
    });
    while armed.hits() == 0 {
        std::thread::yield_now();
    }
    armed.revert();
    assert_eq!(thread.join().unwrap().unwrap(), b"123");
}
