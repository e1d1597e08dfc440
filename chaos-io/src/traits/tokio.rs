//! tokio's `AsyncRead`, `AsyncBufRead`, `AsyncWrite` and `AsyncSeek`.

use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::tokio::io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};

use crate::operation::IoKind;
use crate::wrapper::{Both, ChaosIo, Direction, Faults, Mode, ReadsOnly, Seek, WritesOnly};

/// What a `fill_buf` under a fault reads at a time: nobody says how much is wanted.
pub(super) const FILL: usize = 8 * 1024;

impl<T: AsyncRead, D: Direction> AsyncRead for ChaosIo<T, D> {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        if !D::READS {
            return this.inner.poll_read(cx, buf);
        }
        if !this.faults.reads.are_off(&this.faults.site) {
            return read_decided(this.inner, this.faults, cx, buf);
        }
        read_through(this.inner, this.faults, cx, buf)
    }
}

#[inline]
fn read_through<T: AsyncRead>(
    inner: Pin<&mut T>,
    faults: &mut Faults,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    // What `filled().len()` says, without the check of a slice.
    let filled = |buf: &ReadBuf<'_>| buf.capacity() - buf.remaining();
    let before = filled(buf);
    let polled = inner.poll_read(cx, buf);
    faults.reads.passed(polled.is_pending());
    // An object may take back what it found in a buffer, though no sane one does: then the place goes back too.
    faults.site.read(filled(buf).wrapping_sub(before));
    polled
}

// Out of line, so that what passes a point without rules is a load and a branch away from the object.
#[inline(never)]
fn read_decided<T: AsyncRead>(
    inner: Pin<&mut T>,
    faults: &mut Faults,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    if faults.reads.pass(&mut faults.site, buf.remaining(), Mode::Polled) {
        return read_through(inner, faults, cx, buf);
    }
    read_held(inner, faults, cx, buf)
}

#[inline(never)]
fn read_held<T: AsyncRead>(
    mut inner: Pin<&mut T>,
    faults: &mut Faults,
    cx: &mut Context<'_>,
    buf: &mut ReadBuf<'_>,
) -> Poll<io::Result<()>> {
    let Faults { site, reads, .. } = faults;
    ready!(reads.poll(cx, site, buf.remaining(), &mut |cx, room| {
        let mut room = ReadBuf::new(room);
        inner.as_mut().poll_read(cx, &mut room).map_ok(|()| room.filled().len())
    }))?;
    let owed = reads.owed();
    let bytes = owed.len().min(buf.remaining());
    buf.put_slice(&owed[..bytes]);
    reads.consume(bytes);
    Poll::Ready(Ok(()))
}

impl<T: AsyncBufRead, D: Direction> AsyncBufRead for ChaosIo<T, D> {
    fn poll_fill_buf(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        let this = self.project();
        if !D::READS {
            return this.inner.poll_fill_buf(cx);
        }
        let Faults { site, reads, .. } = this.faults;
        if reads.are_off(site) || reads.pass(site, 0, Mode::Polled) {
            let polled = this.inner.poll_fill_buf(cx);
            // Until something is consumed, it is the same read.
            reads.passed(!matches!(&polled, Poll::Ready(Ok([]) | Err(_))));
            return polled;
        }
        let mut inner = this.inner;
        ready!(reads.poll(cx, site, FILL, &mut |cx, room| {
            let bytes = {
                let filled = ready!(inner.as_mut().poll_fill_buf(cx))?;
                let bytes = filled.len().min(room.len());
                room[..bytes].copy_from_slice(&filled[..bytes]);
                bytes
            };
            inner.as_mut().consume(bytes);
            Poll::Ready(Ok(bytes))
        }))?;
        Poll::Ready(Ok(reads.owed()))
    }

    fn consume(self: Pin<&mut Self>, amt: usize) {
        let this = self.project();
        let Faults { site, reads, .. } = this.faults;
        if D::READS && amt > 0 {
            if reads.consume(amt) {
                return;
            }
            reads.passed(false);
            site.read(amt);
        }
        this.inner.consume(amt);
    }
}

impl<T: AsyncWrite, D: Direction> AsyncWrite for ChaosIo<T, D> {
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

    #[inline]
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
fn write_decided<T: AsyncWrite>(
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

pub(super) fn put<T: AsyncWrite>(
    inner: Pin<&mut T>,
    cx: &mut Context<'_>,
    bufs: &[IoSlice<'_>],
) -> Poll<io::Result<usize>> {
    match bufs {
        [buf] => inner.poll_write(cx, buf),
        bufs => inner.poll_write_vectored(cx, bufs),
    }
}

macro_rules! seek {
    ($direction:ty, [$($bound:tt)*], $write:expr) => {
        impl<T: $($bound)*> AsyncSeek for ChaosIo<T, $direction> {
            fn start_seek(self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
                let this = self.project();
                let Faults { site, reads, writes, seeks, .. } = this.faults;
                match seeks.begin(site, reads, writes, position, Mode::Polled)? {
                    Some(position) => this.inner.start_seek(position),
                    None => Ok(()),
                }
            }

            fn poll_complete(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
                let this = self.project();
                let Faults { site, reads, writes, seeks, .. } = this.faults;
                let mut inner = this.inner;
                if !seeks.is_held() {
                    let polled = inner.poll_complete(cx);
                    seeks.passed(site, reads, &polled);
                    return polled;
                }
                seeks.poll(cx, site, reads, writes, &mut |cx, ask| match ask {
                    Seek::Write(bufs) => $write(inner.as_mut(), cx, bufs),
                    Seek::Begin(position) => {
                        inner.as_mut().start_seek(position)?;
                        inner.as_mut().poll_complete(cx)
                    }
                    Seek::GoOn(_) => inner.as_mut().poll_complete(cx),
                })
            }
        }
    };
}

// What was written goes first, so that what can be written to must be.
seek!(WritesOnly, [AsyncWrite + AsyncSeek], write_first);
seek!(Both, [AsyncWrite + AsyncSeek], write_first);
seek!(ReadsOnly, [AsyncSeek], |_, _: &mut Context<'_>, _: &[IoSlice<'_>]| Poll::Ready(Ok(0)));

fn write_first<T: AsyncWrite>(
    inner: Pin<&mut T>,
    cx: &mut Context<'_>,
    bufs: &[IoSlice<'_>],
) -> Poll<io::Result<u64>> {
    put(inner, cx, bufs).map_ok(|bytes| bytes as u64)
}
