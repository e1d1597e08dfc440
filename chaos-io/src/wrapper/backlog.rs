//! [`Backlog`]: bytes that the object inside is to get before anything else.

use std::io;
use std::task::{Context, Poll, ready};

use super::writes::WriteInner;

/// What a write-back cache holds, or the second copy of a write that is written twice.
#[derive(Debug, Default)]
pub(super) struct Backlog {
    bytes: Vec<u8>,
    at: usize,
}

impl Backlog {
    pub(super) fn len(&self) -> usize {
        self.bytes.len() - self.at
    }

    /// How many there were before any of them went on.
    pub(super) fn total(&self) -> usize {
        self.bytes.len()
    }

    pub(super) fn append(&mut self, other: &mut Self) {
        self.push(&other.bytes[other.at..]);
        *other = Self::default();
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.extend_from_slice(bytes);
    }

    /// Ready when the object has everything.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, inner: &mut WriteInner<'_>) -> Poll<io::Result<()>> {
        while self.len() > 0 {
            let written = ready!(inner(cx, &[io::IoSlice::new(&self.bytes[self.at..])]))?;
            if written == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.at += written;
        }
        self.bytes.clear();
        self.at = 0;
        Poll::Ready(Ok(()))
    }
}
