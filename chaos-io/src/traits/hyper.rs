//! `Read` and `Write` of hyper 1.

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};

use crate::operation::IoKind;
use crate::wrapper::{ChaosIo, Direction, Faults, Mode};

/// hyper's cursors do not say how much was put into them: once reads have passed untouched, their places are not known any
/// more, and matchers of places do not match them.
#[cfg_attr(docsrs, doc(cfg(feature = "hyper")))]
impl<T: Read, D: Direction> Read for ChaosIo<T, D> {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        let Faults { site, reads, .. } = this.faults;
        if D::READS && !reads.pass(site, buf.remaining(), Mode::Polled) {
            return read_held(this.inner, this.faults, cx, buf);
        }
        let polled = this.inner.poll_read(cx, buf);
        reads.passed(polled.is_pending());
        if polled.is_ready() {
            site.read_uncounted();
        }
        polled
    }
}

#[inline(never)]
fn read_held<T: Read>(
    mut inner: Pin<&mut T>,
    faults: &mut Faults,
    cx: &mut Context<'_>,
    mut buf: ReadBufCursor<'_>,
) -> Poll<io::Result<()>> {
    let Faults { site, reads, .. } = faults;
    ready!(reads.poll(cx, site, buf.remaining(), &mut |cx, room| {
        let mut room = ReadBuf::new(room);
        ready!(inner.as_mut().poll_read(cx, room.unfilled()))?;
        Poll::Ready(Ok(room.filled().len()))
    }))?;
    let owed = reads.owed();
    let bytes = owed.len().min(buf.remaining());
    buf.put_slice(&owed[..bytes]);
    reads.consume(bytes);
    Poll::Ready(Ok(()))
}

#[cfg_attr(docsrs, doc(cfg(feature = "hyper")))]
impl<T: Write, D: Direction> Write for ChaosIo<T, D> {
    #[inline]
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.project();
        let Faults { site, writes, .. } = this.faults;
        if D::WRITES && !writes.pass(site, || buf.len(), Mode::Polled) {
            return write_held(this.inner, this.faults, cx, &[IoSlice::new(buf)]);
        }
        let polled = this.inner.poll_write(cx, buf);
        writes.passed(site, &polled);
        polled
    }

    #[inline]
    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.project();
        let Faults { site, writes, .. } = this.faults;
        if D::WRITES && !writes.pass(site, || bufs.iter().map(|buf| buf.len()).sum(), Mode::Polled) {
            return write_held(this.inner, this.faults, cx, bufs);
        }
        let polled = this.inner.poll_write_vectored(cx, bufs);
        writes.passed(site, &polled);
        polled
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        if !D::WRITES {
            return this.inner.poll_flush(cx);
        }
        let Faults { site, writes, flush, .. } = this.faults;
        let mut inner = this.inner;
        flush.poll(cx, site, IoKind::Flush, Mode::Polled, |cx| {
            ready!(writes.poll_unwritten(cx, &mut |cx, bufs| put(inner.as_mut(), cx, bufs)))?;
            inner.as_mut().poll_flush(cx)
        })
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        if !D::WRITES {
            return this.inner.poll_shutdown(cx);
        }
        let Faults { site, writes, close, .. } = this.faults;
        let mut inner = this.inner;
        close.poll(cx, site, IoKind::Close, Mode::Polled, |cx| {
            ready!(writes.poll_unwritten(cx, &mut |cx, bufs| put(inner.as_mut(), cx, bufs)))?;
            inner.as_mut().poll_shutdown(cx)
        })
    }
}

#[inline(never)]
fn write_held<T: Write>(
    mut inner: Pin<&mut T>,
    faults: &mut Faults,
    cx: &mut Context<'_>,
    bufs: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    let Faults { site, writes, .. } = faults;
    writes.poll(cx, site, bufs, Mode::Polled, &mut |cx, bufs| put(inner.as_mut(), cx, bufs))
}

fn put<T: Write>(inner: Pin<&mut T>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
    match bufs {
        [buf] => inner.poll_write(cx, buf),
        bufs => inner.poll_write_vectored(cx, bufs),
    }
}
