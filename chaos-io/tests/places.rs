//! Places are counted while no rule is armed, so that one that is armed later finds them.
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::pin::pin;
use std::task::Poll;

use chaos_core::{Armed, Chaos, Point};
use chaos_io::{ChaosReader, ChaosStream, ChaosWriter, Io, IoKind, kind, offset};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt};

fn point() -> Point<Io> {
    Chaos::seeded(7).point("place").unwrap()
}

/// An error for operations of this kind about this byte.
fn at(point: &Point<Io>, what: IoKind, byte: u64) -> Armed<Io> {
    let rule = chaos_io::error(io::ErrorKind::TimedOut);
    point.arm(rule.when(kind(what)).when(offset(byte..=byte).unwrap())).unwrap()
}

/// A rule that is armed, and matches nothing that happens here.
fn elsewhere(point: &Point<Io>) -> Armed<Io> {
    at(point, IoKind::Rename, 0)
}

#[tokio::test]
async fn what_tokio_reads() {
    for armed in [false, true] {
        let point = point();
        let _elsewhere = armed.then(|| elsewhere(&point));
        let mut reader = ChaosReader::new(&[7; 100][..], point.clone());
        let mut buf = [0; 10];
        reader.read_exact(&mut buf).await.unwrap();
        // Into a buffer that holds something already.
        let mut grown = Vec::with_capacity(64);
        grown.extend_from_slice(b"already");
        (&mut reader).take(20).read_to_end(&mut grown).await.unwrap();
        assert_eq!(grown.len(), 27);
        assert_eq!(reader.fill_buf().await.unwrap().len(), 70);
        reader.consume(5);

        let other = [at(&point, IoKind::Read, 34), at(&point, IoKind::Read, 45)];
        reader.read_exact(&mut buf[..1]).await.unwrap();
        let here = at(&point, IoKind::Read, 36);
        assert_eq!(reader.read(&mut buf[..9]).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!((here.hits(), other.map(|rule| rule.hits())), (1, [0, 0]));
    }
}

#[tokio::test]
async fn what_tokio_writes() {
    for armed in [false, true] {
        let point = point();
        let _elsewhere = armed.then(|| elsewhere(&point));
        let mut writer = ChaosWriter::new(Vec::new(), point.clone());
        writer.write_all(&[7; 10]).await.unwrap();
        let bufs = [IoSlice::new(&[1, 2]), IoSlice::new(&[3])];
        assert_eq!(writer.write_vectored(&bufs).await.unwrap(), 3);

        let other = [at(&point, IoKind::Write, 12), at(&point, IoKind::Write, 14)];
        let here = at(&point, IoKind::Write, 13);
        assert_eq!(writer.write(&[0]).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!((here.hits(), other.map(|rule| rule.hits())), (1, [0, 0]));
        assert_eq!(writer.get_ref().len(), 13);
    }
}

#[tokio::test]
async fn a_read_that_began_before_the_rule_is_not_the_rules() {
    let point = point();
    let (here, mut there) = tokio::io::duplex(64);
    let mut stream = ChaosStream::new(here, point.clone());
    let mut buf = [0; 8];
    {
        let mut read = pin!(stream.read(&mut buf));
        assert!(poll_fn(|cx| Poll::Ready(read.as_mut().poll(cx).is_pending())).await);
        let rule = at(&point, IoKind::Read, 0);
        there.write_all(&[7; 3]).await.unwrap();
        assert_eq!(read.await.unwrap(), 3);
        assert_eq!(rule.stats().matching, 0);
    }
    let _here = at(&point, IoKind::Read, 3);
    assert_eq!(stream.read(&mut buf[..1]).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
}

mod blocking {
    use std::io::{self, Cursor, IoSlice, Read, Seek, SeekFrom, Write};

    use chaos_io::{ChaosStream, IoKind};

    use super::{at, elsewhere, point};

    #[test]
    fn what_the_standard_library_moves() {
        for armed in [false, true] {
            let point = point();
            let _elsewhere = armed.then(|| elsewhere(&point));
            let mut file = ChaosStream::new(Cursor::new(vec![0; 100]), point.clone());
            file.seek(SeekFrom::Start(20)).unwrap();
            file.write_all(&[7; 5]).unwrap();
            file.read_exact(&mut [0; 10]).unwrap();
            assert_eq!(file.write_vectored(&[IoSlice::new(&[1, 2]), IoSlice::new(&[3])]).unwrap(), 3);

            let other = [at(&point, IoKind::Read, 37), at(&point, IoKind::Write, 39)];
            let here = at(&point, IoKind::Write, 38);
            assert_eq!(file.write(&[0]).unwrap_err().kind(), io::ErrorKind::TimedOut);
            assert_eq!(file.stream_position().unwrap(), 38);
            assert_eq!((here.hits(), other.map(|rule| rule.hits())), (1, [0, 0]));
        }
    }
}

#[cfg(feature = "futures-io")]
mod futures_io {
    use std::io::{self, IoSlice, IoSliceMut};

    use chaos_io::{ChaosStream, IoKind};
    use futures_util::io::{AsyncReadExt, AsyncWriteExt, Cursor};

    use super::{at, elsewhere, point};

    #[tokio::test]
    async fn what_is_moved() {
        for armed in [false, true] {
            let point = point();
            let _elsewhere = armed.then(|| elsewhere(&point));
            let mut stream = ChaosStream::new(Cursor::new(vec![0; 100]), point.clone());
            stream.read_exact(&mut [0; 10]).await.unwrap();
            let (mut one, mut two) = ([0; 2], [0; 1]);
            let mut bufs = [IoSliceMut::new(&mut one), IoSliceMut::new(&mut two)];
            assert_eq!(stream.read_vectored(&mut bufs).await.unwrap(), 3);
            stream.write_all(&[7; 4]).await.unwrap();
            assert_eq!(stream.write_vectored(&[IoSlice::new(&[1, 2]), IoSlice::new(&[3])]).await.unwrap(), 3);

            let other = [at(&point, IoKind::Read, 12), at(&point, IoKind::Write, 6)];
            let (read, written) = (at(&point, IoKind::Read, 13), at(&point, IoKind::Write, 7));
            assert_eq!(stream.read(&mut two).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
            assert_eq!(stream.write(&two).await.unwrap_err().kind(), io::ErrorKind::TimedOut);
            assert_eq!((read.hits(), written.hits(), other.map(|rule| rule.hits())), (1, 1, [0, 0]));
        }
    }
}
