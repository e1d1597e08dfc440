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
        if D::READS && !this.faults.reads.are_off(&this.faults.site) {
            return read_decided(this.inner, this.faults, cx, buf);
        }
        read_through(this.inner, this.faults, cx, buf)
    }
}

#[inline]
fn read_through<T: Read>(
    inner: Pin<&mut T>,
    faults: &mut Faults,
    cx: &mut Context<'_>,
    buf: ReadBufCursor<'_>,
) -> Poll<io::Result<()>> {
    let polled = inner.poll_read(cx, buf);
    faults.reads.passed(polled.is_pending());
    if polled.is_ready() {
        faults.site.read_uncounted();
    }
    polled
}

#[inline(never)]
fn read_decided<T: Read>(
    mut inner: Pin<&mut T>,
    faults: &mut Faults,
    cx: &mut Context<'_>,
    mut buf: ReadBufCursor<'_>,
) -> Poll<io::Result<()>> {
    let Faults { site, reads, .. } = &mut *faults;
    if reads.pass(site, buf.remaining(), Mode::Polled) {
        return read_through(inner, faults, cx, buf);
    }
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
        if D::WRITES && !writes.are_off(site) {
            return write_decided(this.inner, this.faults, cx, &[IoSlice::new(buf)]);
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
        if D::WRITES && !writes.are_off(site) {
            return write_decided(this.inner, this.faults, cx, bufs);
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
fn write_decided<T: Write>(
    mut inner: Pin<&mut T>,
    faults: &mut Faults,
    cx: &mut Context<'_>,
    bufs: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    let Faults { site, writes, .. } = faults;
    if writes.pass(site, bufs, Mode::Polled) {
        let polled = put(inner, cx, bufs);
        writes.passed(site, &polled);
        return polled;
    }
    writes.poll(cx, site, bufs, Mode::Polled, &mut |cx, bufs| put(inner.as_mut(), cx, bufs))
}

fn put<T: Write>(inner: Pin<&mut T>, cx: &mut Context<'_>, bufs: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
    match bufs {
        [buf] => inner.poll_write(cx, buf),
        bufs => inner.poll_write_vectored(cx, bufs),
    }
}
