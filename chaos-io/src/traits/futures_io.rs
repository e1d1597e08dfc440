//! `AsyncRead`, `AsyncBufRead`, `AsyncWrite` and `AsyncSeek` of crate `futures-io`.

use std::io::{self, IoSlice, IoSliceMut, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use ::futures_io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite};

use super::tokio::FILL;
use crate::operation::IoKind;
use crate::wrapper::{Both, ChaosIo, Direction, Faults, Mode, ReadsOnly, Seek, WritesOnly};

#[cfg_attr(docsrs, doc(cfg(feature = "futures-io")))]
impl<T: AsyncRead, D: Direction> AsyncRead for ChaosIo<T, D> {
    #[inline]
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut [u8]) -> Poll<io::Result<usize>> {
        let this = self.project();
        if D::READS && !this.faults.reads.are_off(&this.faults.site) {
            return read_decided(this.inner, this.faults, cx, &mut [IoSliceMut::new(buf)]);
        }
        read_through(this.faults, this.inner.poll_read(cx, buf))
    }

    #[inline]
    fn poll_read_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &mut [IoSliceMut<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.project();
        if D::READS && !this.faults.reads.are_off(&this.faults.site) {
            return read_decided(this.inner, this.faults, cx, bufs);
        }
        read_through(this.faults, this.inner.poll_read_vectored(cx, bufs))
    }
}

/// Counts what was read by the object itself.
#[inline]
fn read_through(faults: &mut Faults, polled: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
    faults.reads.passed(polled.is_pending());
    if let Poll::Ready(Ok(bytes)) = &polled {
        faults.site.read(*bytes);
    }
    polled
}

#[inline(never)]
fn read_decided<T: AsyncRead>(
    mut inner: Pin<&mut T>,
    faults: &mut Faults,
    cx: &mut Context<'_>,
    bufs: &mut [IoSliceMut<'_>],
) -> Poll<io::Result<usize>> {
    let Faults { site, reads, .. } = &mut *faults;
    if reads.pass(site, bufs.iter().map(|buf| buf.len()).sum(), Mode::Polled) {
        let polled = match bufs {
            [buf] => inner.poll_read(cx, buf),
            bufs => inner.poll_read_vectored(cx, bufs),
        };
        return read_through(faults, polled);
    }
    // What a fault brings comes into the first of them: a short read.
    let first = bufs.iter_mut().find(|buf| !buf.is_empty());
    let buf = first.map_or(&mut [][..], |buf| &mut **buf);
    ready!(reads.poll(cx, site, buf.len(), &mut |cx, room| inner.as_mut().poll_read(cx, room)))?;
    Poll::Ready(Ok(reads.take(buf)))
}

#[cfg_attr(docsrs, doc(cfg(feature = "futures-io")))]
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

#[cfg_attr(docsrs, doc(cfg(feature = "futures-io")))]
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

    fn poll_close(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.project();
        if !D::WRITES {
            return this.inner.poll_close(cx);
        }
        let Faults { site, writes, close, .. } = this.faults;
        let mut inner = this.inner;
        close.poll(cx, site, IoKind::Close, Mode::Polled, |cx| {
            ready!(writes.poll_unwritten(cx, &mut |cx, bufs| put(inner.as_mut(), cx, bufs)))?;
            inner.as_mut().poll_close(cx)
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

fn put<T: AsyncWrite>(
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
        #[cfg_attr(docsrs, doc(cfg(feature = "futures-io")))]
        impl<T: $($bound)*> AsyncSeek for ChaosIo<T, $direction> {
            fn poll_seek(
                self: Pin<&mut Self>,
                cx: &mut Context<'_>,
                position: SeekFrom,
            ) -> Poll<io::Result<u64>> {
                let this = self.project();
                let Faults { site, reads, writes, seeks, .. } = this.faults;
                let mut inner = this.inner;
                // Here a seek that is polled again says its place again.
                if !seeks.is_held() {
                    if let Some(position) = seeks.begin(site, reads, writes, position, Mode::Polled)? {
                        let polled = inner.poll_seek(cx, position);
                        seeks.passed(site, reads, &polled);
                        return polled;
                    }
                }
                seeks.poll(cx, site, reads, writes, &mut |cx, ask| match ask {
                    Seek::Write(bufs) => $write(inner.as_mut(), cx, bufs),
                    Seek::Begin(position) | Seek::GoOn(position) => inner.as_mut().poll_seek(cx, position),
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
