//! [`ChaosIo`]: an I/O object behind a point, and what its operations are carried through.
//!
//! One type for readers, writers and streams, and for tokio's traits, the standard library's, hyper's and those of
//! `futures-io`: it implements whatever the object inside does. What the traits have in common is here: the operations
//! under way, which know nothing of the object.
//!
//! ```
//! use chaos_core::Chaos;
//! use chaos_io::{ChaosIo, wrapper::Direction};
//! use std::io::Read;
//! # use std::io;
//!
//! fn first_byte<R: Read, D: Direction>(wrapped: &mut ChaosIo<R, D>) -> io::Result<u8> {
//!     let mut byte = [0];
//!     wrapped.read_exact(&mut byte)?;
//!     Ok(byte[0])
//! }
//!
//! let mut reader = chaos_io::ChaosReader::new(&b"7"[..], Chaos::seeded(7).point("wal")?);
//! assert_eq!(first_byte(&mut reader)?, b'7');
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod attempt;
mod backlog;
mod direction;
mod owed;
mod plain;
mod reads;
mod seeks;
mod site;
mod writes;

use std::fmt;
use std::marker::PhantomData;
use std::path::PathBuf;
use std::pin::Pin;

use chaos_core::Point;
use pin_project_lite::pin_project;

pub use direction::{Both, Direction, ReadsOnly, WritesOnly};

#[cfg(feature = "fs")]
pub(crate) use plain::Begun;
pub(crate) use plain::Plain;
pub(crate) use reads::Reads;
pub(crate) use seeks::{Seek, Seeks};
pub(crate) use site::{Mode, Site};
pub(crate) use writes::Writes;

use crate::operation::Io;

pin_project! {
    /// An I/O object behind a point: [`ChaosReader`](crate::ChaosReader), [`ChaosWriter`](crate::ChaosWriter) or
    /// [`ChaosStream`](crate::ChaosStream), which say what of it passes the point.
    ///
    /// It implements what `T` does of tokio's `AsyncRead`, `AsyncBufRead`, `AsyncWrite` and `AsyncSeek`, of `Read`,
    /// `BufRead`, `Write` and `Seek` of the standard library, and behind features of the traits of hyper and
    /// `futures-io`. While no rule is armed at the point, operations go straight to the object; their bytes are counted.
    ///
    /// # One operation, one attempt
    ///
    /// What happens to an operation is decided when it is first polled, and stays decided until it is done: an operation
    /// that was `Pending` and is polled again is the same one, so that `nth` counts reads and not polls. The traits do not
    /// tell a wrapper that a caller gave up: the next operation of the same kind then is the same attempt, with the buffer
    /// it comes with, and nothing of the old buffer is used. A `fill_buf` is a read; again before anything was consumed, it
    /// is the same read.
    ///
    /// # Cancelling
    ///
    /// Dropping an operation at any moment loses and invents no byte that the rule was not asked to. What a read brought
    /// that nobody took comes with the next read. A write that is done but answers late
    /// ([`latency_after`](crate::latency_after)) keeps its answer for the same bytes, and forgets it for others.
    pub struct ChaosIo<T, D> {
        #[pin]
        pub(crate) inner: T,
        pub(crate) faults: Faults,
        direction: PhantomData<fn() -> D>,
    }
}

/// Everything but the object.
#[derive(Debug)]
pub(crate) struct Faults {
    pub(crate) site: Site,
    pub(crate) reads: Reads,
    pub(crate) writes: Writes,
    pub(crate) flush: Plain,
    pub(crate) close: Plain,
    pub(crate) seeks: Seeks,
}

impl<T, D: Direction> ChaosIo<T, D> {
    /// `inner` behind `point`.
    pub fn new(inner: T, point: Point<Io>) -> Self {
        let faults = Faults {
            site: Site::new(&point),
            reads: Reads::default(),
            writes: Writes::default(),
            flush: Plain::default(),
            close: Plain::default(),
            seeks: Seeks::default(),
        };
        Self { inner, faults, direction: PhantomData }
    }

    /// With a path for [`path`](crate::path) and [`path_glob`](crate::path_glob) to match. It is only a name: nothing is
    /// opened.
    #[must_use]
    pub fn named(mut self, path: impl Into<PathBuf>) -> Self {
        self.faults.site.name(path.into());
        self
    }

    /// Where `inner` stands now, in bytes from its start, for matchers of places. A new wrapper takes it to stand at 0, and
    /// counts from there; a seek through the wrapper sets it right.
    #[must_use]
    pub fn at_offset(mut self, offset: u64) -> Self {
        self.faults.site.begin_at(offset);
        self
    }

    /// What stands at this byte of a file: reads and writes move one position.
    #[cfg(all(feature = "fs", unix))]
    pub(crate) fn in_file_at(mut self, offset: u64) -> Self {
        self.faults.site.moved_to(offset);
        self
    }

    /// The point.
    pub fn point(&self) -> &Point<Io> {
        self.faults.site.point()
    }

    /// The object behind the point.
    pub fn get_ref(&self) -> &T {
        &self.inner
    }

    /// The object behind the point. What is read or written on it directly passes no point, and not through what the
    /// wrapper holds.
    pub fn get_mut(&mut self) -> &mut T {
        &mut self.inner
    }

    /// The object behind the point, pinned.
    pub fn get_pin_mut(self: Pin<&mut Self>) -> Pin<&mut T> {
        self.project().inner
    }

    /// Takes the point away again. Operations that are held are given up, and with them what the wrapper holds of what was
    /// read or written: see [`write_back`](ChaosIo::write_back).
    pub fn into_inner(self) -> T {
        self.inner
    }

    /// Holds what is written in memory, as the page cache does, until it is flushed, or until there are more than
    /// `capacity` bytes of it: with it, a [`lost_flush`](crate::lost_flush) can lose something.
    ///
    /// A flush, a shutdown or a sync that is done writes it first, in order; so does a seek. One that is lost leaves it here,
    /// for a later one to write. Dropping the wrapper is the crash: what it holds is gone, and reopening the file shows
    /// it. This is as much as a wrapper of one object can do: it does not know of renames, of other descriptors of the
    /// same file, or in which order a kernel writes back.
    ///
    /// A capacity of 0 holds nothing.
    #[must_use]
    pub fn write_back(mut self, capacity: usize) -> Self {
        self.faults.writes.write_back(capacity);
        self
    }

    /// How many bytes were written to the wrapper and not to the object yet: what dropping the wrapper now would lose.
    pub fn unwritten(&self) -> usize {
        self.faults.writes.unwritten()
    }
}

impl<T: fmt::Debug, D: Direction> fmt::Debug for ChaosIo<T, D> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(D::NAME)
            .field("inner", &self.inner)
            .field("point", &self.point().name())
            .finish_non_exhaustive()
    }
}
