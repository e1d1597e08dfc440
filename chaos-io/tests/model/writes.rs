//! Writes, vectored writes and flushes.

use std::future::poll_fn;
use std::io::{self, IoSlice, Write};
use std::pin::Pin;
use std::task::Poll;

use chaos_io::ChaosWriter;
use proptest::prelude::*;
use tokio::io::{AsyncWrite, AsyncWriteExt};

use crate::objects::Moody;
use crate::script::{Script, run, script};
use crate::strict::{poll_once, strict};

#[derive(Debug, Clone)]
enum Ask {
    Write(usize),
    Vectored(usize, usize),
    /// Polled once; given up when it is not ready.
    WriteOnce(usize),
    Flush,
    FlushOnce,
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        (1..64_usize).prop_map(Ask::Write),
        (0..64_usize, 1..64_usize).prop_map(|(one, two)| Ask::Vectored(one, two)),
        (1..64_usize).prop_map(Ask::WriteOnce),
        Just(Ask::Flush),
        Just(Ask::FlushOnce),
    ]
}

fn parts(data: &[u8], one: usize, two: usize) -> [IoSlice<'_>; 2] {
    let (one, rest) = data.split_at(one.min(data.len()));
    [IoSlice::new(one), IoSlice::new(&rest[..two.min(rest.len())])]
}

async fn write(script: &Script, data: &[u8], asks: &[Ask], cache: usize) -> Moody {
    let point = script.point();
    let mut armed = script.arm(&point).unwrap();
    let mut writer = ChaosWriter::new(Moody::new(Vec::new(), script.seed), point).write_back(cache);
    let mut left = data;
    for (n, ask) in asks.iter().cycle().enumerate() {
        if script.revert_after == Some(n) {
            armed.clear();
        }
        if left.is_empty() {
            break;
        }
        loop {
            match one(&mut writer, ask, left).await {
                Ok(written) => break left = &left[written..],
                Err(err) => assert_eq!(err.kind(), io::ErrorKind::Interrupted),
            }
        }
    }
    while let Err(err) = writer.shutdown().await {
        assert_eq!(err.kind(), io::ErrorKind::Interrupted);
    }
    assert_eq!(writer.unwritten(), 0);
    writer.into_inner()
}

async fn one(writer: &mut ChaosWriter<Moody>, ask: &Ask, left: &[u8]) -> io::Result<usize> {
    match *ask {
        Ask::Write(size) => writer.write(&left[..size.min(left.len())]).await,
        Ask::Vectored(first, second) => writer.write_vectored(&parts(left, first, second)).await,
        Ask::WriteOnce(size) => {
            let buf = &left[..size.min(left.len())];
            let polled =
                poll_fn(|cx| Poll::Ready(poll_once(cx, |cx| Pin::new(&mut *writer).poll_write(cx, buf))));
            match polled.await {
                Poll::Ready(written) => written,
                Poll::Pending => {
                    tokio::time::advance(std::time::Duration::from_millis(3)).await;
                    Ok(0)
                }
            }
        }
        Ask::Flush => {
            writer.flush().await?;
            assert_eq!(writer.unwritten(), 0);
            Ok(0)
        }
        Ask::FlushOnce => {
            let polled = poll_fn(|cx| Poll::Ready(poll_once(cx, |cx| Pin::new(&mut *writer).poll_flush(cx))));
            match polled.await {
                Poll::Ready(flushed) => flushed.map(|()| 0),
                Poll::Pending => Ok(0),
            }
        }
    }
}

fn write_blocking(script: &Script, data: &[u8], asks: &[Ask], cache: usize) -> io::Result<Vec<u8>> {
    let point = script.point();
    let mut armed = script.arm(&point).unwrap();
    let mut writer = ChaosWriter::new(Vec::new(), point).write_back(cache);
    let mut left = data;
    for (n, ask) in asks.iter().cycle().enumerate() {
        if script.revert_after == Some(n) {
            armed.clear();
        }
        if left.is_empty() {
            break;
        }
        let mut write = || match *ask {
            Ask::Write(size) | Ask::WriteOnce(size) => {
                Write::write(&mut writer, &left[..size.min(left.len())])
            }
            Ask::Vectored(first, second) => Write::write_vectored(&mut writer, &parts(left, first, second)),
            Ask::Flush | Ask::FlushOnce => Write::flush(&mut writer).map(|()| 0),
        };
        let written = loop {
            match write() {
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                written => break written?,
            }
        };
        left = &left[written..];
    }
    armed.clear();
    Write::flush(&mut writer)?;
    Ok(writer.into_inner())
}

fn asks() -> impl Strategy<Value = Vec<Ask>> {
    // At least one that gives something.
    (1..64_usize, proptest::collection::vec(ask(), 0..8)).prop_map(|(size, mut asks)| {
        asks.push(Ask::Write(size));
        asks
    })
}

fn cache() -> impl Strategy<Value = usize> {
    prop_oneof![Just(0), 1..200_usize]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn every_byte_is_written_once_and_in_order(
        script in script(),
        data in proptest::collection::vec(any::<u8>(), 0..600),
        asks in asks(),
        cache in cache(),
    ) {
        let file = run(strict(write(&script, &data, &asks, cache)));
        prop_assert_eq!(file.flushed, data.len());
        prop_assert_eq!(file.data, data);
    }

    #[test]
    fn and_by_blocking_writes(
        script in script(),
        data in proptest::collection::vec(any::<u8>(), 0..600),
        asks in asks(),
        cache in cache(),
    ) {
        let file = run(async { write_blocking(&script, &data, &asks, cache) });
        prop_assert_eq!(file.unwrap(), data);
    }
}
