//! The wrappers under the traits of crate `futures-io`.
#![allow(clippy::unwrap_used, reason = "a test may panic")]
#![cfg(feature = "futures-io")]

use std::io::{ErrorKind, SeekFrom};

use chaos_core::units::secs;
use chaos_core::{Chaos, Delay};
use chaos_io::{ChaosReader, ChaosStream, ChaosWriter, Keep};
use futures_util::io::{
    AsyncBufReadExt, AsyncReadExt, AsyncSeekExt, AsyncWriteExt, BufReader, Cursor, IoSlice,
};

#[tokio::test(start_paused = true)]
async fn reads_lines_and_seeks() {
    let chaos = Chaos::seeded(7);
    let point = chaos.point("file").unwrap();
    let file = BufReader::new(Cursor::new("one\ntwo\nthree\n"));
    let mut file = ChaosReader::new(file, point.clone());
    let short = point.arm(chaos_io::short(3).unwrap()).unwrap();
    let slow = point.arm(chaos_io::latency(Delay::fixed(secs(1))).nth("2").unwrap()).unwrap();
    let begun = tokio::time::Instant::now();
    let mut line = String::new();
    file.read_line(&mut line).await.unwrap();
    assert_eq!((line.as_str(), begun.elapsed()), ("one\n", secs(0)));
    assert_eq!((short.hits(), slow.hits()), (2, 0), "the first effect ends the search");
    file.seek(SeekFrom::Current(4)).await.unwrap();
    line.clear();
    file.read_to_string(&mut line).await.unwrap();
    assert_eq!(line, "three\n");
}

#[tokio::test]
async fn writes_flushes_and_closing() {
    let chaos = Chaos::seeded(7);
    let point = chaos.point("file").unwrap();
    let mut file = ChaosWriter::new(Cursor::new(Vec::new()), point.clone()).write_back(100);
    let lost = point.arm(chaos_io::lost_flush()).unwrap();
    let torn = point.arm(chaos_io::torn(Keep::bytes(1)).nth("2").unwrap()).unwrap();
    file.write_all(b"abc").await.unwrap();
    let bufs = [IoSlice::new(b"d"), IoSlice::new(b"ef")];
    assert_eq!(file.write_vectored(&bufs).await.unwrap(), 3);
    file.flush().await.unwrap();
    assert_eq!((file.unwritten(), lost.hits(), torn.hits()), (4, 1, 1));
    file.seek(SeekFrom::Start(0)).await.unwrap();
    file.write_all(b"A").await.unwrap();
    file.close().await.unwrap();
    assert_eq!(file.into_inner().into_inner(), b"Abcd");
}

#[tokio::test]
async fn a_stream_fails_in_both_directions() {
    let chaos = Chaos::seeded(7);
    let point = chaos.point("stream").unwrap();
    let mut stream = ChaosStream::new(Cursor::new(vec![7; 10]), point.clone());
    let _down = point.arm(chaos_io::error(ErrorKind::ConnectionReset)).unwrap();
    let reset = |err: std::io::Error| err.kind() == ErrorKind::ConnectionReset;
    assert!(stream.read(&mut [0; 4]).await.is_err_and(reset));
    assert!(stream.write(b"x").await.is_err_and(reset));
    assert!(stream.flush().await.is_err_and(reset));
    assert!(stream.close().await.is_err_and(reset));
    assert!(stream.seek(SeekFrom::End(0)).await.is_err_and(reset));
}
