//! Reads and buffered reads.

use std::future::poll_fn;
use std::io::{self, BufRead};
use std::pin::Pin;
use std::task::Poll;

use chaos_io::ChaosReader;
use proptest::prelude::*;
use tokio::io::{AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, ReadBuf};

use crate::objects::Moody;
use crate::script::{Script, run, script};
use crate::strict::{poll_once, strict};

#[derive(Debug, Clone)]
enum Ask {
    Read(usize),
    /// Polled once; given up when it is not ready.
    ReadOnce(usize),
    /// `fill_buf`, and so much of it consumed.
    Fill(usize),
    FillOnce(usize),
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        (1..64_usize).prop_map(Ask::Read),
        (1..64_usize).prop_map(Ask::ReadOnce),
        (0..64_usize).prop_map(Ask::Fill),
        (0..64_usize).prop_map(Ask::FillOnce),
    ]
}

async fn read(script: &Script, data: &[u8], asks: &[Ask]) -> Vec<u8> {
    let point = script.point();
    let mut armed = script.arm(&point).unwrap();
    let mut reader = ChaosReader::new(Moody::new(data.to_vec(), script.seed), point);
    let mut got = Vec::new();
    for (n, ask) in asks.iter().cycle().enumerate() {
        if script.revert_after == Some(n) {
            armed.clear();
        }
        loop {
            match one(&mut reader, ask, &mut got).await {
                Ok(true) => return got,
                Ok(false) => break,
                Err(err) => assert_eq!(err.kind(), io::ErrorKind::Interrupted),
            }
        }
    }
    unreachable!("the asks go on for ever")
}

/// True at the end of the file.
async fn one(reader: &mut ChaosReader<Moody>, ask: &Ask, got: &mut Vec<u8>) -> io::Result<bool> {
    let bytes = match *ask {
        Ask::Read(size) => {
            let mut buf = vec![0; size];
            let bytes = reader.read(&mut buf).await?;
            got.extend_from_slice(&buf[..bytes]);
            bytes
        }
        Ask::ReadOnce(size) => {
            let mut buf = vec![0; size];
            let mut buf = ReadBuf::new(&mut buf);
            let polled =
                poll_fn(|cx| Poll::Ready(poll_once(cx, |cx| Pin::new(&mut *reader).poll_read(cx, &mut buf))))
                    .await;
            if polled.is_pending() {
                assert_eq!(buf.filled(), b"", "a read that is not done left something in the buffer");
                return wait(reader).await.map(|()| false);
            }
            let Poll::Ready(result) = polled else { return Ok(false) };
            result?;
            got.extend_from_slice(buf.filled());
            buf.filled().len()
        }
        Ask::Fill(most) => {
            let filled = reader.fill_buf().await?;
            let (empty, taken) = (filled.is_empty(), filled.len().min(most));
            got.extend_from_slice(&filled[..taken]);
            reader.consume(taken);
            return Ok(empty);
        }
        Ask::FillOnce(most) => {
            let polled = poll_fn(|cx| {
                Poll::Ready(poll_once(cx, |cx| {
                    Pin::new(&mut *reader).poll_fill_buf(cx).map_ok(|filled| filled.to_vec())
                }))
            })
            .await;
            let Poll::Ready(filled) = polled else { return Ok(false) };
            let filled = filled?;
            let taken = filled.len().min(most);
            got.extend_from_slice(&filled[..taken]);
            Pin::new(reader).consume(taken);
            return Ok(filled.is_empty());
        }
    };
    Ok(bytes == 0)
}

/// Lets virtual time pass, as a caller does that looks elsewhere.
async fn wait(_: &ChaosReader<Moody>) -> io::Result<()> {
    tokio::time::advance(std::time::Duration::from_millis(3)).await;
    Ok(())
}

fn read_blocking(script: &Script, data: &[u8], asks: &[Ask]) -> io::Result<Vec<u8>> {
    let point = script.point();
    let mut armed = script.arm(&point).unwrap();
    let mut reader = ChaosReader::new(io::BufReader::with_capacity(40, data), point);
    let mut got = Vec::new();
    for (n, ask) in asks.iter().cycle().enumerate() {
        if script.revert_after == Some(n) {
            armed.clear();
        }
        loop {
            match one_blocking(&mut reader, ask, &mut got) {
                Ok(true) => return Ok(got),
                Ok(false) => break,
                Err(err) if err.kind() == io::ErrorKind::Interrupted => {}
                Err(err) => return Err(err),
            }
        }
    }
    unreachable!("the asks go on for ever")
}

/// True at the end of the file.
fn one_blocking(reader: &mut impl BufRead, ask: &Ask, got: &mut Vec<u8>) -> io::Result<bool> {
    match *ask {
        Ask::Read(size) | Ask::ReadOnce(size) => {
            let mut buf = vec![0; size];
            let bytes = reader.read(&mut buf)?;
            got.extend_from_slice(&buf[..bytes]);
            Ok(bytes == 0)
        }
        Ask::Fill(most) | Ask::FillOnce(most) => {
            let filled = reader.fill_buf()?;
            let (empty, taken) = (filled.is_empty(), filled.len().min(most));
            got.extend_from_slice(&filled[..taken]);
            reader.consume(taken);
            Ok(empty)
        }
    }
}

fn asks() -> impl Strategy<Value = Vec<Ask>> {
    // At least one that takes something.
    (1..64_usize, proptest::collection::vec(ask(), 0..8)).prop_map(|(size, mut asks)| {
        asks.push(Ask::Read(size));
        asks
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3000))]

    #[test]
    fn every_byte_is_read_once_and_in_order(
        script in script(),
        data in proptest::collection::vec(any::<u8>(), 0..600),
        asks in asks(),
    ) {
        let got = run(strict(read(&script, &data, &asks)));
        prop_assert_eq!(got, data);
    }

    #[test]
    fn and_by_blocking_reads(
        script in script(),
        data in proptest::collection::vec(any::<u8>(), 0..600),
        asks in asks(),
    ) {
        // On a paused clock delays are counted and not waited for.
        let got = run(async { read_blocking(&script, &data, &asks) });
        prop_assert_eq!(got.unwrap(), data);
    }
}
