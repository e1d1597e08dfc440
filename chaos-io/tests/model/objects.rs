//! Objects to wrap, which answer what they like: `Pending`, less than asked for, all at once.

use std::io::{self, IoSlice, SeekFrom};
use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncBufRead, AsyncRead, AsyncSeek, AsyncWrite, ReadBuf};

/// A file in memory with moods drawn from a seed.
pub(crate) struct Moody {
    pub(crate) data: Vec<u8>,
    at: usize,
    seed: u64,
    pending: bool,
    pub(crate) flushed: usize,
}

impl Moody {
    pub(crate) fn new(data: Vec<u8>, seed: u64) -> Self {
        Self { data, at: 0, seed: seed | 1, pending: false, flushed: 0 }
    }

    fn draw(&mut self, below: usize) -> usize {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) as usize % below.max(1)
    }

    /// Never twice in a row, so that a caller who polls once gets on.
    fn is_pending(&mut self, cx: &Context<'_>) -> bool {
        self.pending = !self.pending && self.draw(3) == 0;
        if self.pending {
            cx.waker().wake_by_ref();
        }
        self.pending
    }

    fn some_of(&mut self, most: usize) -> usize {
        if most == 0 { 0 } else { 1 + self.draw(most) }
    }

    pub(crate) fn rest(&self) -> &[u8] {
        &self.data[self.at.min(self.data.len())..]
    }
}

impl AsyncRead for Moody {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if self.is_pending(cx) {
            return Poll::Pending;
        }
        let most = buf.remaining().min(self.rest().len());
        let bytes = self.some_of(most);
        buf.put_slice(&self.rest()[..bytes]);
        self.at += bytes;
        Poll::Ready(Ok(()))
    }
}

impl AsyncBufRead for Moody {
    fn poll_fill_buf(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<&[u8]>> {
        if self.is_pending(cx) {
            return Poll::Pending;
        }
        let this = self.get_mut();
        let most = this.rest().len().min(40);
        Poll::Ready(Ok(&this.rest()[..most]))
    }

    fn consume(mut self: Pin<&mut Self>, amt: usize) {
        self.at += amt;
    }
}

impl AsyncWrite for Moody {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        if self.is_pending(cx) {
            return Poll::Pending;
        }
        let bytes = self.some_of(buf.len());
        let at = self.at;
        let end = self.data.len().max(at + bytes);
        self.data.resize(end, 0);
        self.data[at..at + bytes].copy_from_slice(&buf[..bytes]);
        self.at += bytes;
        Poll::Ready(Ok(bytes))
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let joined: Vec<u8> = bufs.iter().flat_map(|buf| buf.iter().copied()).collect();
        self.poll_write(cx, &joined)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.is_pending(cx) {
            return Poll::Pending;
        }
        self.flushed = self.data.len();
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush(cx)
    }
}

impl AsyncSeek for Moody {
    fn start_seek(mut self: Pin<&mut Self>, position: SeekFrom) -> io::Result<()> {
        let to = match position {
            SeekFrom::Start(to) => Some(to),
            SeekFrom::Current(by) => (self.at as u64).checked_add_signed(by),
            SeekFrom::End(by) => (self.data.len() as u64).checked_add_signed(by),
        };
        self.at = to.ok_or(io::ErrorKind::InvalidInput)? as usize;
        Ok(())
    }

    fn poll_complete(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<u64>> {
        if self.is_pending(cx) {
            return Poll::Pending;
        }
        Poll::Ready(Ok(self.at as u64))
    }
}
