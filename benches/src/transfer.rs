//! Reads and writes as a caller makes them: polled once, by objects that are ready, and without a runtime, so
//! that only the operation counts.

use std::hint::black_box;
use std::io::{self, IoSlice, Read};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use crate::Worker;

static BYTES: [u8; 64 * 1024] = [7; 64 * 1024];

/// Has as many bytes as are asked for, up to 64 KiB at a time.
pub(crate) struct Source;

impl AsyncRead for Source {
    // Out of line and opaque, as what a wrapper stands before, a socket or a file, is: what the compiler makes of a wrapper
    // and an object that it sees through says nothing of either.
    #[inline(never)]
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        buf.put_slice(&BYTES[..buf.remaining().min(BYTES.len())]);
        black_box(Poll::Ready(Ok(())))
    }
}

impl Read for Source {
    #[inline(never)]
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let bytes = buf.len().min(BYTES.len());
        buf[..bytes].copy_from_slice(&BYTES[..bytes]);
        black_box(Ok(bytes))
    }
}

/// Takes up to 64 KiB at a time, in the place of what it took before.
pub(crate) struct Target(Box<[u8]>);

impl Default for Target {
    fn default() -> Self {
        Self(vec![0; BYTES.len()].into())
    }
}

impl AsyncWrite for Target {
    #[inline(never)]
    fn poll_write(mut self: Pin<&mut Self>, _: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        let bytes = buf.len().min(self.0.len());
        self.0[..bytes].copy_from_slice(&buf[..bytes]);
        black_box(Poll::Ready(Ok(bytes)))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_write(cx, bufs.first().map_or(&[], |buf| buf))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// `workers` workers that read `size` bytes a call, each from a reader of its own. `keep` lives as long as any of them.
pub(crate) fn reads<R: AsyncRead + Unpin + Send + 'static>(
    size: usize,
    reader: impl Fn() -> R,
    keep: impl Clone + Send + 'static,
    workers: usize,
) -> Vec<Worker> {
    let worker = |_| -> Worker {
        let (mut reader, mut buf, keep) = (reader(), vec![0; size], keep.clone());
        Box::new(move |calls| {
            let _ = &keep;
            let mut cx = Context::from_waker(Waker::noop());
            let mut buf = ReadBuf::new(&mut buf);
            for _ in 0..calls {
                buf.clear();
                drop(black_box(read(&mut reader, &mut buf, &mut cx)));
            }
        })
    };
    (0..workers).map(worker).collect()
}

/// The same with a reader of the standard library.
pub(crate) fn blocking_reads<R: Read + Send + 'static>(
    size: usize,
    reader: impl Fn() -> R,
    keep: impl Clone + Send + 'static,
    workers: usize,
) -> Vec<Worker> {
    let worker = |_| -> Worker {
        let (mut reader, mut buf, keep) = (reader(), vec![0; size], keep.clone());
        Box::new(move |calls| {
            let _ = &keep;
            for _ in 0..calls {
                drop(black_box(blocking_read(&mut reader, black_box(&mut buf))));
            }
        })
    };
    (0..workers).map(worker).collect()
}

/// The same with `size` bytes written a call.
pub(crate) fn writes<W: AsyncWrite + Unpin + Send + 'static>(
    size: usize,
    writer: impl Fn() -> W,
    keep: impl Clone + Send + 'static,
    workers: usize,
) -> Vec<Worker> {
    let worker = |_| -> Worker {
        let (mut writer, keep) = (writer(), keep.clone());
        Box::new(move |calls| {
            let _ = &keep;
            let mut cx = Context::from_waker(Waker::noop());
            for _ in 0..calls {
                drop(black_box(write(&mut writer, black_box(&BYTES[..size]), &mut cx)));
            }
        })
    };
    (0..workers).map(worker).collect()
}

/// The same with `size` bytes read and written a call.
pub(crate) fn copies<R, W>(
    size: usize,
    pair: impl Fn() -> (R, W),
    keep: impl Clone + Send + 'static,
    workers: usize,
) -> Vec<Worker>
where
    R: AsyncRead + Unpin + Send + 'static,
    W: AsyncWrite + Unpin + Send + 'static,
{
    let worker = |_| -> Worker {
        let ((mut reader, mut writer), mut buf, keep) = (pair(), vec![0; size], keep.clone());
        Box::new(move |calls| {
            let _ = &keep;
            let mut cx = Context::from_waker(Waker::noop());
            let mut buf = ReadBuf::new(&mut buf);
            for _ in 0..calls {
                buf.clear();
                drop(black_box(read(&mut reader, &mut buf, &mut cx)));
                let mut rest = buf.filled();
                while !rest.is_empty() {
                    match write(&mut writer, rest, &mut cx) {
                        Poll::Ready(Ok(written @ 1..)) => rest = &rest[written..],
                        other => panic!("the target takes everything: {other:?}"),
                    }
                }
            }
        })
    };
    (0..workers).map(worker).collect()
}

// Out of line, as where bytes are handled: nothing is known of the object but its type.
#[inline(never)]
fn read<R: AsyncRead + Unpin>(
    reader: &mut R,
    buf: &mut ReadBuf<'_>,
    cx: &mut Context<'_>,
) -> Poll<io::Result<()>> {
    Pin::new(reader).poll_read(cx, buf)
}

#[inline(never)]
fn blocking_read<R: Read>(reader: &mut R, buf: &mut [u8]) -> io::Result<usize> {
    reader.read(buf)
}

#[inline(never)]
fn write<W: AsyncWrite + Unpin>(writer: &mut W, buf: &[u8], cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
    Pin::new(writer).poll_write(cx, buf)
}
