//! Real files and sockets, polled and blocking.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::io::{Read, Seek, SeekFrom, Write};

use chaos_core::units::us;
use chaos_core::{Chaos, Delay, Point, Result};
use chaos_io::{ChaosReader, ChaosStream, ChaosWriter, Io, IoKind, kind};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

fn payload() -> Vec<u8> {
    (0..200_000_u32).flat_map(u32::to_le_bytes).collect()
}

/// Faults that no byte should be lost to.
fn arm(point: &Point<Io>) -> Result<Vec<chaos_core::Armed<Io>>> {
    Ok(vec![
        point.arm(chaos_io::latency(Delay::fixed(us(50))).probability(0.1)?)?,
        point.arm(chaos_io::latency_after(Delay::fixed(us(50))).probability(0.1)?)?,
        point.arm(chaos_io::pending_storm(3)?.probability(0.2)?)?,
        point.arm(chaos_io::throttle(400_000_000)?.probability(0.2)?)?,
        point.arm(chaos_io::short(1000)?.probability(0.4)?)?,
    ])
}

#[tokio::test]
async fn a_file_written_and_read_under_faults_is_the_same() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let point = Chaos::seeded(7).point("file").unwrap();
    let armed = arm(&point).unwrap();
    let out = tokio::fs::File::create(file.path()).await.unwrap();
    let mut out = ChaosWriter::new(out, point.clone());
    out.write_all(&payload()).await.unwrap();
    out.flush().await.unwrap();
    let mut back = Vec::new();
    let read = tokio::fs::File::open(file.path()).await.unwrap();
    ChaosReader::new(read, point.clone()).read_to_end(&mut back).await.unwrap();
    assert!(back == payload());
    assert!(armed.iter().all(|rule| rule.hits() > 0), "{:?}", point.stats());
}

#[tokio::test]
async fn a_connection_under_faults_on_both_ends_loses_nothing() {
    let point = Chaos::seeded(7).point("socket").unwrap();
    let armed = arm(&point).unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let server =
        ChaosStream::new(TcpStream::connect(listener.local_addr().unwrap()).await.unwrap(), point.clone());
    let client = ChaosStream::new(listener.accept().await.unwrap().0, point.clone());
    let echo = tokio::spawn(async move {
        let (mut from, mut to) = tokio::io::split(server);
        tokio::io::copy(&mut from, &mut to).await.unwrap();
        to.shutdown().await.unwrap();
    });
    let (mut from, mut to) = tokio::io::split(client);
    let sending = tokio::spawn(async move {
        to.write_all(&payload()).await.unwrap();
        to.shutdown().await.unwrap();
    });
    let mut back = Vec::new();
    from.read_to_end(&mut back).await.unwrap();
    sending.await.unwrap();
    echo.await.unwrap();
    assert!(back == payload());
    assert!(armed.iter().all(|rule| rule.hits() > 0), "{:?}", point.stats());
}

#[test]
fn a_blocking_file_too() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let point = Chaos::seeded(7).point("file").unwrap();
    let armed = arm(&point).unwrap();
    let mut out = ChaosStream::new(file.reopen().unwrap(), point.clone()).write_back(10_000);
    out.write_all(&payload()).unwrap();
    out.seek(SeekFrom::Start(0)).unwrap();
    let mut back = Vec::new();
    out.read_to_end(&mut back).unwrap();
    assert!(back == payload());
    assert!(armed.iter().all(|rule| rule.hits() > 0), "{:?}", point.stats());
}

#[test]
fn syncs_pass_the_point_and_can_be_lost() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let point = Chaos::seeded(7).point("file").unwrap();
    let synced = point.arm(chaos_io::stuck().when(kind(IoKind::Sync)).nth("1000").unwrap()).unwrap();
    let mut out = ChaosWriter::new(file.reopen().unwrap(), point.clone()).write_back(100);
    out.write_all(b"abc").unwrap();
    let lost = point.arm(chaos_io::lost_sync()).unwrap();
    out.sync_all().unwrap();
    assert_eq!(out.unwritten(), 3);
    lost.revert();
    let fails = point.arm(chaos_io::errno(5).unwrap().when(kind(IoKind::Sync))).unwrap();
    assert_eq!(out.sync_data().unwrap_err().raw_os_error(), Some(5));
    fails.revert();
    out.sync_data().unwrap();
    assert_eq!((out.unwritten(), synced.stats().matching), (0, 3));
    assert_eq!(std::fs::read(file.path()).unwrap(), b"abc");
}

#[cfg(feature = "fs")]
#[tokio::test]
async fn syncs_of_tokio_s_files_pass_the_point() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let point = Chaos::seeded(7).point("file").unwrap();
    let out = tokio::fs::File::create(file.path()).await.unwrap();
    let mut out = ChaosWriter::new(out, point.clone()).write_back(100);
    AsyncWriteExt::write_all(&mut out, b"abc").await.unwrap();
    let lost = point.arm(chaos_io::lost_sync()).unwrap();
    let slow = point.arm(chaos_io::latency_after(Delay::fixed(us(50))).when(kind(IoKind::Sync))).unwrap();
    tokio::spawn(async move {
        out.sync_all().await.unwrap();
        assert_eq!(out.unwritten(), 3);
        lost.revert();
        out.sync_data().await.unwrap();
        assert_eq!(out.unwritten(), 0);
    })
    .await
    .unwrap();
    assert_eq!(slow.hits(), 1, "the lost one ended the search, the other was delayed");
    assert_eq!(std::fs::read(file.path()).unwrap(), b"abc");
}
