//! Bodies under fault: how fast, how much, and what is left of them. On a paused clock.

#![allow(
    clippy::unwrap_used,
    clippy::disallowed_methods,
    reason = "a test may panic, and its clock is paused where it sleeps"
)]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::ready;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use bytes::{Buf, Bytes};
use chaos_core::units::{ms, secs};
use chaos_core::{Chaos, Point, Rule};
use chaos_net::{BodyError, ChaosLayer, FaultyBody, Http, InjectedError, InjectedKind, body};
use http::{HeaderMap, Request, Response};
use http_body::{Body, Frame};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use tokio::time::Instant;
use tower::{BoxError, Layer, ServiceExt, service_fn};

/// Gives out frames, and counts how many were asked for.
struct Frames<D> {
    frames: VecDeque<Frame<D>>,
    asked: Arc<AtomicUsize>,
}

impl<D: Buf + Unpin> Body for Frames<D> {
    type Data = D;
    type Error = io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<io::Result<Frame<D>>>> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(self.frames.pop_front().map(Ok))
    }
}

fn frames(chunks: &[&'static str], asked: &Arc<AtomicUsize>) -> Frames<Bytes> {
    let frames = chunks.iter().map(|chunk| Frame::data(Bytes::from_static(chunk.as_bytes()))).collect();
    Frames { frames, asked: Arc::clone(asked) }
}

fn point(seed: u64) -> Point<Http> {
    Chaos::seeded(seed).point("files").unwrap()
}

/// The body that comes through the layer for `inner`.
async fn through<B: Body>(point: &Point<Http>, inner: B) -> Response<FaultyBody<B>> {
    let length = inner.size_hint().exact();
    let mut inner = Some(inner);
    let service = service_fn(move |_: Request<()>| {
        let mut response = Response::builder();
        if let Some(length) = length {
            response = response.header("content-length", length);
        }
        ready(Ok::<_, Infallible>(response.body(inner.take().unwrap()).unwrap()))
    });
    let layer = ChaosLayer::http(point.clone()).delay_after_call();
    let Ok(response) = layer.layer(service).oneshot(Request::new(())).await;
    response
}

async fn read<B: Body>(point: &Point<Http>, inner: B) -> Bytes
where
    B::Error: std::fmt::Debug,
{
    through(point, inner).await.into_body().collect().await.unwrap().to_bytes()
}

fn text(length: usize) -> Full<Bytes> {
    Full::from("0123456789".chars().cycle().take(length).collect::<String>())
}

#[tokio::test(start_paused = true)]
async fn untouched_bodies_are_not_copied() {
    let data = Bytes::from(vec![7; 1000]);
    let body = through(&point(7), Full::new(data.clone())).await.into_body();
    assert_eq!((body.size_hint().exact(), body.is_end_stream(), body.is_hit()), (Some(1000), false, false));
    let mut body = Box::pin(body);
    let frame = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(frame.as_ptr(), data.as_ptr());
    assert!(body.is_end_stream());
}

#[tokio::test(start_paused = true)]
async fn data_of_any_kind_comes_through() {
    let deque = |text: &str| Frame::data(text.bytes().collect::<VecDeque<u8>>());
    let inner = Frames { frames: [deque("abc"), deque("defg")].into(), asked: Arc::default() };
    assert_eq!(read(&point(7), inner).await, "abcdefg");
}

#[tokio::test(start_paused = true)]
async fn slow_is_as_slow_as_said_from_the_first_byte_on() {
    for (rate, length, takes) in [(1000, 500, ms(500)), (100_000, 300_000, secs(3)), (7, 21, secs(3))] {
        let point = point(7);
        let _slow = point.arm(body::slow(rate).unwrap()).unwrap();
        let response = through(&point, text(length)).await;
        assert_eq!(response.headers()["content-length"], length.to_string().as_str());
        let mut body = Box::pin(response.into_body());
        assert_eq!(body.size_hint().exact(), Some(length as u64));
        let start = Instant::now();
        let mut read = 0;
        while let Some(frame) = body.frame().await {
            read += frame.unwrap().into_data().unwrap().len();
            let carried = rate as f64 * start.elapsed().as_secs_f64();
            assert!(read as f64 <= carried + 1.0, "{read} bytes after {:?}", start.elapsed());
            assert_eq!(body.size_hint().exact(), Some((length - read) as u64));
        }
        assert_eq!(read, length);
        let late = start.elapsed().saturating_sub(takes);
        assert!(start.elapsed() + ms(1) >= takes && late <= takes / 5, "{rate}: {:?}", start.elapsed());
    }
}

#[tokio::test(start_paused = true)]
async fn a_reader_that_pauses_is_not_made_up_for() {
    let point = point(7);
    let _slow = point.arm(body::slow(1000).unwrap()).unwrap();
    let mut body = Box::pin(through(&point, text(1000)).await.into_body());
    body.frame().await.unwrap().unwrap();
    tokio::time::sleep(secs(10)).await;
    let start = Instant::now();
    let mut read = 0;
    while start.elapsed() < ms(100) {
        read += body.frame().await.unwrap().unwrap().into_data().unwrap().len();
    }
    assert!((80..=120).contains(&read), "{read} bytes in a tenth of a second");
}

#[tokio::test(start_paused = true)]
async fn no_more_than_one_frame_is_held() {
    let (point, asked) = (point(7), Arc::default());
    let _slow = point.arm(body::slow(100).unwrap()).unwrap();
    let mut body = Box::pin(through(&point, frames(&["0123456789"; 20], &asked)).await.into_body());
    for n in 1..=20 {
        let mut read = 0;
        while read < 10 {
            read += body.frame().await.unwrap().unwrap().into_data().unwrap().len();
            assert_eq!(asked.load(Ordering::Relaxed), n);
        }
    }
    assert!(body.frame().await.is_none());
}

#[tokio::test(start_paused = true)]
async fn slow_ends_with_the_revert() {
    let point = point(7);
    let slow = point.arm(body::slow(10).unwrap()).unwrap();
    let response = through(&point, text(1000)).await;
    let start = Instant::now();
    let reading = tokio::spawn(async move { response.into_body().collect().await.unwrap().to_bytes().len() });
    tokio::time::sleep(secs(2)).await;
    slow.revert();
    assert_eq!(reading.await.unwrap(), 1000);
    assert_eq!(start.elapsed(), secs(2));
}

#[tokio::test(start_paused = true)]
async fn drip_pauses_before_each_chunk() {
    let (point, asked) = (point(7), Arc::default());
    let _drip = point.arm(body::drip(4, ms(20)).unwrap()).unwrap();
    let mut body = Box::pin(through(&point, frames(&["0123456789", "", "ab"], &asked)).await.into_body());
    let start = Instant::now();
    let mut chunks = Vec::new();
    while let Some(frame) = body.frame().await {
        chunks.push((frame.unwrap().into_data().unwrap(), start.elapsed().as_millis()));
    }
    let expected = [("0123", 20), ("4567", 40), ("89", 60), ("ab", 80)];
    assert_eq!(chunks, expected.map(|(data, at)| (Bytes::from(data), at)));
}

#[tokio::test(start_paused = true)]
async fn truncate_ends_early_and_cleanly() {
    let (point, asked) = (point(7), Arc::default());
    let _short = point.arm(body::truncate(15)).unwrap();
    let response = through(&point, text(100)).await;
    assert!(response.headers().get("content-length").is_none());
    let body = response.into_body();
    assert_eq!((body.size_hint().lower(), body.size_hint().exact()), (15, None));
    assert_eq!(body.collect().await.unwrap().to_bytes(), "012345678901234");
    assert_eq!(read(&point, frames(&["0123456789", "0123456789", "never"], &asked)).await, "012345678901234");
    assert_eq!(asked.load(Ordering::Relaxed), 2);
    // What is shorter passes whole, and says so.
    let whole = through(&point, text(15)).await;
    assert_eq!(whole.headers()["content-length"], "15");
    assert_eq!(whole.body().size_hint().exact(), Some(15));
    assert_eq!(read(&point, frames(&["0123"], &asked)).await, "0123");
}

#[tokio::test(start_paused = true)]
async fn cut_ends_in_an_error_that_names_its_rule() {
    let (point, asked) = (point(7), Arc::default());
    let cut = point.arm(body::cut_with(15, InjectedKind::UnexpectedEof).named("cut").unwrap()).unwrap();
    let response = through(&point, text(100)).await;
    assert_eq!(response.headers()["content-length"], "100");
    let mut body = Box::pin(response.into_body());
    let data = body.frame().await.unwrap().unwrap().into_data().unwrap();
    assert_eq!(data, "012345678901234");
    assert!(!body.is_end_stream());
    let error = body.frame().await.unwrap().unwrap_err();
    assert_eq!(error.injected().and_then(InjectedError::rule), Some("cut"));
    assert_eq!(
        error.to_string(),
        "injected: connection ended in mid-message (rule \"cut\" at point \"files\")"
    );
    assert!(body.frame().await.is_none());

    let at_a_frame = through(&point, frames(&["0123456789", "01234", "56"], &asked)).await.into_body();
    assert!(at_a_frame.collect().await.unwrap_err().is_injected());
    assert_eq!(read(&point, frames(&["0123"], &asked)).await, "0123");
    assert_eq!(read(&point, text(15)).await.len(), 15);
    assert_eq!(cut.hits(), 4);
    cut.revert();
    assert_eq!(read(&point, text(100)).await.len(), 100);
}

#[tokio::test(start_paused = true)]
async fn corruption_keeps_the_length_and_follows_the_seed_not_the_frames() {
    let corrupted = |seed: u64, rule: Rule<Http>, chunk: usize| async move {
        let point = point(seed);
        let _corrupt = point.arm(rule).unwrap();
        let data: Vec<u8> = vec![0; 10_000];
        let frames = data.chunks(chunk).map(|chunk| Frame::data(Bytes::copy_from_slice(chunk))).collect();
        read(&point, Frames { frames, asked: Arc::default() }).await
    };
    let rule = || body::corrupt(0.02).unwrap();
    let whole = corrupted(7, rule(), 10_000).await;
    assert_eq!(whole, corrupted(7, rule(), 17).await);
    assert_ne!(whole, corrupted(8, rule(), 10_000).await);
    assert_eq!(whole.len(), 10_000);
    let flipped = whole.iter().filter(|byte| **byte != 0).count();
    // 200 expected, standard deviation 14: six of them.
    assert!((116..=284).contains(&flipped), "{flipped} bytes");
    assert!(whole.iter().all(|byte| byte.count_ones() <= 1));
    let all = corrupted(7, body::corrupt(1.0).unwrap(), 100).await;
    assert!(all.iter().all(|byte| byte.count_ones() == 1));
}

#[tokio::test(start_paused = true)]
async fn flip_hits_exactly_so_many_bytes() {
    for (flips, length, hit) in [(1, 2_000, 1), (50, 2_000, 50), (10, 3, 3), (5, 0, 0)] {
        let point = point(7);
        let _flip = point.arm(body::flip(flips).unwrap()).unwrap();
        let data = read(&point, Full::new(Bytes::from(vec![0; length]))).await;
        assert_eq!(data.len(), length);
        assert_eq!(data.iter().map(|byte| byte.count_ones()).sum::<u32>(), hit, "{flips} of {length}");
    }
    // Of unknown length: within the first 4 KiB.
    let point = point(7);
    let _flip = point.arm(body::flip(9).unwrap()).unwrap();
    let frames = (0..10).map(|_| Frame::data(Bytes::from(vec![0; 1000]))).collect();
    let data = read(&point, Frames { frames, asked: Arc::default() }).await;
    assert_eq!(data[..4096].iter().map(|byte| byte.count_ones()).sum::<u32>(), 9);
}

#[tokio::test(start_paused = true)]
async fn trailers_are_dropped_and_otherwise_kept() {
    let inner = || {
        let trailers =
            HeaderMap::from_iter([(http::HeaderName::from_static("grpc-status"), "0".parse().unwrap())]);
        let frames = [Frame::data(Bytes::from("data")), Frame::trailers(trailers)].into();
        Frames { frames, asked: Arc::default() }
    };
    let point = point(7);
    let kept = through(&point, inner()).await.into_body().collect().await.unwrap();
    assert_eq!(kept.trailers().unwrap()["grpc-status"], "0");
    for (rule, keeps) in [
        (body::drop_trailers(), false),
        (body::slow(1000).unwrap(), true),
        (body::corrupt(1.0).unwrap(), true),
        (body::truncate(100), true),
        (body::truncate(4), false),
    ] {
        let says = rule.to_string();
        let _rule = point.arm(rule).unwrap();
        let read = through(&point, inner()).await.into_body().collect().await.unwrap();
        assert_eq!(read.trailers().is_some(), keeps, "{says}");
        assert_eq!(read.to_bytes().len(), 4, "{says}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_revert_leaves_the_rest_of_every_body_alone() {
    for rule in
        [body::truncate(15), body::cut(15), body::corrupt(1.0).unwrap(), body::drip(1, secs(9)).unwrap()]
    {
        let says = rule.to_string();
        let (point, asked) = (point(7), Arc::default());
        let armed = point.arm(rule).unwrap();
        let mut body = Box::pin(through(&point, frames(&["0123456789"; 3], &asked)).await.into_body());
        let first = body.frame().await.unwrap().unwrap().into_data().unwrap();
        armed.revert();
        assert!(!body.is_hit());
        let rest = body.collect().await.unwrap().to_bytes();
        assert_eq!(first.len() + rest.len(), 30, "{says}");
        assert!(rest.ends_with(b"01234567890123456789"), "{says}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_operation_is_under_fault_until_its_body_ends() {
    let point = point(7);
    let slow = point.arm(body::slow(1000).unwrap().at_once(1).unwrap()).unwrap();
    let first = through(&point, text(10)).await.into_body();
    assert!(first.is_hit());
    assert!(!through(&point, text(10)).await.into_body().is_hit());
    assert_eq!((slow.hits(), slow.stats().capped), (1, 1));
    let mut first = Box::pin(first);
    while first.frame().await.is_some() {}
    assert!(through(&point, text(10)).await.into_body().is_hit());
    // That one was dropped unread, which gives its place back too.
    assert!(through(&point, text(10)).await.into_body().is_hit());
}

#[tokio::test(start_paused = true)]
async fn errors_of_the_body_itself_come_through_as_they_are() {
    let point = point(7);
    let broken = || {
        http_body_util::StreamBody::new(tokio_stream::iter([
            Ok(Frame::data(Bytes::from("ab"))),
            Err(io::Error::from(io::ErrorKind::StorageFull)),
        ]))
    };
    let boxed: UnsyncBoxBody<Bytes, BoxError> = broken().map_err(BoxError::from).boxed_unsync();
    let error = through(&point, boxed).await.into_body().collect().await.unwrap_err();
    let error: BoxError = error.into();
    assert_eq!(error.downcast_ref::<io::Error>().map(io::Error::kind), Some(io::ErrorKind::StorageFull));

    let _slow = point.arm(body::slow(1000).unwrap()).unwrap();
    let error = through(&point, broken()).await.into_body().collect().await.unwrap_err();
    assert!(matches!(&error, BodyError::Inner(error) if error.kind() == io::ErrorKind::StorageFull));
    assert!(InjectedError::find(&*BoxError::from(error)).is_none());
}

#[test]
fn bad_input_is_refused() {
    for refused in [
        body::slow(0),
        body::drip(0, ms(1)),
        body::corrupt(0.0),
        body::corrupt(f64::NAN),
        body::corrupt(30.0),
        body::flip(0),
        body::flip(4097),
    ] {
        assert!(refused.unwrap_err().is_invalid());
    }
}

#[test]
fn bodies_are_send_and_sync_where_theirs_are() {
    fn is_send_and_sync<T: Send + Sync>() {}
    is_send_and_sync::<FaultyBody<Full<Bytes>>>();
    assert_eq!(FaultyBody::<Full<Bytes>>::default().size_hint().exact(), Some(0));
}
