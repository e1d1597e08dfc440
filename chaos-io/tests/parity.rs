//! A wrapper is everything that the object inside is: each method arrives there, once, as itself.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::cell::Cell;
use std::collections::BTreeMap;
use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll};

use chaos_core::{Armed, Chaos, Point};
use chaos_io::{ChaosReader, ChaosStream, ChaosWriter, Io, IoKind, kind};
use tokio::io::{
    AsyncBufRead, AsyncBufReadExt, AsyncRead, AsyncReadExt, AsyncSeek, AsyncSeekExt, AsyncWrite,
    AsyncWriteExt, BufReader, ReadBuf,
};

/// Counts what arrives, and answers at once.
#[derive(Default)]
struct Counting {
    calls: BTreeMap<&'static str, usize>,
    asked_if_vectored: Cell<usize>,
}

impl Counting {
    fn count(&mut self, name: &'static str) {
        *self.calls.entry(name).or_default() += 1;
    }

    fn calls(&self) -> Vec<(&'static str, usize)> {
        self.calls.iter().map(|(name, calls)| (*name, *calls)).collect()
    }
}

impl AsyncRead for Counting {
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.count("poll_read");
        buf.put_slice(&b"read"[..buf.remaining().min(4)]);
        Poll::Ready(Ok(()))
    }
}

impl AsyncBufRead for Counting {
    fn poll_fill_buf(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        self.count("poll_fill_buf");
        Poll::Ready(Ok(b"filled"))
    }

    fn consume(mut self: Pin<&mut Self>, amt: usize) {
        assert_eq!(amt, 3);
        self.count("consume");
    }
}

impl AsyncWrite for Counting {
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.count("poll_write");
        Poll::Ready(Ok(buf.len()))
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        assert_eq!(bufs.len(), 2);
        self.count("poll_write_vectored");
        Poll::Ready(Ok(bufs.iter().map(|buf| buf.len()).sum()))
    }

    fn is_write_vectored(&self) -> bool {
        self.asked_if_vectored.set(self.asked_if_vectored.get() + 1);
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.count("poll_flush");
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.count("poll_shutdown");
        Poll::Ready(Ok(()))
    }
}

impl AsyncSeek for Counting {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        assert_eq!(position, SeekFrom::Start(9));
        self.count("start_seek");
        Ok(())
    }

    fn poll_complete(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<u64>> {
        self.count("poll_complete");
        Poll::Ready(Ok(9))
    }
}

const EVERYTHING: [(&str, usize); 9] = [
    ("consume", 1),
    ("poll_complete", 2),
    ("poll_fill_buf", 1),
    ("poll_flush", 1),
    ("poll_read", 1),
    ("poll_shutdown", 1),
    ("poll_write", 1),
    ("poll_write_vectored", 1),
    ("start_seek", 1),
];

async fn everything<T>(object: &mut T)
where
    T: AsyncRead + AsyncBufRead + AsyncWrite + AsyncSeek + Unpin,
{
    let mut buf = [0; 8];
    assert_eq!(object.read(&mut buf).await.unwrap(), 4);
    assert_eq!(&buf[..4], b"read");
    assert_eq!(object.fill_buf().await.unwrap(), b"filled");
    object.consume(3);
    assert_eq!(object.write(b"abc").await.unwrap(), 3);
    let slices = [IoSlice::new(b"ab"), IoSlice::new(b"cde")];
    assert_eq!(object.write_vectored(&slices).await.unwrap(), 5);
    assert!(object.is_write_vectored());
    object.flush().await.unwrap();
    assert_eq!(object.seek(SeekFrom::Start(9)).await.unwrap(), 9);
    object.shutdown().await.unwrap();
}

/// Rules that let everything pass, in three ways.
fn states(point: &Point<Io>) -> Vec<Vec<Armed<Io>>> {
    let elsewhere = chaos_io::stuck().when(kind(IoKind::Rename));
    let unlucky = chaos_io::stuck().nth("1000").unwrap();
    vec![vec![], vec![point.arm(elsewhere).unwrap(), point.arm(unlucky).unwrap()]]
}

#[tokio::test]
async fn every_method_arrives_once_whatever_wraps_it() {
    let chaos = Chaos::seeded(7);
    let point = chaos.point("parity").unwrap();
    for armed in states(&point) {
        let mut reader = ChaosReader::new(Counting::default(), point.clone());
        everything(&mut reader).await;
        assert_eq!(reader.get_ref().calls(), EVERYTHING);
        let mut writer = ChaosWriter::new(Counting::default(), point.clone());
        everything(&mut writer).await;
        assert_eq!(writer.get_ref().calls(), EVERYTHING);
        let mut stream = ChaosStream::new(Counting::default(), point.clone());
        everything(&mut stream).await;
        assert_eq!(stream.get_ref().calls(), EVERYTHING);
        assert_eq!(stream.into_inner().asked_if_vectored.get(), 1);
        drop(armed);
    }
}

#[tokio::test(start_paused = true)]
async fn vectored_stays_vectored_under_a_delay() {
    let chaos = Chaos::seeded(7);
    let point = chaos.point("parity").unwrap();
    let _slow = point.arm(chaos_io::latency(chaos_core::Delay::fixed(chaos_core::units::ms(5)))).unwrap();
    let mut writer = ChaosWriter::new(Counting::default(), point.clone());
    everything(&mut writer).await;
    assert_eq!(writer.get_ref().calls(), EVERYTHING);
}

#[tokio::test]
async fn a_reader_passes_reads_and_a_writer_writes() {
    let chaos = Chaos::seeded(7);
    let point = chaos.point("parity").unwrap();
    let seen = |names: &[IoKind]| names.iter().map(|_| 1).sum::<u64>();
    let rule = point.arm(chaos_io::stuck().nth("1000").unwrap()).unwrap();
    everything(&mut ChaosReader::new(Counting::default(), point.clone())).await;
    assert_eq!(rule.stats().matching, seen(&[IoKind::Read, IoKind::Read, IoKind::Seek]));
    everything(&mut ChaosWriter::new(Counting::default(), point.clone())).await;
    let writes = [IoKind::Write, IoKind::Write, IoKind::Flush, IoKind::Seek, IoKind::Close];
    assert_eq!(rule.stats().matching, 3 + seen(&writes));
}

#[tokio::test]
async fn a_buffered_file_stays_one() {
    fn is_everything<T: AsyncRead + AsyncBufRead + AsyncSeek + AsyncWrite>(_: &T) {}
    let mut path = tempfile::NamedTempFile::new().unwrap();
    io::Write::write_all(&mut path, b"one\ntwo\nthree\n").unwrap();
    let chaos = Chaos::seeded(7);
    let file = BufReader::new(tokio::fs::File::open(path.path()).await.unwrap());
    let mut file = ChaosReader::new(file, chaos.point("file").unwrap());
    is_everything(&file);
    let mut line = String::new();
    file.read_line(&mut line).await.unwrap();
    file.seek(SeekFrom::Current(4)).await.unwrap();
    file.read_line(&mut line).await.unwrap();
    assert_eq!(line, "one\nthree\n");
    assert_eq!(file.get_mut().stream_position().await.unwrap(), 14);
}

#[test]
fn wrappers_are_send_and_unpin_where_the_object_is() {
    fn is<T: Send + Unpin + 'static>() {}
    is::<ChaosReader<tokio::fs::File>>();
    is::<ChaosStream<tokio::net::TcpStream>>();
}
