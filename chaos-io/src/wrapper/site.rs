//! [`Site`]: a wrapper's hold on its point, its name, and where it stands.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use chaos_core::Point;
use chaos_core::point::{Attachment, Candidate};

use super::attempt::Attempt;
use crate::operation::{Io, IoCall, IoKind, WRAPPER};

/// How operations wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// By `Pending`.
    Polled,
    /// By blocking the thread.
    Blocking,
}

#[derive(Debug)]
pub(crate) struct Site {
    attachment: Attachment<Io>,
    path: Option<Arc<Path>>,
    read: u64,
    written: u64,
    // Reads and writes move one position, as in a file, and not each its own, as in a socket.
    one_position: bool,
    // Not every trait tells a wrapper how much was read.
    reads_uncounted: bool,
}

impl Site {
    pub(crate) fn new(point: &Point<Io>) -> Self {
        Self {
            attachment: point.attach(WRAPPER),
            path: None,
            read: 0,
            written: 0,
            one_position: false,
            reads_uncounted: false,
        }
    }

    pub(crate) fn name(&mut self, path: PathBuf) {
        self.path = Some(path.into());
    }

    pub(super) fn point(&self) -> &Point<Io> {
        self.attachment.point()
    }

    #[inline]
    pub(crate) fn is_off(&self) -> bool {
        self.attachment.point().is_off()
    }

    /// So many bytes were read.
    #[inline]
    pub(crate) fn read(&mut self, bytes: usize) {
        self.read = self.read.wrapping_add(bytes as u64);
    }

    /// So many bytes were written.
    #[inline]
    pub(crate) fn wrote(&mut self, bytes: usize) {
        self.written = self.written.wrapping_add(bytes as u64);
    }

    /// Bytes were read, and nobody knows how many.
    #[cfg(feature = "hyper")]
    pub(crate) fn read_uncounted(&mut self) {
        self.reads_uncounted = true;
    }

    /// Both directions begin to count here.
    pub(super) fn begin_at(&mut self, offset: u64) {
        (self.read, self.written) = (offset, offset);
    }

    /// What can seek is a file, whose reads and writes move one position.
    pub(super) fn moved_to(&mut self, offset: u64) {
        // What was written only grows, so that a flush can tell whether something was written since.
        self.read = offset.wrapping_sub(self.written);
        (self.one_position, self.reads_uncounted) = (true, false);
    }

    /// Where the next read begins, as far as it is known.
    pub(super) fn read_offset(&self) -> Option<u64> {
        let offset = if self.one_position { self.read.wrapping_add(self.written) } else { self.read };
        (!self.reads_uncounted).then_some(offset)
    }

    /// Where the next write begins.
    pub(super) fn write_offset(&self) -> Option<u64> {
        if self.one_position { self.read_offset() } else { Some(self.written) }
    }

    /// How much was written, ever.
    pub(super) fn written(&self) -> u64 {
        self.written
    }

    /// Decides an operation: `None` lets it pass.
    #[inline]
    pub(crate) fn decide(&mut self, kind: IoKind, len: usize, mode: Mode) -> Option<Attempt> {
        let offset = match kind {
            IoKind::Read => self.read_offset(),
            IoKind::Write => self.write_offset(),
            _ => None,
        };
        let call = IoCall { kind, offset, len, path: self.path.as_deref() };
        attempt(self.attachment.candidate(call)?, call, mode)
    }
}

// Out of line, as most operations pass.
#[inline(never)]
fn attempt(candidate: Candidate<'_, Io>, call: IoCall<'_>, mode: Mode) -> Option<Attempt> {
    candidate.decide(call).map(|hit| Attempt::new(hit, mode))
}
